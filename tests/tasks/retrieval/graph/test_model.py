"""The graph model: what it learns, what is left out, and what new items and shoppers get."""

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tests.tasks.retrieval.test_two_tower import recall
from tfmm.tasks.retrieval.graph.memory import GraphMemoryError
from tfmm.tasks.weights import restore_weights, save_weights, saved_states

LIGHT = {"title": "bag", "kind": "embedding"}


def made(shop, graph=None, pairs=None, **config):
    tf.keras.utils.set_random_seed(1)
    return tfmm.Graph.from_data(shop, pairs, graph=graph, **{"encoders": {}, "dim": 16} | config)


def trained(shop, pairs, graph=None, epochs=5, **config):
    model = made(shop, graph, pairs, **config)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    model.fit(model.batches(pairs, batch_size=128), epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def model(shop, parts):
    return trained(shop, parts.train, encoders=LIGHT)


def test_training_finds_the_taste_of_each_shopper(model, parts):
    assert recall(model, parts) > 0.9
    assert not model.sampled


@pytest.mark.parametrize(
    ("graph", "config"),
    [
        ({"mode": "sampled", "similar": ()}, {"user_id": True}),
        (
            {"propagation": "gcn", "together": 5, "attributes": ("kind",), "join": "gate"},
            {"encoders": LIGHT},
        ),
        ({"mode": "sampled", "loss": "bpr", "join": "concat"}, {"encoders": LIGHT}),
        ({"layers": 0, "mix": "fixed"}, {"user_features": {}, "history": "gru"}),
    ],
)
def test_every_way_of_passing_messages_learns_it_too(shop, parts, graph, config):
    model = trained(shop, parts.train, graph, **config)
    assert recall(model, parts) > 0.8


def test_no_vector_of_a_step_holds_the_edge_that_it_learns(shop, parts):
    # With nothing but one layer of events and user vectors, an item knows its users alone.
    pairs = parts.train.subset(np.arange(len(parts.train)) < 40)
    model = made(shop, {"similar": (), "layers": 1, "mix": "fixed"}, pairs, user_id=True)
    batch = next(iter(model.batches(pairs, batch_size=64)))
    seen = []
    plain = model.propagation.call
    model.propagation.call = lambda *inputs: seen.append(plain(*inputs)) or seen[-1]
    model.compute_loss(batch, training=True)
    np.testing.assert_array_equal(seen[0], np.zeros_like(seen[0]))


def test_an_untrained_item_is_reached_by_its_neighbours_as_in_training(shop, parts, tmp_path):
    cold = np.arange(0, 60, 10)
    warm = parts.train.subset(~np.isin(parts.train.item, cold))
    model = trained(shop, warm)
    vectors = model.item_vectors()
    same = np.arange(60)[:, None] % 3 == cold[None, :] % 3
    alike = vectors @ vectors[cold].T
    assert (alike[same].mean() - alike[~same].mean()) > 0.3

    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    loaded = made(shop, states=saved_states(tmp_path))
    restore_weights(loaded, tmp_path, shop.items.ids, shop.users.ids, served=True)
    np.testing.assert_allclose(loaded.item_vectors(), vectors, atol=1e-5)


def test_a_catalogue_that_has_grown_keeps_its_vectors_by_name(shop, model, tmp_path):
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    grown = made(shop, encoders=LIGHT, states=saved_states(tmp_path))
    order = np.roll(shop.items.ids, 1)
    order[0] = "new item"
    counts = restore_weights(grown, tmp_path, order, shop.users.ids)
    assert counts["new"] == 0
    assert counts["new_items"] == 1
    np.testing.assert_array_equal(
        grown.propagation.reached[1:], model.propagation.reached[:-1].numpy()
    )
    assert np.isfinite(grown.item_vectors()).all()


def test_session_gives_a_known_shopper_what_their_history_gives(model, parts):
    vectors = model.item_vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    own = parts.train.item[slice(*parts.train.offsets[:2])]
    history = vectors[own][None]
    out = model.session_module()(tf.constant(history), tf.ones((1, len(own)), tf.bool))
    np.testing.assert_allclose(out[0], model.user_vectors(parts.train, [0])[0], atol=1e-5)
    expected = model.user_vectors(parts.train, [0, 3], vectors) @ vectors.T
    np.testing.assert_allclose(model.score([0, 3], parts.train), expected, atol=1e-5)


def test_users_without_training_events_get_the_newcomers_vector(shop, parts):
    some = parts.train.subset(parts.train.user != 3)
    model = trained(shop, some, epochs=1)
    users = model.user_vectors(some)
    np.testing.assert_allclose(users[3], model.user_vectors(some, [-1])[0], atol=1e-6)
    assert np.isfinite(users).all()


def test_masking_a_feature_hides_its_edges_too(model, shop, parts):
    assert model.reads == ["title", "kind"]
    assert np.abs(model.item_vectors(mask="title") - model.item_vectors()).max() > 0.01
    only_joined = trained(shop, parts.train, epochs=1)
    assert only_joined.reads == ["title"]
    assert np.abs(only_joined.item_vectors(mask="title") - only_joined.item_vectors()).max() > 0.01
    with pytest.raises(ValueError, match="no feature 'titel' to mask; the model reads title"):
        model.item_vectors(mask="titel")


def test_heavy_encoders_encode_a_budget_in_the_whole_graph(shop, parts):
    encoders = {"title": {"name": "lstm", "units": 8}}
    model = made(shop, pairs=parts.train, encoders=encoders, budget=4)
    batch = next(iter(model.batches(parts.train, batch_size=64)))
    assert batch["features"] == {}
    model.compute_loss(batch, training=True)
    rows = batch["items"].numpy()[batch["encode"]["title"]["at"].numpy()]
    filled = model.item_tower.content.filled["title"].numpy()
    np.testing.assert_array_equal(np.flatnonzero(filled), np.sort(rows))


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        ({"similar": ("titel",)}, ValueError, "`graph.similar` names 'titel', which is no item"),
        ({"similar": ("photo",)}, ValueError, "kind 'image' without a frozen encoder"),
        ({"attributes": ("title",)}, ValueError, "only the values of categories and tags"),
        ({"weights": {"bougth": 2.0}}, ValueError, "names 'bougth', but the graph has no such"),
        ({"loss": "hinge"}, ValueError, "loss must be one of softmax, bpr, got 'hinge'"),
        ({"mode": "half"}, ValueError, "mode must be one of auto, full, sampled, got 'half'"),
        ({"join": "product"}, ValueError, "join must be one of sum, gate, concat, got 'product'"),
        ({"mode": "full", "memory": 1e-6}, GraphMemoryError, "`graph.memory` allows 1e-06 GiB"),
    ],
)
def test_refusals_say_what_to_do(shop, parts, graph, error, message):
    with pytest.raises(error, match=message):
        made(shop, graph, parts.train, encoders=LIGHT)


