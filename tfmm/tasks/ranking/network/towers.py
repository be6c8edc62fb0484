"""A retrieval run as a ranker reads it: its vectors, and what it says already."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Towers(Configured):
    """A shopper's and an item's vector of another model, each as one more feature, and its score,
    to which a ranker adds.

    Args:
        dim: length of a feature's vector.
        numbers: parts of its score.
        labels: how many there are.
        start: what its score counts at first.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.
    """

    def __init__(
        self,
        dim: int,
        numbers: int,
        labels: int,
        start: float = 1.0,
        *,
        name: str = "towers",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dim, self.numbers, self.labels, self.start = dim, numbers, labels, start
        self.of_shopper = tf.keras.layers.Dense(dim, name="of_shopper")
        self.of_item = tf.keras.layers.Dense(dim, name="of_item")
        counted = tf.keras.initializers.Constant(start)
        self.trust = self.add_weight("trust", (numbers, labels), initializer=counted)

    def call(self, shoppers: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Features float32 `[B, 2, d]` of vectors `[B, D]`."""
        return tf.stack([self.of_shopper(shoppers), self.of_item(items)], axis=1)

    def base(self, numbers: tf.Tensor) -> tf.Tensor:
        """What the score speaks for each label, float32 `[B, L]`, of all numbers of examples, whose
        last are its parts."""
        return tf.matmul(numbers[:, -self.numbers :], self.trust)
