"""Embeddings of categories and tags, updated sparsely."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import RESERVED, Encoder, positive, rate
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import CategoryColumn, TagsColumn

UNKNOWN = RESERVED + "unknown"
PADDING = RESERVED + "padding"


@register("embedding", kind="category")
class CategoryEmbedding(Encoder):
    """One trained vector for each value of a category.

    `prepare` gives `int32 [n]`: 0 for a value that is missing or was not there when the encoder was
    adapted, 1 and up for the known ones. The unknown row starts at zero and is trained by
    `unknown_rate`, the share of values hidden at each training step, so that a value first seen in
    serving gets what an average value would.

    Gradients of the table are `tf.IndexedSlices`: a step costs the same for any vocabulary.

    Args:
        dim: length of the vectors.
        unknown_rate: share of values that training reads as unknown.
        name: Keras's layer name.
    """

    def __init__(
        self, dim: int = 64, *, unknown_rate: float = 0.02, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.unknown_rate = rate("unknown_rate", unknown_rate)

    def _learn(self, column: CategoryColumn, cache: Path | None) -> dict[str, Any]:
        used = np.unique(column.codes)
        return {"vocabulary": [str(value) for value in column.vocabulary[used[used >= 0]]]}

    def _prepare(self, column: CategoryColumn, cache: Path | None) -> np.ndarray:
        rows = lookup(self.state()["vocabulary"], column.vocabulary, first=1, absent=0)
        # One more entry at the end, which code -1 (missing) reads.
        return np.append(rows, np.int32(0))[column.codes]

    def vocabularies(self) -> dict[str, list[str]]:
        return {"embeddings": [UNKNOWN, *self.state()["vocabulary"]]}

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        self.embeddings = add_table(self, len(self.state()["vocabulary"]) + 1, self.dim)
        super().build(input_shape)

    def embedder(self) -> Embedder:
        table = value_table(self.state()["vocabulary"], first=1, absent=0)
        spec = tf.TensorSpec([None], tf.string, name="category")
        return self._embedder(lambda values: self(table.lookup(values)), spec, [table])

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training and self.unknown_rate:
            shown = tf.random.uniform(tf.shape(inputs)) >= self.unknown_rate
            inputs = tf.where(shown, inputs, 0)
        return tf.nn.embedding_lookup(self.embeddings, inputs)


@register("embedding", kind="tags")
class TagsEmbedding(Encoder):
    """The mean of the trained vectors of an item's tags; zeros for an item without tags.

    `prepare` gives `int32 [n, T]`: 0 is padding, 1 a tag that was not there when the encoder was
    adapted, 2 and up the known ones; T is the largest number of tags, at most `max_tags`. Hidden
    tags (`unknown_rate`) train the unknown row, as in `CategoryEmbedding`.

    Args:
        dim: length of the vectors.
        max_tags: an item's tags past this many are left out.
        unknown_rate: share of tags that training reads as unknown.
        name: Keras's layer name.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        max_tags: int = 32,
        unknown_rate: float = 0.02,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.max_tags = positive("max_tags", max_tags)
        self.unknown_rate = rate("unknown_rate", unknown_rate)

    def _learn(self, column: TagsColumn, cache: Path | None) -> dict[str, Any]:
        used = np.unique(column.values)
        return {"vocabulary": [str(value) for value in column.vocabulary[used[used >= 0]]]}

    def _prepare(self, column: TagsColumn, cache: Path | None) -> np.ndarray:
        rows = lookup(self.state()["vocabulary"], column.vocabulary, first=2, absent=1)
        counts = np.diff(column.offsets)
        width = int(np.clip(counts.max(initial=0), 1, self.max_tags))
        item = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(column.values)) - np.repeat(column.offsets[:-1], counts)
        kept = place < width
        out = np.zeros((len(counts), width), np.int32)
        out[item[kept], place[kept]] = rows[column.values[kept]]
        return out

    def vocabularies(self) -> dict[str, list[str]]:
        return {"embeddings": [PADDING, UNKNOWN, *self.state()["vocabulary"]]}

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        rows = len(self.state()["vocabulary"]) + 2
        self.embeddings = add_table(self, rows, self.dim, reserved=2)
        super().build(input_shape)

    def embedder(self) -> Embedder:
        table = value_table(self.state()["vocabulary"], first=2, absent=1)
        spec = tf.TensorSpec([None, None], tf.string, name="tags")

        def embed(tags: tf.Tensor) -> tf.Tensor:
            # What pads goes last, so that no tag is cut off for it.
            order = tf.argsort(tf.cast(tf.strings.length(tags) == 0, tf.int32), axis=1, stable=True)
            tags = tf.gather(tags, order, batch_dims=1)[:, : self.max_tags]
            return self(tf.where(tf.strings.length(tags) > 0, table.lookup(tags), 0))

        return self._embedder(embed, spec, [table])

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training and self.unknown_rate:
            hidden = tf.random.uniform(tf.shape(inputs)) < self.unknown_rate
            inputs = tf.where(hidden & (inputs > 0), 1, inputs)
        return masked_mean(tf.nn.embedding_lookup(self.embeddings, inputs), inputs > 0)


def add_table(layer: Encoder, rows: int, width: int, reserved: int = 1) -> tf.Variable:
    """An embedding variable `[rows, width]`, normal with deviation `width ** -0.5`.

    The first `reserved` rows (padding, unknown) start at zero.
    """

    def initial(shape: Any, dtype: Any = None, **_: Any) -> tf.Tensor:
        table = tf.random.normal(shape, stddev=width**-0.5, dtype=dtype or tf.float32)
        return tf.concat([tf.zeros_like(table[:reserved]), table[reserved:]], axis=0)

    return layer.add_weight(name="embeddings", shape=(rows, width), initializer=initial)


def masked_mean(vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The mean over axis 1 of `vectors [n, T, d]` where `mask [n, T]`; zeros where none is."""
    share = tf.cast(mask, vectors.dtype)
    share = tf.math.divide_no_nan(share, tf.reduce_sum(share, axis=1, keepdims=True))
    return tf.einsum("nt,ntd->nd", share, vectors)


def value_table(known: list[str], *, first: int, absent: int) -> tf.lookup.StaticHashTable:
    """`lookup` as a table that a SavedModel holds: string -> int32."""
    keys = tf.constant(known or [RESERVED], tf.string)
    rows = tf.range(first, first + max(1, len(known)), dtype=tf.int32)
    if not known:
        rows = tf.constant([absent], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, rows), absent)


def lookup(known: list[str], values: np.ndarray, *, first: int, absent: int) -> np.ndarray:
    """For each of `values`, `first` + its place in `known`, or `absent`: `int32 [len(values)]`."""
    place = {value: row for row, value in enumerate(known, start=first)}
    return np.array([place.get(str(value), absent) for value in values], np.int32)
