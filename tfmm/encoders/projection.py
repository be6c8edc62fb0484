"""Precomputed vectors, projected to the model's width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import Encoder, rate
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import VectorColumn

CHUNK = 65_536


@register("projection", kind="vector")
class VectorProjection(Encoder):
    """A linear map of given vectors, or a small network, after centring and scaling.

    `adapt` learns the mean vector and one scale for all components, which keeps the geometry of the
    vectors; `prepare` returns the column's array itself, memory-mapped if it was; the rest happens
    in the layer. Components that are NaN or infinite count as the mean.

    Args:
        dim: length of the vectors that come out.
        hidden: width of a layer with GELU between input and output; 0 leaves it out.
        dropout: share of the input components that training leaves out.
        name: Keras's layer name.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        hidden: int = 0,
        dropout: float = 0.0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 0:
            raise ValueError(f"hidden must be 0 or a positive integer, but got {hidden!r}.")
        self.hidden = hidden
        self.dropout = rate("dropout", dropout)

    def _learn(self, column: VectorColumn, cache: Path | None) -> dict[str, Any]:
        width = int(column.values.shape[1])
        count, total, squares = 0, np.zeros(width), 0.0
        for start in range(0, len(column.values), CHUNK):
            chunk = np.asarray(column.values[start : start + CHUNK], np.float64)
            chunk = chunk[np.asarray(column.present[start : start + CHUNK])]
            chunk = chunk[np.isfinite(chunk).all(axis=1)]
            count += len(chunk)
            total += chunk.sum(axis=0)
            squares += float(np.square(chunk).sum())
        mean = total / max(count, 1)
        variance = squares / max(count * width, 1) - float(np.mean(mean**2))
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
        layers = [tf.keras.layers.Dense(self.dim, name="projection")]
        if self.hidden:
            layers = [tf.keras.layers.Dense(self.hidden, "gelu", name="hidden"), *layers]
        self.network = layers
        for layer in self.network:
            layer.build([None, width])
            width = layer.units
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        state = self.state()
        mean = tf.constant(state["mean"], inputs.dtype)
        x = tf.where(tf.math.is_finite(inputs), inputs - mean, 0.0) / state["scale"]
        x = self.dropper(x, training=training)
        for layer in self.network:
            x = layer(x)
        return x
