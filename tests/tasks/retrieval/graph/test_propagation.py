"""Messages over a whole graph against plain matrices, and sampled ones against whole ones."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.retrieval.graph.test_edges import pairs_of
from tfmm.data.columns import CategoryColumn
from tfmm.tasks.retrieval.graph.edges import (
    Edges,
    attribute_edges,
    event_edges,
    normalised,
    together_edges,
)
from tfmm.tasks.retrieval.graph.left_out import LeftOut
from tfmm.tasks.retrieval.graph.memory import GraphMemoryError, choose_mode, full_memory
from tfmm.tasks.retrieval.graph.neighbour_sampling import (
    NeighbourSampler,
    item_rows,
    with_item_rows,
)
from tfmm.tasks.retrieval.graph.propagation import Adjacency, Propagation, Relation

USERS, ITEMS, DIM = 6, 8, 4
RNG = np.random.default_rng(3)
PAIRS = pairs_of(
    [(u, i) for u in range(USERS - 1) for i in range(ITEMS - 1) if (u * 3 + i * 5) % 4 < 2],
    USERS,
    ITEMS,
)
OWN = RNG.normal(size=(ITEMS, DIM)).astype(np.float32)
OF_USERS = RNG.normal(size=(USERS, DIM)).astype(np.float32)


def all_edges():
    kinds = CategoryColumn(
        (np.arange(ITEMS) % 3 - 1).astype(np.int32), np.array(["a", "b"], object)
    )
    near = normalised((RNG.random((ITEMS, ITEMS)) < 0.3) * (1 - np.eye(ITEMS)))
    half = PAIRS.item % 2 == 0
    return [
        *event_edges(PAIRS, {"view": np.ones(len(PAIRS), bool), "buy": half}),
        attribute_edges("kind", kinds),
        Edges("similar/x", "item", "item", near),
        together_edges(PAIRS, k=3, shrink=1.0),
    ]


def left_out(which):
    """What a batch of the pairs `which` leaves out, every shopper with all their other items."""
    which = np.asarray(which, np.int64)
    history = np.full((len(which), ITEMS), -1, np.int32)
    for row, pair in enumerate(which):
        held = PAIRS.item[(PAIRS.user == PAIRS.user[pair]) & (PAIRS.item != PAIRS.item[pair])]
        history[row, : len(held)] = held
    # Rows of the catalogue stand in a batch by their places among its items.
    rows = tf.constant(np.arange(ITEMS)[::-1].astype(np.int32))
    places = np.where(history >= 0, ITEMS - 1 - history, -1)
    target = (ITEMS - 1 - PAIRS.item[which]).astype(np.int32)
    return LeftOut.of(
        tf.constant(which), rows, tf.constant(target), tf.constant(places), ITEMS, len(PAIRS)
    )


def layer(edges, **config):
    tf.keras.utils.set_random_seed(2)
    relations = [Relation(one.name, one.source, one.target, 0.7) for one in edges]
    sizes = {"item": ITEMS, "user": USERS, "has/kind": 2}
    return Propagation(sizes, DIM, relations, **{"users": True} | config)


def whole(made, edges, which=(), users=OF_USERS):
    tensors = {one.name: Adjacency.of(one) for one in edges}
    return made(tf.constant(OWN), tensors, users, left_out(which)).numpy()


def test_light_gcn_is_what_its_matrices_say():
    edges = all_edges()
    made = layer(edges, layers=3)
    view, buy, has, near, together = (one.matrix.toarray() for one in edges)
    to_users = 0.7 * (view + buy)
    nodes = made.nodes["has/kind"].numpy()
    item, user, total = OWN, OF_USERS, 0.7 * (near + together) @ OWN
    for _ in range(3):
        item, user, nodes = (
            to_users.T @ user + 0.7 * has @ nodes,
            to_users @ item,
            0.7 * has.T @ item,
        )
        total = total + item
    np.testing.assert_allclose(whole(made, edges), total, rtol=1e-4, atol=1e-5)


def test_gcn_passes_weights_and_an_activation():
    (edges,) = event_edges(PAIRS)
    made = layer([edges], kind="gcn", layers=1)
    w = {key: kernel.numpy() for key, kernel in made.kernels.items()}
    assert set(w) == {"events back 0", "self item 0"}
    messages = 0.7 * edges.matrix.toarray().T @ OF_USERS
    expected = np.tanh(messages @ w["events back 0"] + OWN @ w["self item 0"])
    np.testing.assert_allclose(whole(made, [edges]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["lightgcn", "gcn"])
@pytest.mark.parametrize("own_users", [True, False])
def test_a_sample_of_all_neighbours_is_the_whole_graph(kind, own_users):
    edges = all_edges()
    made = layer(edges, kind=kind, users=own_users)
    users = tf.constant(OF_USERS) if own_users else None
    which = [9, 1, 4, 5]
    rows = np.array([5, 0, 7, 2], np.int32)
    sampler = NeighbourSampler(edges, made.relations, layers=2, fanout=ITEMS)
    tree = sampler.tree(tf.constant(rows), tf.constant([1, 2], tf.int64), left_out(which))
    expected = whole(made, edges, which, users)[rows]
    np.testing.assert_allclose(
        made.sampled(tf.constant(OWN), tree, users), expected, rtol=1e-4, atol=1e-5
    )


def test_samples_are_right_on_average():
    edges = all_edges()
    made = layer(edges)
    rows = tf.range(ITEMS)
    sampler = NeighbourSampler(edges, made.relations, layers=2, fanout=2)
    none = left_out([])

    @tf.function
    def once(seed):
        tree = sampler.tree(rows, tf.stack([seed, 7]), none)
        return made.sampled(tf.constant(OWN), tree, tf.constant(OF_USERS))

    drawn = np.stack([once(tf.constant(seed, tf.int64)).numpy() for seed in range(1500)])
    error = np.abs(drawn.mean(0) - whole(made, edges)).max()
    assert error < 6 * drawn.std(0).max() / np.sqrt(len(drawn))
    assert drawn.std(0).max() > 0.01


def test_rows_of_a_tree_can_be_replaced_by_places():
    edges = all_edges()
    made = layer(edges)
    sampler = NeighbourSampler(edges, made.relations, layers=2, fanout=3)
    kinds = {key: out_of for ways in sampler.ways.values() for key, (_, out_of) in ways.items()}
    tree = sampler.tree(tf.range(3), tf.constant([1, 2], tf.int64), left_out([0]))
    rows = item_rows(tree, kinds)
    again = item_rows(with_item_rows(tree, kinds, list(rows)), kinds)
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(rows, again, strict=True))


def test_edges_that_are_left_out_bring_nothing():
    edges = event_edges(PAIRS)
    made = layer(edges, layers=1)
    everything = np.arange(len(PAIRS))
    np.testing.assert_array_equal(whole(made, edges, everything), np.zeros((ITEMS, DIM)))


def test_what_the_pairs_of_a_batch_say_of_items_bought_together_is_taken_out():
    edges = together_edges(PAIRS, k=3, shrink=1.0)
    which = [0, 3, 7]
    holders = [set(PAIRS.user[PAIRS.item == item]) for item in range(ITEMS)]
    rest = np.zeros((ITEMS, ITEMS), np.float32)
    for one, other in zip(*edges.matrix.nonzero(), strict=True):
        both = holders[one] & holders[other]
        # A pair of the batch says that its shopper holds its item beside each of their others.
        said = [PAIRS.user[p] in both and PAIRS.item[p] in (one, other) for p in which]
        rest[one, other] = max(0, 1 - sum(said) / len(both)) * edges.matrix[one, other]
    assert 0 < rest.sum() < edges.matrix.sum()
    np.testing.assert_allclose(
        whole(layer([edges]), [edges], which), 0.7 * rest @ OWN, rtol=1e-4, atol=1e-6
    )


def test_unknown_kinds_are_refused():
    for config, message in (
        ({"kind": "gat"}, "kind must be one of lightgcn, gcn, got 'gat'"),
        ({"mix": "none"}, "mix must be one of learned, fixed, got 'none'"),
        ({"layers": -1}, "layers must be 0 or more, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(all_edges(), **config)
    with pytest.raises(ValueError, match="fanout must be 1 or more, got 0"):
        NeighbourSampler(all_edges(), {}, layers=1, fanout=0)


def test_a_graph_too_large_is_sampled_or_refused_with_what_to_do():
    edges = event_edges(PAIRS)
    small, large = (full_memory(edges, nodes, 64, 2) for nodes in (100, 10_000_000))
    assert small < 2**20 < 2**32 < large
    assert choose_mode("auto", small, 4) == "full"
    assert choose_mode("auto", large, 4) == "sampled"
    assert choose_mode("sampled", small, 4) == "sampled"
    with pytest.raises(GraphMemoryError, match=r"takes about 23\.\d GiB.*mode: sampled"):
        choose_mode("full", large, 4)
    with pytest.raises(ValueError, match="mode must be one of auto, full, sampled, got 'part'"):
        choose_mode("part", small, 4)
