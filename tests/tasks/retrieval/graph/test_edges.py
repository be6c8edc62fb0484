"""The edges of a graph: which there are, and how they are normalised."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.data.columns import CategoryColumn, TagsColumn, TextColumn
from tfmm.data.events.pairs import Pairs
from tfmm.layers.frozen import frozen_vectors
from tfmm.tasks.retrieval.graph.edges import (
    Edges,
    attribute_edges,
    event_edges,
    event_types,
    normalised,
    similar_edges,
    together_edges,
    without_loops,
)


def pairs_of(rows, users=4, items=5, time=None):
    user, item = np.array(rows, np.int32).T
    events = SimpleNamespace(user=user, item=item, time=time, weight=np.ones(len(user), np.float32))
    return Pairs.from_events(events, users, items)


def test_normalisation_is_by_the_roots_of_both_degrees():
    matrix = sp.csr_matrix(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], np.float32))
    expected = [[1 / np.sqrt(2), 1 / 2, 0], [0, 1 / np.sqrt(2), 0], [0, 0, 0]]
    np.testing.assert_allclose(normalised(matrix).toarray(), expected, atol=1e-6)


def test_each_edge_of_events_knows_its_pair():
    pairs = pairs_of([(0, 3), (0, 1), (2, 4), (1, 0)])
    (edges,) = event_edges(pairs)
    row = np.repeat(np.arange(4), np.diff(edges.matrix.indptr))
    assert list(row) == list(pairs.user[edges.pair])
    assert list(edges.matrix.indices) == list(pairs.item[edges.pair])
    assert edges.matrix[3].nnz == 0  # a user without events


def test_types_of_events_have_edges_of_their_own_and_empty_ones_none():
    pairs = pairs_of([(0, 3), (0, 1), (2, 4)])
    types = {"view": np.array([True, True, True]), "buy": pairs.item == 4, "cart": pairs.item > 9}
    made = {edges.name: len(edges) for edges in event_edges(pairs, types)}
    assert made == {"events/view": 3, "events/buy": 1}
    with pytest.raises(ValueError, match="None of the event types cart occurs"):
        event_edges(pairs, {"cart": pairs.item > 9})
    with pytest.raises(ValueError, match="no training pairs to build a graph of"):
        event_edges(Pairs.empty(3, 3))


def test_types_of_events_after_the_last_training_pair_are_not_known():
    user, item = np.array([0, 1, 0], np.int32), np.array([2, 2, 2], np.int32)
    events = SimpleNamespace(
        user=user,
        item=item,
        time=np.array([10, 20, 30]),
        weight=np.ones(3, np.float32),
        extra={"kind": np.array(["view", "view", "buy"], object)},
    )
    spec = SimpleNamespace(type="kind", weights={"view": 1.0, "buy": 4.0, "wish": 0.0})
    data = SimpleNamespace(events=events, shop=SimpleNamespace(events=spec))
    early = Pairs.from_events(events, 2, 3)
    found = event_types(data, early)
    assert {name: list(mask) for name, mask in found.items()} == {
        "view": [True, True],
        "buy": [False, False],
    }
    events.extra = {}
    with pytest.raises(ValueError, match=r"loaded without them.*extra_event_columns=\['kind'\]"):
        event_types(data, early)
    spec.type = None
    assert event_types(data, early) == {}


def test_items_bought_together_are_joined_by_the_strength_of_the_cosine():
    rows = [(u, i) for u in range(3) for i in (0, 1)] + [(3, 0), (3, 2)]
    edges = together_edges(pairs_of(rows), k=1, shrink=0.0)
    assert edges.matrix[1].indices.tolist() == [0]
    assert edges.matrix[0].indices.tolist() == [1]
    assert edges.matrix[2].indices.tolist() == [0]
    assert edges.support.tolist() == [3, 3, 1]


def test_texts_are_alike_by_their_rare_words():
    texts = ["red wool coat", "blue wool coat", "red hat", "garden hose", ""]
    edges = similar_edges("title", frozen_vectors(TextColumn(np.array(texts, object))), 1)
    assert edges.matrix[0].indices.tolist() == [1]
    assert edges.matrix[2].indices.tolist() == [0]
    assert edges.matrix[3].nnz == edges.matrix[4].nnz == 0


def test_rare_attributes_weigh_more_and_missing_ones_are_no_edges():
    words = np.array(["a", "b", "c"], object)
    tags = TagsColumn(np.array([0, 1, 0, 0], np.int32), np.array([0, 2, 3, 4, 4]), words)
    edges = attribute_edges("tags", tags)
    assert edges.values == ("a", "b", "c")
    matrix = edges.matrix.toarray()
    assert matrix[0, 1] > matrix[0, 0] > 0
    assert not matrix[3].any()
    assert not matrix[:, 2].any()
    kinds = CategoryColumn(np.array([0, -1, 1], np.int32), words)
    assert attribute_edges("kind", kinds).matrix.getnnz(axis=1).tolist() == [1, 0, 1]


def test_loops_are_left_out():
    loops = Edges("similar/x", "item", "item", sp.csr_matrix(np.ones((3, 3), np.float32)))
    assert not without_loops(loops).matrix.diagonal().any()
    assert len(without_loops(loops)) == 6
