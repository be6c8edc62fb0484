"""Messages along triples: against plain matrices, sampled, saved, grown, and what they teach."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import tfmm
from tests.conftest import write_shop
from tests.tasks.retrieval.test_two_tower import recall
from tfmm.data.knowledge.triples import Knowledge
from tfmm.tasks.retrieval.graph.knowledge import KnowledgePropagation
from tfmm.tasks.retrieval.graph.knowledge_edges import KnowledgeEdges, KnowledgeSampler
from tfmm.tasks.retrieval.graph.memory import GraphMemoryError
from tfmm.tasks.weights import restore_weights, save_weights, saved_states

DIM, ITEMS = 4, 5
RNG = np.random.default_rng(1)
KNOWN = Knowledge(
    ITEMS,
    np.array(["红", "blue 🎩", "a/b"], object),
    np.array(["颜色/🎩", "like"], object),
    np.array([0, 1, 2, 3, 0, 5], np.int32),
    np.array([0, 0, 0, 1, 0, 1], np.int32),
    np.array([5, 5, 6, 0, 7, 7], np.int32),
)
EDGES = KnowledgeEdges(KNOWN, ITEMS)
OWN = RNG.normal(size=(ITEMS, DIM)).astype(np.float32)
ALONE = {"similar": (), "together": 0, "layers": 0}


def layer(kind, **options):
    made = KnowledgePropagation(3, 4, DIM, kind=kind, bases=2, **options)
    for variable in made.weights:
        variable.assign(RNG.normal(0, 0.5, variable.shape))
    made.weight.assign(0.5)
    return made


def plain(made):
    """What a layer gives to the items, edge by edge."""
    state = np.concatenate([OWN, made.entities.numpy()]).astype(np.float64)
    n, mixture = len(state), made.mixture.numpy()
    total, first = np.zeros((ITEMS, DIM)), state
    matrices = [one.numpy() for one in made.matrices]
    for number in range(made.rounds):
        after = np.zeros_like(state)
        for node in range(n):
            into = np.flatnonzero(EDGES.row == node)
            if made.kind == "attention":
                logits = []
                for edge in into:
                    way = EDGES.way[edge]
                    project = np.einsum("b,bdk->dk", mixture[way], matrices[0])
                    head = np.tanh(first[node] @ project + made.shift.numpy()[way])
                    tail = first[EDGES.column[edge]] @ project
                    logits.append(head @ tail + made.bias.numpy()[way])
                share = EDGES.prior[into] * np.exp(logits)
                after[node] = share / share.sum() @ state[EDGES.column[into]] if len(into) else 0
            else:
                sent = state[node] @ made.own[number].numpy()
                for edge in into:
                    matrix = np.einsum("b,bdk->dk", mixture[EDGES.way[edge]], matrices[number])
                    sent = sent + EDGES.prior[edge] * state[EDGES.column[edge]] @ matrix
                after[node] = np.tanh(sent)
        state = after
        total += state[:ITEMS]
    return 0.5 * total


@pytest.mark.parametrize("kind", ["attention", "rgcn"])
def test_messages_are_those_of_their_formula(kind):
    made = layer(kind)
    np.testing.assert_allclose(made(OWN, EDGES.whole), plain(made), atol=1e-5)


def test_edges_go_both_ways_and_those_into_a_node_sum_to_one():
    # But those of 6, an entity of one neighbour.
    assert len(EDGES) == 10
    sums = np.bincount(EDGES.row, EDGES.prior, minlength=8)
    np.testing.assert_allclose(sums, [1, 1, 0, 1, 0, 1, 0, 1], atol=1e-6)
    back = {(r, c): w for r, c, w in zip(EDGES.row, EDGES.column, EDGES.way, strict=True)}
    assert back[(0, 5)] == 0
    assert back[(5, 0)] == 2


@pytest.mark.parametrize("kind", ["attention", "rgcn"])
def test_every_weight_learns(kind):
    made = layer(kind)
    items = tf.Variable(OWN)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(items, EDGES.whole) * tf.constant(OWN))
    gradients = tape.gradient(loss, [*made.trainable_variables, items])
    assert all(np.abs(tf.convert_to_tensor(one)).max() > 1e-4 for one in gradients)


def test_a_gradient_is_the_slope():
    made = layer("attention")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(OWN, EDGES.whole) * tf.constant(OWN))
    slope = tf.convert_to_tensor(tape.gradient(loss, made.bias)).numpy()
    before = made.bias.numpy()
    for at, step in ((0, 1e-2), (3, 1e-2)):
        shifted = []
        for sign in (1, -1):
            made.bias.assign(before + sign * step * (np.arange(4) == at))
            shifted.append(float(tf.reduce_sum(made(OWN, EDGES.whole) * tf.constant(OWN))))
        made.bias.assign(before)
        assert (shifted[0] - shifted[1]) / (2 * step) == pytest.approx(slope[at], abs=1e-3)


@pytest.mark.parametrize("kind", ["attention", "rgcn"])
def test_a_sample_of_all_neighbours_gives_the_same(kind):
    made = layer(kind)
    rows = tf.constant([3, 0, 4], tf.int32)
    sampler = KnowledgeSampler(EDGES, layers=2, fanout=9)
    some = sampler.around(rows, tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(some["items"][:3], rows)
    found = made(tf.gather(OWN, some["items"]), some)[:3]
    np.testing.assert_allclose(found, plain(made)[rows.numpy()], atol=1e-5)


def test_a_sample_draws_no_more_than_its_fanout():
    sampler = KnowledgeSampler(EDGES, layers=1, fanout=1)
    some = sampler.around(tf.constant([0, 1], tf.int32), tf.constant([1, 2], tf.int64))
    assert len(some["row"]) == 2


def test_in_training_entities_may_be_hidden_and_pass_on_what_they_hear():
    made = layer("attention", dropout=0.999999)
    hidden = made(OWN, EDGES.whole, training=True)
    assert not np.allclose(hidden, made(OWN, EDGES.whole), atol=1e-3)
    made.entities.assign(tf.zeros_like(made.entities))
    np.testing.assert_allclose(hidden, made(OWN, EDGES.whole), atol=1e-6)
    assert np.abs(hidden).max() > 0.01


def test_the_layer_is_made_again_of_its_configuration():
    made = layer("rgcn", layers=1, activation="relu")
    again = KnowledgePropagation.from_config(made.get_config())
    again.set_weights(made.get_weights())
    np.testing.assert_array_equal(again(OWN, EDGES.whole), made(OWN, EDGES.whole))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "kgat"}, "kind must be one of attention, rgcn, got 'kgat'"),
        ({"layers": 0}, "layers and bases must be 1 or more, got 0 and 4"),
    ],
)
def test_options_that_there_are_not_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        KnowledgePropagation(3, 4, DIM, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny shop, whose triples alone tell the colour that shoppers go by."""
    folder = tmp_path_factory.mktemp("known")
    spec = yaml.safe_load(write_shop(folder).read_text())
    items = pd.read_csv(folder / "items.csv", dtype=str)
    rows = [(row.sku, "颜色/🎩", f"色 {row.colour}") for row in items.itertuples()]
    rows += [("色 red", "is a", "colour"), ("色 blue", "is a", "colour")]
    pd.DataFrame(rows, columns=["sku", "rel", "what"]).to_csv(folder / "known.csv", index=False)
    columns = {"head": "sku", "relation": "rel", "tail": "what"}
    spec["knowledge"] = {"table": "known.csv", **columns}
    (folder / "shop.yaml").write_text(yaml.safe_dump(spec))
    return folder


