"""What mixtures of experts are made of."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfmm.encoders.base import positive


class Expert(tf.keras.layers.Layer):
    """A network of dense layers, each with a ReLU: `[B, D]` to `[B, hidden[-1]]`."""

    def __init__(self, hidden: Sequence[int], name: str) -> None:
        super().__init__(name=name)
        if not hidden:
            raise ValueError("hidden must name the width of one layer at least, but is empty.")
        self.dense = [
            tf.keras.layers.Dense(positive("hidden", width), "relu", name=f"dense_{n}")
            for n, width in enumerate(hidden)
        ]

    def call(self, features: tf.Tensor) -> tf.Tensor:
        for layer in self.dense:
            features = layer(features)
        return features


def mixed(said: tf.Tensor, gate: tf.Tensor) -> tf.Tensor:
    """What experts say, float `[B, E, d]`, mixed by a softmax of a gate `[B, E]`: `[B, d]`."""
    return tf.einsum("be,bed->bd", tf.nn.softmax(gate, axis=1), said)
