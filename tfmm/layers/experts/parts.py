"""What mixtures of experts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Expert(Configured):
    """A network of dense layers, each with a ReLU: `[B, D]` to `[B, hidden[-1]]`.

    Args:
        hidden: widths of the layers.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: a width below one, or no layer at all.
    """

    def __init__(self, hidden: Sequence[int], *, name: str = "expert", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hidden = [positive("hidden", width) for width in hidden]
        if not self.hidden:
            raise ValueError("hidden must name the width of one layer at least, but is empty.")
        self.dense = [
            tf.keras.layers.Dense(width, "relu", name=f"dense_{n}")
            for n, width in enumerate(self.hidden)
        ]

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """What it says of features."""
        for layer in self.dense:
            features = layer(features)
        return features


def mixed(said: tf.Tensor, gate: tf.Tensor) -> tf.Tensor:
    """What experts say, float `[B, E, d]`, mixed by a softmax of a gate `[B, E]`: `[B, d]`."""
    return tf.einsum("be,bed->bd", tf.nn.softmax(gate, axis=1), said)
