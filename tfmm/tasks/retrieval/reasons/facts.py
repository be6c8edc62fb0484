"""What two items have in common: values of their features, and paths through what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.data.shop import ShopData
from tfmm.layers.frozen import incidence
from tfmm.tasks.retrieval.graph.knowledge_edges import KnowledgeEdges

#: Facts of an item that are kept: half of them the heaviest, half those that most others may share.
KEPT = 16


class Facts(tf.Module):
    """Finds what each of some items has in common with another.

    A fact of an item is a relation to a node: the feature and a value of a category or tags
    feature, a relation and an entity of the shop's triples, or a relation and another item. Two
    items have a path between them where both have a fact of the same node, or one a fact of the
    other. Its weight is the share that the node has among what the first item hears, times the
    share that the second has among what the node hears: for triples the edges' shares that are
    given, for features those of edges that weigh the less the more items have the value.

    Each item keeps `KEPT` facts of nodes that others have too: the heaviest, which are rare and say
    the most, and those of the largest weight times the number of items that have them, without
    which few pairs of items would have anything in common that is kept.

    Args:
        data: the shop's items, their features, and its triples.
        shares: gives the share of each of some edges among those into its node, float32 `[edges]`.
    """

    def __init__(
        self, data: ShopData, shares: Callable[[KnowledgeEdges], NDArray[np.float32]]
    ) -> None:
        super().__init__(name="facts")
        n = len(data.items)
        found, relations, values = _of_features(data)
        if len(data.knowledge):
            edges = KnowledgeEdges(data.knowledge, n)
            found += _of_triples(edges, shares(edges), len(relations), len(values))
            relations += [str(name) for name in data.knowledge.relations]
            values += [str(name) for name in (*data.items.ids, *data.knowledge.entities)]
        item, relation, node, into, out = _kept(found)
        kinds, fact = np.unique(np.stack([relation, node], 1), axis=0, return_inverse=True)
        nodes, places = np.unique(kinds[:, 1], return_inverse=True)
        order = np.searchsorted(item, np.arange(n))
        column = np.arange(len(item)) - order[item]
        width = int(column.max(initial=0)) + 1

        def table(of: Any, dtype: Any, name: str) -> tf.Variable:
            made = np.full((n, width), -1 if dtype == np.int32 else 0, dtype)
            made[item, column] = of
            return tf.Variable(made, trainable=False, name=name)

        def texts(of: list[str], name: str) -> tf.Variable:
            # "" stands behind the last, for what is not there.
            return tf.Variable([*of, ""], trainable=False, name=name)

        self._fact = table(fact.reshape(-1), np.int32, "facts")
        self._into = table(into, np.float16, "facts_into")
        self._out = table(out, np.float16, "facts_out")
        places = np.append(places.reshape(-1), -1).astype(np.int32)
        self._node = tf.Variable(places, trainable=False, name="fact_node")
        self._relation = texts([relations[one] for one, _ in kinds], "fact_relation")
        self._value = texts([values[one] for one in nodes], "fact_value")

    def common(self, items: tf.Tensor, others: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The heaviest path from items to others.

        Args:
            items: int32 `[B]`, rows, -1 for none.
            others: int32 `[B, R]`, likewise.

        Returns:
            The relation of the items and the value that they share, strings `[B, R]`; "" where
            there is no path.
        """
        fact = tf.gather(self._fact, tf.maximum(items, 0))
        theirs = tf.gather(self._fact, tf.maximum(others, 0))
        end = tf.size(self._node) - 1
        node = tf.gather(self._node, tf.where(fact >= 0, fact, end))
        other = tf.gather(self._node, tf.where(theirs >= 0, theirs, end))
        there = (items >= 0)[:, None] & (others >= 0)
        same = (node[:, None, :, None] == other[:, :, None, :]) & (node >= 0)[:, None, :, None]
        into = tf.cast(tf.gather(self._into, tf.maximum(items, 0)), tf.float32)
        out = tf.cast(tf.gather(self._out, tf.maximum(others, 0)), tf.float32)
        weight = tf.where(same, into[:, None, :, None] * out[:, :, None, :], 0.0)
        weight = tf.reduce_max(weight, 3)
        best = tf.argmax(weight, 2, output_type=tf.int32)
        there &= tf.reduce_max(weight, 2) > 0
        chosen = tf.where(there, tf.gather(fact, best, batch_dims=1), end)
        place = tf.gather(self._node, chosen)
        nothing = tf.size(self._value) - 1
        value = tf.gather(self._value, tf.where(place >= 0, place, nothing))
        return tf.gather(self._relation, chosen), value


