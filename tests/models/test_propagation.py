"""Messages over a whole graph against plain matrices, and sampled ones against whole ones."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_graph_edges import interactions
from tfmm.data.columns import CategoryColumn
from tfmm.models.graph_edges import Edges, attribute_edges, event_edges, normalised
from tfmm.models.graph_memory import GraphMemoryError, choose_mode, full_memory
from tfmm.models.neighbour_sampling import NeighbourSampler, item_rows, with_item_rows
from tfmm.models.propagation import Adjacency, Propagation, Relation

USERS, ITEMS, DIM = 6, 8, 4
RNG = np.random.default_rng(3)
PAIRS = interactions(
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
    ]


def layer(edges, **config):
    tf.keras.utils.set_random_seed(2)
    relations = [Relation(one.name, one.source, one.target, 0.7) for one in edges]
    sizes = {"item": ITEMS, "user": USERS, "has/kind": 2}
    return Propagation(sizes, DIM, relations, **{"users": True} | config)


def whole(made, edges, keep=None, users=OF_USERS):
    tensors = {one.name: Adjacency.of(one) for one in edges}
    keep = None if keep is None else tf.constant(keep)
    return made(tf.constant(OWN), tensors, users, keep).numpy()


def test_light_gcn_is_what_its_matrices_say():
    edges = all_edges()
    made = layer(edges, layers=3)
    view, buy, has, near = (one.matrix.toarray() for one in edges)
    to_users = 0.7 * (view + buy)
    nodes = made.nodes["has/kind"].numpy()
    item, user, total = OWN, OF_USERS, 0.7 * near @ OWN
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
    left_out = np.array([1, 4, 5, 9])
    keep = np.ones(len(PAIRS), np.float32)
    keep[left_out] = 0
    rows = np.array([5, 0, 7, 2], np.int32)
    sampler = NeighbourSampler(edges, made.relations, layers=2, fanout=ITEMS)
    tree = sampler.tree(tf.constant(rows), tf.constant([1, 2], tf.int64), tf.constant(left_out))
    expected = whole(made, edges, keep, users)[rows]
    np.testing.assert_allclose(
        made.sampled(tf.constant(OWN), tree, users), expected, rtol=1e-4, atol=1e-5
    )


def test_samples_are_right_on_average():
    edges = all_edges()
    made = layer(edges)
    rows = tf.range(ITEMS)
    sampler = NeighbourSampler(edges, made.relations, layers=2, fanout=2)
    none = tf.constant([-5], tf.int64)

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
    tree = sampler.tree(tf.range(3), tf.constant([1, 2], tf.int64), tf.constant([0], tf.int64))
    rows = item_rows(tree, kinds)
    again = item_rows(with_item_rows(tree, kinds, list(rows)), kinds)
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(rows, again, strict=True))


def test_edges_that_are_left_out_bring_nothing():
    edges = event_edges(PAIRS)
    made = layer(edges, layers=1)
    nothing = np.zeros(len(PAIRS), np.float32)
    np.testing.assert_array_equal(whole(made, edges, nothing), np.zeros((ITEMS, DIM)))


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
