"""The triples of a shop as edges both ways, whole or sampled around some items."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfmm.data.knowledge.triples import Knowledge
from tfmm.tasks.retrieval.graph.left_out import LeftOut, key_of
from tfmm.tasks.retrieval.graph.neighbour_sampling import Way


class KnowledgeEdges:
    """Every triple as two edges, along which messages go from tail to head and back.

    Those of an entity that has a single neighbour, which they could only join with itself, are left
    out.

    Attributes:
        n_items, n_nodes: items are the first nodes, entities those behind.
        relations: number of relations, each way counted once.
        row, column: int32 `[edges]`, the node that a message goes into, ascending, and the one it
            comes out of.
        way: int32 `[edges]`, the relation: of `r` relations the numbers below r go from tail to
            head, those from r on back.
        prior: float32 `[edges]`, what an edge weighs before anything is learned; those into a node
            sum to 1, and neighbours that have many edges weigh less.

    Args:
        knowledge: the triples.
        n_items: number of items.
    """

    def __init__(self, knowledge: Knowledge, n_items: int) -> None:
        self.n_items, self.relations = n_items, len(knowledge.relations)
        self.n_nodes = n_items + len(knowledge.entities)
        row = np.concatenate([knowledge.head, knowledge.tail])
        column = np.concatenate([knowledge.tail, knowledge.head])
        way = np.concatenate([knowledge.relation, knowledge.relation + len(knowledge.relations)])
        # An entity of one neighbour hears of that alone: it would be one more id of it.
        neighbours = np.unique(np.stack([row, column], 1), axis=0)[:, 0]
        leaf = np.bincount(neighbours, minlength=self.n_nodes) < 2
        leaf[:n_items] = False
        joined = ~(leaf[row] | leaf[column])
        row, column, way = row[joined], column[joined], way[joined]
        order = np.lexsort((way, column, row))
        self.row, self.column, self.way = row[order], column[order], way[order].astype(np.int32)
        degree = np.bincount(row, minlength=self.n_nodes).astype(np.float32)
        weight = 1 / np.sqrt(degree[self.column])
        total = np.bincount(self.row, weight, minlength=self.n_nodes)
        self.prior = (weight / total[self.row]).astype(np.float32)

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def whole(self) -> dict[str, tf.Tensor]:
        """All of it, as `KnowledgePropagation` reads it."""
        fields = ("row", "column", "way", "prior")
        with tf.init_scope():  # not of the function that is being traced
            return {
                "items": tf.range(self.n_items),
                "entities": tf.range(self.n_nodes - self.n_items),
                **{name: tf.constant(getattr(self, name)) for name in fields},
            }


class KnowledgeSampler:
    """Draws a part of the edges around the items of a batch, see `NeighbourSampler`.

    Args:
        edges: all of them.
        layers: rounds of messages.
        fanout: edges drawn of a node.
    """

    def __init__(self, edges: KnowledgeEdges, *, layers: int, fanout: int) -> None:
        self.layers, self.fanout, self.n_items = layers, fanout, edges.n_items
        counts = np.bincount(edges.row, minlength=edges.n_nodes)
        start = np.concatenate([[0], np.cumsum(counts)])
        numbers = np.arange(len(edges))
        shape = (edges.n_nodes, max(len(edges), 1))
        self._edges = Way(sp.csr_matrix((edges.prior, numbers, start), shape=shape), None)
        # Padding is drawn with weight 0, as the edge behind the last.
        self._column = tf.constant(np.append(edges.column, 0).astype(np.int32))
        self._way = tf.constant(np.append(edges.way, 0).astype(np.int32))

    def around(self, items: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """The sampled edges within so many rounds of distinct items int32 `[n]`.

        Args:
            items: rows of the catalogue.
            seed: int64 `[2]`.

        Returns:
            As of `KnowledgeEdges.whole`, with nodes numbered anew: `items` first, those given first
            among them, then `entities`; both say which ones they are.
        """
        nothing = LeftOut(tf.zeros([0], tf.int64), tf.zeros([0], tf.int64), 0)
        nodes = front = items
        found: list[tuple[tf.Tensor, ...]] = []
        for number in range(self.layers):
            own = seed + tf.constant([15_485_863 * (number + 1), 32_452_843], tf.int64)
            edge, weight = self._edges.sample(front, self.fanout, own, nothing)
            weight = tf.reshape(weight, [-1])
            there = weight > 0
            edge = tf.boolean_mask(edge, there)
            into = tf.boolean_mask(tf.repeat(front, self.fanout), there)
            column = tf.gather(self._column, edge)
            way = tf.gather(self._way, edge)
            found.append((into, column, way, tf.boolean_mask(weight, there)))
            before = tf.size(nodes)
            nodes, _ = tf.unique(tf.concat([nodes, column], 0))
            front = nodes[before:]
        into, column, way, weight = (tf.concat([part[at] for part in found], 0) for at in range(4))
        # Items before entities, in their order.
        nodes = tf.gather(nodes, tf.argsort(tf.cast(nodes >= self.n_items, tf.int32), stable=True))
        places = tf.argsort(nodes)
        ordered = tf.gather(nodes, places)
        row, column = (tf.gather(places, tf.searchsorted(ordered, part)) for part in (into, column))
        order = tf.argsort(key_of(row, column, tf.size(nodes, tf.int64)))
        is_item = nodes < self.n_items
        return {
            "items": tf.boolean_mask(nodes, is_item),
            "entities": tf.boolean_mask(nodes, ~is_item) - self.n_items,
            "row": tf.gather(row, order),
            "column": tf.gather(column, order),
            "way": tf.gather(way, order),
            "prior": tf.gather(weight, order),
        }


def way_names(knowledge: Knowledge) -> list[str]:
    """A name for each number of `KnowledgeEdges.way`."""
    return [f"{way} {name}" for way in ("forth", "back") for name in knowledge.relations]