_Found = list[tuple[NDArray[Any], ...]]


def _of_features(data: ShopData) -> tuple[_Found, list[str], list[str]]:
    """The facts of category and tags features: items, relations, nodes and both shares; and the
    names of relations and nodes."""
    found: _Found = []
    relations: list[str] = []
    values: list[str] = []
    columns = [
        (name, column)
        for name, column in data.items.features.items()
        if isinstance(column, CategoryColumn | TagsColumn)
    ]
    for name, column in columns:
        matrix = incidence(column).tocoo()
        item, code = matrix.row, matrix.col
        counts = np.bincount(code, minlength=len(column.vocabulary))
        shared = counts[code] > 1
        item, code = item[shared], code[shared]
        weight = 1 / np.sqrt(counts[code])
        total = np.bincount(item, weight, minlength=len(column))
        relation = np.full(len(item), len(relations))
        into = weight / total[item] / len(columns)
        found.append((item, relation, code + len(values), into, 1 / counts[code]))
        relations.append(name)
        values += [str(value) for value in column.vocabulary]
    return found, relations, values


def _of_triples(edges: KnowledgeEdges, share: NDArray[Any], relations: int, nodes: int) -> _Found:
    """The facts of triples, relations and nodes numbered from the given ones on; the items are the
    first nodes."""
    n, number = edges.n_items, edges.n_nodes
    key = edges.row.astype(np.int64) * number + edges.column
    back = edges.column.astype(np.int64) * number + edges.row
    # Several relations may join the same two nodes.
    keys, group = np.unique(key, return_inverse=True)
    summed = np.bincount(group.reshape(-1), share, minlength=len(keys))
    out = summed[np.searchsorted(keys, back)]
    names = edges.way % edges.relations
    own = edges.row < n
    item, column = edges.row[own], edges.column[own]
    found: _Found = [(item, names[own] + relations, column + nodes, share[own], out[own])]
    # An item that others are joined with is a fact of itself, by which they reach it.
    joined = np.unique(column[column < n])
    zeros = np.zeros(len(joined))
    found.append((joined, zeros.astype(int) + relations, joined + nodes, zeros, zeros + 1))
    return found


def _kept(found: _Found) -> list[NDArray[Any]]:
    """The facts of each item that are kept, in order of items; each node once an item."""
    empty = tuple(np.empty(0, kind) for kind in (int, int, int, float, float))
    item, relation, node, into, out = (
        np.concatenate(parts) for parts in zip(empty, *found, strict=True)
    )
    # Facts of an item itself come first, or others would not reach it.
    order = np.lexsort((-into, into > 0, item))
    item, relation, node, into, out = (one[order] for one in (item, relation, node, into, out))
    _, first = np.unique(np.stack([item, node], 1), axis=0, return_index=True)
    first = np.sort(first)
    item, relation, node, into, out = (one[first] for one in (item, relation, node, into, out))
    rank = np.arange(len(item)) - np.searchsorted(item, item)
    count = np.bincount(node.astype(int))[node.astype(int)]
    by_count = np.lexsort((-into * count, item))
    place = np.empty(len(item), int)
    place[by_count] = rank
    kept = (rank < KEPT // 2) | (place < KEPT - KEPT // 2)
    return [one[kept] for one in (item, relation, node, into, out)]
