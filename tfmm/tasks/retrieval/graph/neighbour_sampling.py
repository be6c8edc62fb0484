"""Samples of a graph around the items of a batch, for graphs too large to pass messages whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfmm.tasks.retrieval.graph.edges import ITEM, Edges
from tfmm.tasks.retrieval.graph.left_out import LeftOut, key_of
from tfmm.tasks.retrieval.graph.propagation import Relation


class Way:
    """The neighbours of each node along one way of a relation."""

    def __init__(
        self, matrix: Any, pair: np.ndarray | None, support: np.ndarray | None = None
    ) -> None:
        self.start = tf.constant(matrix.indptr[:-1].astype(np.int64))
        self.count = tf.constant(np.diff(matrix.indptr).astype(np.int64))
        self.neighbour = tf.constant(np.append(matrix.indices, 0).astype(np.int32))
        self.value = tf.constant(np.append(matrix.data, 0).astype(np.float32))
        self.pair = None if pair is None else tf.constant(np.append(pair, -1).astype(np.int64))
        self.support = None
        if support is not None:
            self.support = tf.constant(np.append(support, 1).astype(np.float32))
        self.columns = matrix.shape[1]

    def sample(
        self, rows: tf.Tensor, fanout: int, seed: tf.Tensor, left_out: LeftOut
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Neighbours int32 `[n * f]` of rows `[n]` and their weights float32 `[n, f]`.

        A node of `fanout` neighbours or fewer has all of them, once; of more, a draw with
        replacement stands for all, weighted up to their number. What `left_out` (its tensors
        sorted) takes out has weight 0, as has padding.
        """
        start, count = tf.gather(self.start, rows), tf.gather(self.count, rows)
        step = tf.range(fanout, dtype=tf.int64)[None, :]
        draw = tf.random.stateless_uniform((tf.size(rows), fanout), seed, dtype=tf.float32)
        drawn = tf.cast(draw * tf.cast(count, tf.float32)[:, None], tf.int64)
        drawn = tf.minimum(drawn, tf.maximum(count - 1, 0)[:, None])
        few = (count <= fanout)[:, None]
        there = tf.where(few, step < count[:, None], True)
        last = tf.size(self.neighbour, tf.int64) - 1
        place = tf.where(there, start[:, None] + tf.where(few, step, drawn), last)
        share = tf.maximum(tf.cast(count, tf.float32) / fanout, 1.0)[:, None]
        weight = tf.gather(self.value, place) * tf.where(few, 1.0, share)
        near = tf.gather(self.neighbour, place)
        if self.pair is not None:
            out = _among(left_out.pairs, tf.gather(self.pair, place)) > 0
            weight = tf.where(out, 0.0, weight)
        if self.support is not None:
            taken = _among(left_out.met, key_of(rows[:, None], near, self.columns))
            weight *= tf.maximum(1.0 - taken / tf.gather(self.support, place), 0.0)
        return tf.reshape(near, [-1]), weight


