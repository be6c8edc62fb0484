"""A linear model of the sequences of a text's tokens, fitted apart and held in a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured

# Odd, so that every bit of a hash moves.
_STEP, _SPREAD = 0x5851F42D4C957F2D, -0x61C8864680B583EB


@tf.keras.utils.register_keras_serializable(package="tfmm")
class NgramLinear(Configured):
    """Margins of classes from which sequences of 1 to `longest` tokens a text has.

    A linear support vector machine over the sequences by hash, each weighted by how rare it is and
    the whole scaled to length one (Wang and Manning, "Baselines and bigrams", ACL 2012, show how
    strong such models are). `fit` finds the weights; gradient descent leaves them alone.

    ```python
    import numpy as np

    from tfmm.layers.ngrams import NgramLinear

    linear = NgramLinear(2, longest=2, buckets=64)
    linear.build(None)
    linear.fit([np.array([[4, 5, 0], [6, 7, 8]])], np.array([0, 1]))
    margins = linear(np.array([[4, 5, 0]]))  # [1, 2]
    ```

    Args:
        classes: how many there are.
        longest: tokens of the longest sequence.
        buckets: weights that sequences share, a power of 2.
        name: Keras's layer name.
    """

    def __init__(
        self,
        classes: int,
        *,
        longest: int = 4,
        buckets: int = 2**19,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.classes = positive("classes", classes)
        self.longest, self.buckets = positive("longest", longest), positive("buckets", buckets)

    def build(self, input_shape: Any) -> None:
        # The last row is of no sequence.
        shape = (self.buckets + 1, self.classes)
        zeros: dict[str, Any] = {"initializer": "zeros", "trainable": False}
        self.table = self.add_weight(name="table", shape=shape, **zeros)
        self.rarity = self.add_weight(name="rarity", shape=shape[:1], **zeros)
        self.bias = self.add_weight(name="bias", shape=shape[1:], **zeros)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Margins float32 `[n, classes]` of token ids int `[n, T]`, or `[n, T, P]` where a token
        has several; ids below 1 part sequences."""
        found = self.sequences(inputs)
        weight = tf.gather(self.rarity, found)
        length = tf.reduce_sum(tf.square(weight), axis=1, keepdims=True)
        weight *= tf.math.rsqrt(tf.maximum(length, 1e-12))
        return tf.einsum("ng,ngc->nc", weight, tf.gather(self.table, found)) + self.bias

    def sequences(self, inputs: tf.Tensor) -> tf.Tensor:
        """The bucket of each sequence of each text once, int64 `[n, G]`; `buckets` for none."""
        ids = tf.cast(inputs, tf.int64)
        if ids.shape.rank == 3:
            ids = tf.reduce_sum(tf.maximum(ids, 0), axis=2)
        there = valid = ids > 0
        code, found = ids, []
        shift = 64 - (self.buckets - 1).bit_length()
        for size in range(1, self.longest + 1):
            if size > 1:
                code = code[:, :-1] * _STEP + ids[:, size - 1 :]
                there = there[:, :-1] & valid[:, size - 1 :]
            # A sequence is not that of its tokens' numbers alone: how many they are counts.
            mixed = tf.cast((code + size) * _SPREAD, tf.uint64)
            bucket = tf.cast(tf.bitwise.right_shift(mixed, tf.cast(shift, tf.uint64)), tf.int64)
            found.append(tf.where(there, bucket, self.buckets))
        every = tf.sort(tf.concat(found, axis=1), axis=1)
        again = tf.pad(every[:, 1:] == every[:, :-1], [[0, 0], [1, 0]])
        return tf.where(again, tf.cast(self.buckets, tf.int64), every)

    def fit(
        self, blocks: Iterable[NDArray[np.integer]], codes: NDArray[np.integer], cost: float = 1.0
    ) -> None:
        """Finds the weights.

        Args:
            blocks: token ids of the texts, some at a time, as `call` takes them.
            codes: int[n], the class of each text in the order of the blocks.
            cost: of a text on the wrong side, `C` of scikit-learn's `LinearSVC`.
        """
        from sklearn.svm import LinearSVC

        found = [self.sequences(tf.constant(block)).numpy() for block in blocks]
        sizes = [block.shape[1] for block in found for _ in block]
        rows = np.repeat(np.arange(len(sizes)), sizes)
        columns = np.concatenate([block.ravel() for block in found] or [np.zeros(0, np.int64)])
        there = columns < self.buckets
        shape = (len(sizes), self.buckets + 1)
        ones = np.ones(int(there.sum()), np.float32)
        texts = sp.csr_matrix((ones, (rows[there], columns[there])), shape)
        met = np.bincount(columns[there], minlength=shape[1])
        rarity = np.log((1 + shape[0]) / (1 + met)).astype(np.float32) + 1
        rarity[met == 0] = 0.0
        texts = texts.multiply(rarity[None]).tocsr()
        length = np.sqrt(np.asarray(texts.multiply(texts).sum(axis=1)).ravel())
        texts = sp.diags_array(1 / np.maximum(length, 1e-6)) @ texts
        table = np.zeros((shape[1], self.classes), np.float32)
        bias = np.full(self.classes, -1.0, np.float32)
        known = np.unique(codes)
        if len(known) == 1:
            bias[known] = 1.0
        elif len(known):
            used = np.flatnonzero(met)
            model = LinearSVC(C=cost, random_state=1).fit(texts[:, used], codes)
            weights, offsets = model.coef_.astype(np.float32), model.intercept_
            if len(known) == 2:
                weights, offsets = np.stack([-weights[0], weights[0]]), [-offsets[0], offsets[0]]
            table[np.ix_(used, known)] = weights.T
            bias[known] = offsets
        self.table.assign(table)
        self.rarity.assign(rarity)
        self.bias.assign(bias)
