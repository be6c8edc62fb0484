"""Request: what a search is asked, and its parts while it is worked off in blocks of queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.index.filters import RowFilter

Found = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Request:
    """A batch of queries with what each may get.

    Args:
        queries: float32 `[B, D]`.
        k: how many candidates each query gets.
        excluded: rows that may not be returned, ragged int32 `[B, None]`, or None.
        allowed: a filter of the rows that may be returned, or None.
        cosine: whether scores are cosines; the queries then have length 1.
        start: the place of the first query in the batch that `allowed` is for.
    """

    queries: tf.Tensor
    k: int | tf.Tensor
    excluded: tf.RaggedTensor | None = None
    allowed: RowFilter | None = None
    cosine: bool = False
    start: int | tf.Tensor = 0

    @property
    def batch(self) -> tf.Tensor:
        """The number of queries, int32."""
        return tf.shape(self.queries)[0]

    def part(self, start: tf.Tensor, stop: tf.Tensor) -> Request:
        """The request of queries `start` to `stop`."""
        return replace(
            self,
            queries=self.queries[start:stop],
            excluded=None if self.excluded is None else self.excluded[start:stop],
            start=self.start + start,
        )

    def mask(self) -> tf.Tensor:
        """bool `[B, N]`: the rows that the filter allows; only where there is a filter."""
        assert self.allowed is not None
        return self.allowed.rows(self.start, self.start + self.batch)


class DenseFilter:
    """A bool mask `[B, N]` as a row filter."""

    def __init__(self, mask: tf.Tensor) -> None:
        self._mask = mask
        self.active = tf.constant(True)

    def rows(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """bool `[stop - start, N]`."""
        return self._mask[start:stop]


def ragged_rows(rows: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    """Rows as ragged int32 `[B, None]`; negative ones of a dense `[B, E]` fall out."""
    if isinstance(rows, tf.RaggedTensor):
        return tf.cast(rows.with_row_splits_dtype(tf.int64), tf.int32)
    rows = tf.cast(rows, tf.int32)
    return tf.ragged.boolean_mask(rows, rows >= 0)


def leave_out(scores: tf.Tensor, excluded: tf.RaggedTensor, n: int) -> tf.Tensor:
    """Sets the scores `[B, n]` of excluded rows to -inf; rows outside of `[0, n)` are ignored."""
    places = tf.stack([tf.cast(excluded.value_rowids(), tf.int32), excluded.values], axis=1)
    places = tf.boolean_mask(places, (excluded.values >= 0) & (excluded.values < n))
    return close(scores, places)


def close(scores: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Sets scores `[B, M]` at places int32 `[n, 2]` to -inf."""
    lowest = tf.fill(tf.shape(places)[:1], tf.constant(-np.inf, tf.float32))
    return tf.tensor_scatter_nd_update(scores, places, lowest)


def among(rows: tf.Tensor, excluded: tf.RaggedTensor, n: int) -> tf.Tensor:
    """bool `[b, M]`: which rows int32 `[b, M]` their query excludes, without a table of pairs."""
    values = tf.cast(excluded.values, tf.int64)
    keys = tf.boolean_mask(excluded.value_rowids() * n + values, (values >= 0) & (values < n))
    keys = tf.concat([tf.sort(keys), [tf.int64.max]], axis=0)
    query = tf.range(tf.shape(rows, tf.int64)[0])[:, tf.newaxis]
    asked = tf.reshape(query * n + tf.cast(rows, tf.int64), [-1])
    hit = tf.gather(keys, tf.searchsorted(keys, asked)) == asked
    return tf.reshape(hit, tf.shape(rows)) & (rows >= 0)


def over_blocks(
    one_block: Callable[[tf.Tensor, tf.Tensor], Found], batch: tf.Tensor, block: int | tf.Tensor
) -> Found:
    """Concatenates `one_block(start, stop)`, scores and rows `[b, k]`, over consecutive blocks.

    Args:
        one_block: called with consecutive ranges of at most `block` queries.
        batch: the number of queries, int32; 0 still takes one (empty) block.
        block: queries in a block.
    """
    count = tf.maximum(1, tf.cast(tf.math.ceil(batch / block), tf.int32))

    def more(i: tf.Tensor, *_: Any) -> tf.Tensor:
        return i < count

    def step(i: tf.Tensor, scores: tf.TensorArray, rows: tf.TensorArray) -> tuple[Any, ...]:
        found = one_block(i * block, tf.minimum(batch, (i + 1) * block))
        return i + 1, scores.write(i, found[0]), rows.write(i, found[1])

    blocks = [
        tf.TensorArray(dtype, size=count, infer_shape=False, element_shape=[None, None])
        for dtype in (tf.float32, tf.int32)
    ]
    # One block at a time: concurrent blocks would multiply the memory that blocks are there for.
    _, scores, rows = tf.while_loop(more, step, [tf.constant(0), *blocks], parallel_iterations=1)
    return scores.concat(), rows.concat()
