"""Numbers as a network reads them best."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders.configured import Configured

#: Quantiles of each number, the least and the largest among them.
EDGES = 9
#: Length of the vector that all numbers together become.
WIDTH = 32


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Quantiles(Configured):
    """Where numbers stand among their quantiles, through a dense layer.

    Of each bin between two quantiles the share that is passed, so that a network tells small rates
    apart as well as large ones.

    Source: the piecewise linear encoding of Gorishniy et al., "On embeddings for numerical features
    in tabular deep learning", arXiv:2203.05556, section 3.2.

    Args:
        numbers: R.
        edges: E, of each number.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Attributes:
        at: the quantiles, ascending, float32 `[R, E]`; to be assigned.
    """

    def __init__(
        self, numbers: int, edges: int = EDGES, *, name: str = "numbers", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.numbers, self.edges = numbers, edges
        self.at = self.add_weight("at", (numbers, edges), initializer="zeros", trainable=False)
        self.dense = tf.keras.layers.Dense(WIDTH, "relu", name="dense")

    def call(self, numbers: tf.Tensor) -> tf.Tensor:
        """A vector float32 `[B, WIDTH]` of numbers `[B, R]`; zeros where there are none."""
        count, edges = self.numbers, self.edges
        if not count:
            return tf.zeros([tf.shape(numbers)[0], 0])
        low, high = self.at[:, :-1], self.at[:, 1:]
        # Bins this narrow would make steps of rounding.
        wide = high - low > 1e-3
        passed = (numbers[:, :, None] - low) / tf.where(wide, high - low, 1.0)
        passed = tf.where(wide, tf.clip_by_value(passed, 0.0, 1.0), 0.0)
        return self.dense(tf.reshape(passed, [-1, count * (edges - 1)]))


def edges_of(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The quantiles float32 `[R, EDGES]` of numbers `[m, R]`."""
    if not len(numbers):
        return np.zeros((numbers.shape[1], EDGES), np.float32)
    return np.quantile(numbers, np.linspace(0, 1, EDGES), axis=0).T.astype(np.float32)