def test_types_of_edges_weigh_one_unless_told(shop):
    def weights(**graph):
        mix = made(shop, {"together": 3, **graph}, encoders=LIGHT).propagation.mix
        return {name: float(weight) for name, weight in mix.items()}

    both = {"similar": ("title", "kind")}
    assert weights(**both) == {
        "events": 1.0,
        "similar/title": 1.0,
        "similar/kind": 1.0,
        "together": 1.0,
    }
    given = weights(**both, weights={"similar": 3.0, "similar/kind": 7.0, "together": 2.0})
    assert given == {"events": 1.0, "similar/title": 3.0, "similar/kind": 7.0, "together": 2.0}


def test_a_graph_that_does_not_fit_is_sampled(shop, parts):
    model = made(shop, {"memory": 1e-6}, parts.train)
    batch = next(iter(model.batches(parts.train, batch_size=8)))
    assert model.sampled
    assert "tree" in batch


def test_weights_are_saved_under_the_names_that_run_folders_hold(shop, parts, tmp_path):
    graph = {"propagation": "gcn", "attributes": ("kind",)}
    model = made(shop, graph, parts.train, encoders=LIGHT, user_id=True)
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    with np.load(tmp_path / "weights.npz") as saved:
        assert {
            "item_tower/known",
            "item_tower/id_embedding",
            "propagation/reached",
            "propagation/kernel_events back_0",
            "propagation/kernel_has/kind forth_1",
            "propagation/kernel_self item_1",
            "propagation/mix_similar/title",
            "propagation/nodes_has/kind",
            "user_tower/newcomer",
        } <= set(saved.files)
