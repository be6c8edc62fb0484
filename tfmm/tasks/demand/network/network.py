"""A direct forecast of several periods, from the past, what is known ahead, and what a thing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmm.encoders.configured import Configured

#: Last periods whose means are told.
_MEANS = (1, 2, 4, 8, 13, 26)


class Found(NamedTuple):
    """What the network says of `[B]` series over H periods.

    Attributes:
        mean: float32 `[B, H]`.
        size: float32 `[B, H]`, of the negative binomial.
        quantiles: float32 `[B, H, Q]`, ascending, perhaps below 0.
        unit: float32 `[B]`, what errors are counted in.
    """

    mean: tf.Tensor
    size: tf.Tensor
    quantiles: tf.Tensor
    unit: tf.Tensor


class Known(NamedTuple):
    """Series that others are compared with.

    Attributes:
        vectors: float32 `[M, D]`.
        levels: float32 `[M, 2]`, what they sell a period, and sold in their first ones.
    """

    vectors: tf.Tensor
    levels: tf.Tensor


@tf.keras.utils.register_keras_serializable(package="tfmm")
class DemandNetwork(Configured):
    """Forecasts by a weighted mean of simple levels, times what the network adds.

    Levels are means over the last 1 to L periods, each drawn towards what similar series sell (in
    their lives, and in their first periods) as long as few periods are told; that itself; and the
    same time of the last season. A network weighs them by the past, by what is known of past and
    future periods and by the vector, and multiplies by at most e². Quantiles are sums of positive
    steps, so they never cross.

    Args:
        window: L.
        horizon: H.
        levels: `[Q]`, of the quantiles.
        grain: what one sale amounts to.
        season: periods after which a season comes back.
        hidden: width.
        dropout: share of what layers pass on that is hidden in training.
        options: as of every Keras layer.
    """

    def __init__(
        self,
        window: int,
        horizon: int,
        levels: Sequence[float],
        *,
        grain: float = 1.0,
        season: int = 52,
        hidden: int = 64,
        dropout: float = 0.2,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.window, self.horizon, self.levels = window, horizon, tuple(levels)
        self.grain, self.season, self.hidden, self.dropout = grain, season, hidden, dropout
        self.spans = [*(one for one in _MEANS if one < window), window]
        self.seasonal = window >= season
        width = len(self.spans) + 1 + self.seasonal
        layer = tf.keras.layers.Dense
        self.key = layer(16, use_bias=False, name="key")
        self.lift = layer(1, kernel_initializer="zeros", name="lift")
        self.told = layer(4, activation="tanh", name="told")
        self.into = layer(hidden, activation="swish", name="into")
        self.deeper = layer(hidden, activation="swish", name="deeper")
        self.ahead = layer(8, activation="tanh", name="ahead")
        self.decode = layer(hidden // 2, activation="swish", name="decode")
        self.out = layer(width + 2 + len(levels), kernel_initializer="zeros", name="out")
        self.drop = tf.keras.layers.Dropout(dropout)
        self.sharp = self.add_weight(name="sharp", shape=(), initializer="ones")
        self.youth = self.add_weight(name="youth", shape=(2,), initializer="zeros")
        self.trust = self.add_weight(name="trust", shape=(len(self.spans),), initializer="zeros")
        self.step = self.add_weight(name="step", shape=(horizon, 8), initializer="random_normal")

    def call(
        self,
        read: Mapping[str, tf.Tensor],
        vectors: tf.Tensor,
        known: Known,
        same: tf.Tensor | None = None,
        training: bool = False,
    ) -> Found:
        """What the network says.

        Args:
            read: see `tfmm.tasks.demand.batches.Windows`.
            vectors: float32 `[B, D]`, of the series.
            known: what they are compared with.
            same: bool `[B, M]`, which of these are the series itself.
            training: whether dropout is on.
        """
        past, on_sale, age = read["past"], read["on_sale"], read["age"]
        prior = self._similar(vectors, known, same, age)
        levels = [prior]
        trust = tf.nn.softplus(self.trust)
        for number, span in enumerate(self.spans):
            total = tf.reduce_sum(past[:, -span:], axis=1) + trust[number] * prior
            levels.append(total / (tf.reduce_sum(on_sale[:, -span:], axis=1) + trust[number]))
        scale = levels[-1]
        each = tf.stack(levels, axis=1)
        context = self._context(read, vectors, each, scale, training)
        candidates = tf.repeat(each[:, None, :], self.horizon, axis=1)
        if self.seasonal:
            candidates = tf.concat([candidates, self._season(past, on_sale, scale)], axis=-1)
        count = candidates.shape[-1]
        weights = tf.nn.softmax(context[..., :count], axis=-1)
        base = tf.reduce_sum(weights * candidates, axis=-1)
        mean = base * tf.exp(2.0 * tf.tanh(context[..., count] / 2.0))
        mean = tf.maximum(mean, 1e-3 * self.grain)
        size = tf.nn.softplus(context[..., count + 1] + 1.0) + 0.02
        return Found(
            mean, size, self._quantiles(mean, context[..., count + 2 :]), self._unit(scale)
        )

    def _similar(
        self, vectors: tf.Tensor, known: Known, same: tf.Tensor | None, age: tf.Tensor
    ) -> tf.Tensor:
        """What similar series sell, float32 `[B]`."""
        mine = tf.nn.l2_normalize(self.key(vectors), axis=-1)
        theirs = tf.nn.l2_normalize(self.key(known.vectors), axis=-1)
        near = tf.matmul(mine, theirs, transpose_b=True) * 8.0 * tf.nn.softplus(self.sharp)
        if same is not None:
            near -= 1e9 * tf.cast(same, tf.float32)
        found = tf.matmul(tf.nn.softmax(near, axis=-1), known.levels)
        young = tf.sigmoid(self.youth[0] + self.youth[1] * tf.math.log1p(age))
        level = young * found[:, 1] + (1.0 - young) * found[:, 0]
        return tf.maximum(level * tf.exp(tf.tanh(self.lift(vectors)[:, 0])), 0.01 * self.grain)

    def _context(
        self,
        read: Mapping[str, tf.Tensor],
        vectors: tf.Tensor,
        levels: tf.Tensor,
        scale: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        """What the network says of each period, float32 `[B, H, O]`."""
        past, on_sale = read["past"], read["on_sale"]
        shape = tf.math.log1p(past / scale[:, None])
        told = self.told(tf.concat([read["past_sides"], shape[..., None]], axis=-1))
        told = tf.reshape(told * on_sale[..., None], [-1, self.window * 4])
        count = tf.maximum(tf.reduce_sum(on_sale, axis=1), 1.0)
        quiet = tf.reduce_sum(on_sale * tf.cast(past <= 0.0, tf.float32), axis=1) / count
        numbers = tf.stack(
            [
                tf.math.log(scale / self.grain),
                tf.math.log1p(read["age"]) - 2.0,
                tf.reduce_mean(on_sale, axis=1),
                quiet,
            ],
            axis=1,
        )
        relative = tf.math.log((levels + 0.05 * scale[:, None]) / scale[:, None])
        given = tf.concat([shape, told, on_sale, numbers, relative, vectors], axis=1)
        hidden = self.drop(self.into(given), training=training)
        hidden += self.drop(self.deeper(hidden), training=training)
        rows = tf.shape(past)[0]
        ahead = tf.concat(
            [self.ahead(read["future_sides"]), tf.repeat(self.step[None], rows, axis=0)], axis=-1
        )
        both = tf.concat([tf.repeat(hidden[:, None], self.horizon, axis=1), ahead], axis=-1)
        return self.out(self.drop(self.decode(both), training=training))

    def _season(self, past: tf.Tensor, on_sale: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        """What the same periods of the last season sold, float32 `[B, H, 1]`; the mean level where
        a series was not on sale."""
        ahead = np.arange(self.horizon)
        back = self.season * (ahead // self.season + 1) - ahead
        at = self.window - back
        found, there = tf.gather(past, at, axis=1), tf.gather(on_sale, at, axis=1)
        found = (found + scale[:, None]) / 2.0
        return tf.where(there > 0.0, found, scale[:, None])[..., None]

    def _unit(self, mean: tf.Tensor) -> tf.Tensor:
        return tf.sqrt(mean * self.grain + 0.1 * mean**2 + (0.05 * self.grain) ** 2)

    def _quantiles(self, mean: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        mean = tf.stop_gradient(mean)
        steps = tf.nn.softplus(given - 1.0)
        first = -2.0 * steps[..., :1]
        away = tf.concat([first, steps[..., 1:]], axis=-1)
        return mean[..., None] + self._unit(mean)[..., None] * tf.cumsum(away, axis=-1)
