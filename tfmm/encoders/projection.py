"""Precomputed vectors, projected to the model's width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import Encoder, positive, rate
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import VectorColumn

CHUNK = 65_536


@register("projection", kind="vector")
class VectorProjection(Encoder):
    """A linear map of given vectors, or a small network, after centring and scaling.

    `adapt` learns the mean vector and one scale for all components, which keeps the geometry of the
    vectors, or a scale for each; `prepare` returns the column's array itself, memory-mapped if it
    was; the rest happens in the layer. Components that are NaN or infinite count as the mean.

    Args:
        dim: length of the vectors that come out.
        hidden: width of a layer with GELU between input and output; 0 leaves it out.
        dropout: share of the input components that training leaves out.
        skip: whether a linear map joins the hidden layer's result.
        heads: independent networks of `hidden` / `heads` units that give an equal part of the
            vector each, see `tfmm.tasks.search.alignment`.
        scales: whether every component has a scale of its own.
        name: Keras's layer name.

    Raises:
        ValueError: a size or share out of range, or `heads` that do not divide `dim` and `hidden`.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        hidden: int = 0,
        dropout: float = 0.0,
        skip: bool = False,
        heads: int = 1,
        scales: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 0:
            raise ValueError(f"hidden must be 0 or a positive integer, but got {hidden!r}.")
        self.hidden = hidden
        self.dropout = rate("dropout", dropout)
        self.skip, self.scales = bool(skip), bool(scales)
        self.heads = check_heads(heads, dim=self.dim, hidden=hidden)

    def _learn(self, column: VectorColumn, cache: Path | None) -> dict[str, Any]:
        width = int(column.values.shape[1])
        count, total, squares = 0, np.zeros(width), np.zeros(width)
        for start in range(0, len(column.values), CHUNK):
            chunk = np.asarray(column.values[start : start + CHUNK], np.float64)
            chunk = chunk[np.asarray(column.present[start : start + CHUNK])]
            chunk = chunk[np.isfinite(chunk).all(axis=1)]
            count += len(chunk)
            total += chunk.sum(axis=0)
            squares += np.square(chunk).sum(axis=0)
        mean = total / max(count, 1)
        variances = squares / max(count, 1) - mean**2
        if self.scales:
            # What hardly varies says nothing, and is not to be blown up.
            least = max(1e-4 * float(variances.mean()), 1e-12)
            return {"mean": mean.tolist(), "scale": np.sqrt(variances.clip(least)).tolist()}
        variance = float(variances.mean())
        scale = float(np.sqrt(variance)) if variance > 1e-12 else 1.0
        return {"mean": mean.tolist(), "scale": scale}

    def _prepare(self, column: VectorColumn, cache: Path | None) -> np.ndarray:
        width = len(self.state()["mean"])
        if column.values.shape[1] != width:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} was adapted to vectors of length {width} but "
                f"got an array of shape {column.values.shape}. Give it vectors from the same model "
                "as in training, or train again on the new ones."
            )
        return column.values

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        width = len(self.state()["mean"])
        self.dropper = tf.keras.layers.Dropout(self.dropout)
        self.network: list[tf.keras.layers.Layer] = []
        if self.hidden and self.skip:
            self.straight = tf.keras.layers.Dense(self.dim, use_bias=False, name="straight")
            self.straight.build([None, width])
        if self.hidden:
            self.network = [tf.keras.layers.Dense(self.hidden, "gelu", name="hidden")]
        if self.hidden and self.heads > 1:
            self.network.append(Blocks(self.dim, self.heads, name="projection"))
        else:
            self.network.append(tf.keras.layers.Dense(self.dim, name="projection"))
        for layer in self.network:
            layer.build([None, width])
            width = layer.units
        super().build(input_shape)

    def embedder(self) -> Embedder:
        width = len(self.state()["mean"])
        spec = tf.TensorSpec([None, width], tf.float32, name="vector")
        return self._embedder(lambda vectors: self(vectors), spec)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        state = self.state()
        mean = tf.constant(state["mean"], inputs.dtype)
        x = tf.where(tf.math.is_finite(inputs), inputs - mean, 0.0)
        x = self.dropper(x / tf.constant(state["scale"], inputs.dtype), training=training)
        straight = self.straight(x) if self.hidden and self.skip else None
        for layer in self.network:
            x = layer(x)
        return x if straight is None else x + straight


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Blocks(tf.keras.layers.Layer):
    """A dense layer of `heads` blocks: each part of the input gives a part of the output alone.

    Args:
        units: length of the output.
        heads: how many parts.
    """

    def __init__(self, units: int, heads: int, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.units, self.heads = units, heads

    def build(self, input_shape: Any) -> None:
        width, units = int(input_shape[-1]) // self.heads, self.units // self.heads
        spread = (6.0 / (width + units)) ** 0.5  # Glorot's, for one block
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.heads, width, units),
            initializer=tf.keras.initializers.RandomUniform(-spread, spread),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        parts = tf.reshape(inputs, [-1, self.heads, self.kernel.shape[1]])
        return (
            tf.reshape(tf.einsum("nhw,hwu->nhu", parts, self.kernel), [-1, self.units]) + self.bias
        )


def check_heads(heads: int, **widths: int) -> int:
    """`heads`, if it divides every width; else a ValueError that names them."""
    positive("heads", heads)
    for name, width in widths.items():
        if width % heads:
            raise ValueError(f"heads must divide {name}, but got heads={heads} and {name}={width}.")
    return heads
