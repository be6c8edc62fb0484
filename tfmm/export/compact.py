"""CompactIndex: exact retrieval over candidates that are stored as bfloat16 or int8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.export.tables import VectorTable, check_weights
from tfmm.retrieval.candidates import check_vectors
from tfmm.retrieval.filters import RowFilter
from tfmm.retrieval.padding import finish, pad_columns
from tfmm.retrieval.top_k import exact_top_k

# Scores held at once, and fewer where a filter lists its rows beside them: 128 and 32 MiB.
_BLOCK_SCORES = 2**25
_FILTERED_BLOCK_SCORES = 2**23


class CompactIndex(tf.Module):
    """Scores every candidate as its stored form says; takes the place of an exact index.

    It has what a `Servable` asks of an index: `index`, `search`, `vectors` and `variables`. The
    order of results is that of the rounded vectors; `tfmm.export.agreement` measures what that
    costs.

    Args:
        weights: "bfloat16" or "int8", see `VectorTable`.
        k: how many candidates to return unless a search says otherwise.
    """

    def __init__(self, weights: str, k: int = 100) -> None:
        super().__init__(name="compact_index")
        check_weights(weights)
        self.weights, self.k = weights, k
        self._table: VectorTable | None = None
        self._inverse_norms: tf.Variable | None = None

    def index(self, candidates: Any) -> CompactIndex:
        """Stores candidates, float `[N, D]`.

        Raises:
            ValueError, TypeError: as `tfmm.retrieval.BruteForce.index`.
        """
        self._table = VectorTable(check_vectors(candidates), self.weights, "candidates")
        norms = np.linalg.norm(self._table.decoded(), axis=1)
        inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
        self._inverse_norms = tf.Variable(inverse, trainable=False, name="inverse_norms")
        return self

    def search(
        self,
        queries: tf.Tensor,
        k: int | None = None,
        excluded_rows: tf.Tensor | tf.RaggedTensor | None = None,
        allowed: RowFilter | None = None,
        *,
        cosine: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `tfmm.retrieval.BruteForce.search`: scores float32 and rows int32, both `[B, k]`."""
        table, k = self._indexed(), self.k if k is None else k
        queries = tf.cast(queries, tf.float32)
        if cosine:
            queries = tf.math.l2_normalize(queries, axis=1, epsilon=1e-30)
        n = table.shape[0]
        excluded = None if excluded_rows is None else _ragged(excluded_rows)
        size = tf.constant(max(1, _BLOCK_SCORES // n))
        if allowed is not None:
            filtered = max(1, _FILTERED_BLOCK_SCORES // n)
            size = tf.where(allowed.active, filtered, size)

        def block(start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scores = table.products(queries[start:stop])
            if cosine:
                scores *= self._inverse_norms
            if excluded is not None:
                scores = _without(scores, excluded[start:stop])
            if allowed is not None:
                scores = tf.cond(
                    allowed.active,
                    lambda: tf.where(allowed.rows(start, stop), scores, -np.inf),
                    lambda: scores,
                )
            return exact_top_k(scores, k, n)

        scores, rows = finish(*pad_columns(*_by_blocks(block, tf.shape(queries)[0], size), k))
        return tf.ensure_shape(scores, [None, k]), tf.ensure_shape(rows, [None, k])

    def vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """The stored vectors of rows `[...]`, float32 `[..., D]`; zeros for negative rows."""
        found = self._indexed().rows(tf.maximum(rows, 0))
        return tf.where((rows >= 0)[..., tf.newaxis], found, 0.0)

    def _indexed(self) -> VectorTable:
        if self._table is None:
            raise ValueError("Nothing is indexed yet. To resolve this, call `index(candidates)`.")
        return self._table


def _ragged(rows: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    if isinstance(rows, tf.RaggedTensor):
        return tf.cast(rows.with_row_splits_dtype(tf.int64), tf.int32)
    return tf.ragged.boolean_mask(rows, rows >= 0)


def _without(scores: tf.Tensor, rows: tf.RaggedTensor) -> tf.Tensor:
    """`scores` with -inf at each query's rows."""
    query = tf.cast(rows.value_rowids(), tf.int32)
    places = tf.boolean_mask(tf.stack([query, rows.values], axis=1), rows.values >= 0)
    return tf.tensor_scatter_nd_update(
        scores, places, tf.fill(tf.shape(places)[:1], tf.constant(-np.inf))
    )


def _by_blocks(
    block: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    batch: tf.Tensor,
    size: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`block(start, stop)` over the batch, `size` queries at a time, one block after another."""
    # An empty batch takes one empty block, which gives the answer its width.
    count = tf.maximum(1, -(-batch // size))

    def step(i: tf.Tensor, scores: tf.TensorArray, rows: tf.TensorArray) -> tuple[Any, ...]:
        found = block(i * size, tf.minimum(batch, (i + 1) * size))
        return i + 1, scores.write(i, found[0]), rows.write(i, found[1])

    arrays = [
        tf.TensorArray(dtype, size=count, infer_shape=False, element_shape=[None, None])
        for dtype in (tf.float32, tf.int32)
    ]
    _, scores, rows = tf.while_loop(
        lambda i, *_: i < count, step, [tf.constant(0), *arrays], parallel_iterations=1
    )
    return scores.concat(), rows.concat()