def _among(sorted_values: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """How often each of `values` stands among others, float32 of their shape."""
    flat = tf.reshape(values, [-1])
    below, through = (tf.searchsorted(sorted_values, flat, side) for side in ("left", "right"))
    return tf.reshape(tf.cast(through - below, tf.float32), tf.shape(values))


class NeighbourSampler:
    """Draws a tree of neighbours around items, a fixed number a node and way (GraphSAGE).

    The sums over sampled neighbours are unbiased estimates of those over all. A step's cost depends
    on the batch, the fanout and the number of layers, not on the size of the graph.

    Source: Hamilton, Ying and Leskovec, "Inductive representation learning on large graphs",
    NeurIPS 2017, algorithm 2.

    Args:
        edges: the graph.
        relations: the propagation's relations.
        layers: depth of the tree.
        fanout: neighbours drawn of a node along each way.

    Raises:
        ValueError: a fanout below 1.
    """

    def __init__(
        self,
        edges: Sequence[Edges],
        relations: Mapping[str, Relation],
        *,
        layers: int,
        fanout: int,
    ) -> None:
        if fanout < 1:
            raise ValueError(f"fanout must be 1 or more, got {fanout}.")
        self.layers, self.fanout = layers, fanout
        #: By the type of node that is asked for: key -> (way, type of its neighbours).
        self.ways: dict[str, dict[str, tuple[Way, str]]] = {}
        self.once: dict[str, tuple[Way, int]] = {}
        for one in edges:
            relation = relations[one.name]
            if relation.once:
                widest = int(np.diff(one.matrix.indptr).max(initial=1))
                self.once[one.name] = (Way(one.matrix, None, one.support), max(widest, 1))
                continue
            forth = self.ways.setdefault(one.source, {})
            forth[f"{one.name} forth"] = (Way(one.matrix, one.pair), one.target)
            back = self.ways.setdefault(one.target, {})
            transposed, pair = _transposed(one)
            back[f"{one.name} back"] = (Way(transposed, pair), one.source)

    def tree(self, rows: tf.Tensor, seed: tf.Tensor, left_out: LeftOut) -> dict[str, Any]:
        """The neighbourhoods of item rows int32 `[n]`.

        Args:
            rows: the items.
            seed: int64 `[2]`.
            left_out: what is not followed.

        Returns:
            A tree as `Propagation.sampled` reads it, `rows` being rows of the catalogue.
        """
        left_out = dataclasses.replace(
            left_out, pairs=tf.sort(left_out.pairs), met=tf.sort(left_out.met)
        )
        made = self._tree(ITEM, rows, self.layers, seed, left_out)
        for name, (way, widest) in self.once.items():
            near, weight = way.sample(rows, widest, seed, left_out)
            leaf = {"rows": near, "ways": {}, "once": {}}
            made["once"][name] = {"weight": weight, "tree": leaf}
        return made

    def _tree(
        self, kind: str, rows: tf.Tensor, depth: int, seed: tf.Tensor, left_out: LeftOut
    ) -> dict[str, Any]:
        ways: dict[str, Any] = {}
        if depth:
            for number, (key, (way, out_of)) in enumerate(self.ways.get(kind, {}).items()):
                own = seed + tf.constant([7919 * depth, 104_729 * (number + 1)], tf.int64)
                near, weight = way.sample(rows, self.fanout, own, left_out)
                below = self._tree(out_of, near, depth - 1, own, left_out)
                ways[key] = {"weight": weight, "tree": below}
        return {"rows": rows, "ways": ways, "once": {}}


def item_rows(tree: Mapping[str, Any], kinds: Mapping[str, str], kind: str = ITEM) -> list[Any]:
    """The row tensors of all item nodes of a tree, in a fixed order.

    Args:
        tree: of `NeighbourSampler.tree`.
        kinds: by way, the type of node it leads to.
        kind: of the tree's root.
    """
    found = [tree["rows"]] if kind == ITEM else []
    for key, sample in tree["ways"].items():
        found += item_rows(sample["tree"], kinds, kinds[key])
    for sample in tree["once"].values():
        found.append(sample["tree"]["rows"])
    return found


def with_item_rows(
    tree: Mapping[str, Any], kinds: Mapping[str, str], rows: list[Any], kind: str = ITEM
) -> dict[str, Any]:
    """The tree with the tensors of `item_rows` replaced by `rows`, which is used up."""
    own = rows.pop(0) if kind == ITEM else tree["rows"]
    ways = {
        key: {
            "weight": sample["weight"],
            "tree": with_item_rows(sample["tree"], kinds, rows, kinds[key]),
        }
        for key, sample in tree["ways"].items()
    }
    once = {
        name: {"weight": sample["weight"], "tree": {**sample["tree"], "rows": rows.pop(0)}}
        for name, sample in tree["once"].items()
    }
    return {"rows": own, "ways": ways, "once": once}


def _transposed(edges: Edges) -> tuple[sp.csr_matrix, np.ndarray | None]:
    """The matrix the other way round, and the pairs in its order."""
    matrix = edges.matrix
    places = sp.csr_matrix(
        (np.arange(matrix.nnz, dtype=np.int64), matrix.indices, matrix.indptr), shape=matrix.shape
    ).T.tocsr()
    order = places.data
    turned = sp.csr_matrix((matrix.data[order], places.indices, places.indptr), places.shape)
    return turned, None if edges.pair is None else edges.pair[order]