@pytest.fixture(scope="module")
def shop(folder):
    return tfmm.load(folder / "shop.yaml")


@pytest.fixture(scope="module")
def parts(shop):
    return tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1)


def made(shop, pairs=None, graph=None, **config):
    tf.keras.utils.set_random_seed(1)
    options = {"encoders": {}, "dim": 16, **config}
    return tfmm.Graph.from_data(shop, pairs, graph={**ALONE, **(graph or {})}, **options)


def trained(shop, pairs, graph=None, epochs=5, **config):
    model = made(shop, pairs, graph, **config)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    model.fit(model.batches(pairs, batch_size=128), epochs=epochs, verbose=0)
    return model


@pytest.mark.parametrize("graph", [{}, {"knowledge": "rgcn"}, {"mode": "sampled", "fanout": 20}])
def test_what_is_known_reaches_items_that_were_never_trained_on(shop, parts, graph):
    cold = np.arange(0, 60, 10)
    warm = parts.train.subset(~np.isin(parts.train.item, cold))
    same = np.arange(60)[:, None] % 3 == cold[None, :] % 3
    lift = {}
    for knowledge in ("none", graph.get("knowledge", "attention")):
        vectors = trained(shop, warm, {**graph, "knowledge": knowledge}).item_vectors()
        alike = vectors @ vectors[cold].T
        lift[knowledge] = alike[same].mean() - alike[~same].mean()
    assert lift.pop("none") < 0.1
    assert min(lift.values()) > 0.3


