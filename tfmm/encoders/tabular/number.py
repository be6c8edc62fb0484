"""Numbers as vectors, with missing values as a case of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import Encoder, positive
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import NumberColumn

SKEWED = 2.0
LIMIT = 6.0


@register("piecewise", kind="number")
class PiecewiseNumber(Encoder):
    """A number as its place among the quantiles of the data, projected.

    Piecewise linear encoding of Gorishniy et al., "On Embeddings for Numerical Features in Tabular
    Deep Learning" (arXiv:2203.05556, section 3.2): component b is 0 below bin b, 1 above it, and
    the share of the bin passed within. The standardised value and a flag for "missing" are put
    beside it, and one linear layer makes the vector; a missing value gets a vector of its own.

    `adapt` takes log1p of the values first if none is negative and their skewness is past 2, as
    prices and counts have it. `prepare` gives `float32 [n, 2]`: the value standardised (0 when
    missing) and held within ±6 deviations, and 1 where it is missing, NaN or infinite. A constant
    column has no bins, and its vectors say only whether the value is there.

    Args:
        dim: length of the vectors.
        bins: quantile bins; fewer where the data have fewer distinct values.
        name: Keras's layer name.
    """

    def __init__(
        self, dim: int = 64, *, bins: int = 16, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.bins = positive("bins", bins)

    def _learn(self, column: NumberColumn, cache: Path | None) -> dict[str, Any]:
        values = np.asarray(column.values, np.float64)
        values = values[np.isfinite(values)]
        if not len(values):
            return {"log": False, "mean": 0.0, "deviation": 1.0, "edges": []}
        log = bool(values.min() >= 0 and skewness(values) > SKEWED)
        values = np.log1p(values) if log else values
        mean, deviation = float(values.mean()), float(values.std())
        # A spread at the level of float32's rounding is a constant column.
        if deviation <= 1e-6 * max(1.0, abs(mean)):
            return {"log": log, "mean": mean, "deviation": 1.0, "edges": []}
        scaled = np.clip((values - mean) / deviation, -LIMIT, LIMIT)
        edges = np.unique(np.quantile(scaled, np.linspace(0, 1, self.bins + 1)).astype(np.float32))
        # Edges closer than this would make slopes that turn rounding into signal.
        edges = edges[np.append(True, np.diff(edges) > 1e-4)]
        return {"log": log, "mean": mean, "deviation": deviation, "edges": edges.tolist()}

    def _prepare(self, column: NumberColumn, cache: Path | None) -> np.ndarray:
        state = self.state()
        values = np.asarray(column.values, np.float64)
        missing = ~np.isfinite(values)
        values = np.where(missing, state["mean"], values)
        if state["log"]:
            values = np.where(missing, state["mean"], np.log1p(np.maximum(values, 0.0)))
        scaled = np.clip((values - state["mean"]) / state["deviation"], -LIMIT, LIMIT)
        if not state["edges"]:
            scaled = np.zeros_like(scaled)
        return np.stack([scaled, missing], axis=1).astype(np.float32)

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        self.projection = tf.keras.layers.Dense(self.dim, name="projection")
        self.projection.build([None, 2 + max(len(self.state()["edges"]) - 1, 0)])
        super().build(input_shape)

    def embedder(self) -> Embedder:
        state = self.state()

        def embed(values: tf.Tensor) -> tf.Tensor:
            values = tf.cast(values, tf.float64)
            missing = ~tf.math.is_finite(values)
            if state["log"]:
                values = tf.math.log1p(tf.maximum(values, 0.0))
            values = tf.where(missing, tf.constant(state["mean"], tf.float64), values)
            scaled = (values - state["mean"]) / state["deviation"]
            scaled = tf.clip_by_value(scaled, -LIMIT, LIMIT)
            if not state["edges"]:
                scaled = tf.zeros_like(scaled)
            both = tf.stack([scaled, tf.cast(missing, tf.float64)], axis=1)
            return self(tf.cast(both, tf.float32))

        return self._embedder(embed, tf.TensorSpec([None], tf.float32, name="number"))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        edges = np.asarray(self.state()["edges"], inputs.dtype.as_numpy_dtype)
        value, missing = inputs[:, :1], inputs[:, 1:]
        features = [value, missing]
        if len(edges) > 1:
            passed = (value - edges[:-1]) / (edges[1:] - edges[:-1])
            features.append(tf.clip_by_value(passed, 0.0, 1.0) * (1.0 - missing))
        return self.projection(tf.concat(features, axis=1))


def skewness(values: np.ndarray) -> float:
    """The third standardised moment; 0 for constant values."""
    centred = values - values.mean()
    spread = np.sqrt(np.mean(centred**2))
    return float(np.mean(centred**3) / spread**3) if spread > 0 else 0.0