def test_it_joins_the_other_edges(shop, parts):
    model = trained(shop, parts.train, {"together": 5, "layers": 2, "mix": "learned"})
    assert recall(model, parts) > 0.9
    assert float(model.knowledge.weight) != 1.0


def test_without_triples_the_graph_is_the_same_bit_for_bit(shop, parts):
    unknowing = dataclasses.replace(shop, knowledge=Knowledge.none())
    empty = dataclasses.replace(shop, knowledge=Knowledge(60))
    one, two, three = (
        trained(data, parts.train, {"together": 5, "knowledge": kind}, epochs=1)
        for data, kind in ((unknowing, "attention"), (shop, "none"), (empty, "rgcn"))
    )
    assert one.knowledge is two.knowledge is three.knowledge is None
    assert set(one.saved_layers()) == {"item_tower", "user_tower", "propagation"}
    np.testing.assert_array_equal(one.item_vectors(), two.item_vectors())
    np.testing.assert_array_equal(one.item_vectors(), three.item_vectors())


def test_a_shop_that_has_grown_keeps_weights_by_name(folder, shop, parts, tmp_path):
    model = trained(shop, parts.train)
    vectors = model.item_vectors()
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    known = pd.read_csv(folder / "known.csv", dtype=str)
    items = pd.read_csv(folder / "items.csv", dtype=str)
    new = [("new/新", "颜色/🎩", "色 red"), ("new/新", "unheard of", "x"), ("y", "is a", "z")]
    grown = pd.concat([pd.DataFrame(new, columns=known.columns), known])
    grown.to_csv(folder / "grown.csv", index=False)
    pd.concat([items.iloc[[0]].assign(sku="new/新"), items]).to_csv(
        folder / "grown_items.csv", index=False
    )
    spec = yaml.safe_load((folder / "shop.yaml").read_text())
    spec["knowledge"]["table"], spec["items"]["table"] = "grown.csv", "grown_items.csv"
    (folder / "grown.yaml").write_text(yaml.safe_dump(spec))
    more = tfmm.load(folder / "grown.yaml")
    assert more.knowledge.relations[0] == "颜色/🎩"
    again = made(more, states=saved_states(tmp_path))
    restore_weights(again, tmp_path, more.items.ids, more.users.ids, served=True)
    entities = dict(zip(more.knowledge.entities, again.knowledge.entities.numpy(), strict=True))
    before = dict(zip(shop.knowledge.entities, model.knowledge.entities.numpy(), strict=True))
    for name, row in entities.items():
        np.testing.assert_array_equal(row, before.get(name, np.zeros(16)))
    found = again.item_vectors()
    np.testing.assert_allclose(found[1:], vectors, atol=1e-5)
    alike = found[1:] @ found[0]
    assert alike[np.arange(60) % 3 == 0].min() > alike[np.arange(60) % 3 != 0].max()


def test_a_model_that_was_trained_without_goes_on_without(shop, parts, tmp_path):
    unknowing = dataclasses.replace(shop, knowledge=Knowledge.none())
    model = trained(unknowing, parts.train, epochs=1)
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    loaded = made(shop, states=saved_states(tmp_path))
    restore_weights(loaded, tmp_path, shop.items.ids, shop.users.ids, served=True)
    np.testing.assert_allclose(loaded.item_vectors(), model.item_vectors(), atol=1e-5)


@pytest.mark.parametrize(
    ("graph", "error", "said"),
    [
        ({"knowledge": "kgat"}, ValueError, "`graph.knowledge` must be one of attention, rgcn or"),
        ({"mode": "full", "memory": 1e-4}, GraphMemoryError, "`graph.memory` allows 0.0001 GiB"),
    ],
)
def test_refusals_say_what_to_do(shop, parts, graph, error, said):
    with pytest.raises(error, match=said):
        made(shop, parts.train, graph)


def test_a_weight_may_be_given(shop):
    assert float(made(shop, graph={"weights": {"knowledge": 3.0}}).knowledge.weight) == 3.0
