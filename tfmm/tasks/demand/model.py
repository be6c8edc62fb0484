"""Forecasts of series from their past and from what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, row_batches
from tfmm.encoders import Encoder
from tfmm.evaluation.demand import Calibration, Forecast
from tfmm.layers.content import Content
from tfmm.tasks.demand.batches import Windows, demand_batches, only_last
from tfmm.tasks.demand.network.counts import SLOW, amount_loss, count_loss, count_quantiles
from tfmm.tasks.demand.network.network import DemandNetwork, Found, Known
from tfmm.tasks.demand.parts import Origins
from tfmm.tasks.model import Model

#: What of a batch the network reads.
READ = ("past", "on_sale", "past_sides", "future_sides", "age")


class Forecaster(Model):
    """Forecasts a series by its past, by what is known ahead, and by what similar series sold.

    In training the others of a batch are what a series is compared with, itself left out; a
    finished model compares with all that it learned from.

    Args:
        content: the modalities; None for series without features.
        columns: what their encoders read, a row a series.
        networks: forecast, alike but for their beginnings; their answers are averaged.
        windows: cuts out what it reads.
        learned: int64 rows of the series that it learns from.
        counts: whether sales are counts rather than amounts of money.
        total: whether an error counts as many pieces as it has, rather than in its series' units.
    """

    def __init__(
        self,
        content: Content | None,
        columns: FeatureColumns,
        networks: Sequence[DemandNetwork],
        windows: Windows,
        learned: NDArray[np.int64],
        *,
        counts: bool = True,
        total: bool = False,
    ) -> None:
        super().__init__(name="forecaster")
        self.content, self.networks = content, list(networks)
        self.network = self.networks[0]
        #: Share of the negative binomial in the quantiles of slow series; validation chooses it.
        self.mix = self.add_weight(name="mix", shape=(), initializer="zeros", trainable=False)
        #: What means are multiplied by, so that those of validation add up to what sold.
        self.level = self.add_weight(name="level", shape=(), initializer="ones", trainable=False)
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(
            columns=columns, windows=windows, learned=learned, counts=counts, total=total
        )
        self.__dict__.update(calibration=None, point="median", known=None)
        self.__dict__.update(_step=None, _encode=None)
        self.remember(1)
        origins = Origins(np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros(1, bool), 1)
        self.raw(origins)

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        if self.content is not None:
            yield from self.content.encoders.items()

    def states(self) -> dict[str, Any]:
        ids = self.windows.series.catalog.ids
        return {
            "items": {name: one.state() for name, one in self.encoders()},
            "learned": [str(one) for one in ids[self.learned]],
            "grain": self.network.grain,
            "calibration": None if self.calibration is None else self.calibration.as_json(),
            "point": self.point,
        }

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {"forecaster": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        if self.content is None:
            return []
        ids = [str(one) for one in self.windows.series.catalog.ids]
        banks = (*self.content.banks.values(), *self.content.filled.values())
        found: list[tuple[tf.Variable, Sequence[str]]] = [(one, ids) for one in banks]
        for _, encoder in self.encoders():
            found += [(getattr(encoder, at), n) for at, n in encoder.vocabularies().items()]
        return found

    def batches(self, part: Origins, **options: Any) -> tf.data.Dataset:
        """Batches for `fit`, see `tfmm.tasks.demand.batches.demand_batches`."""
        return demand_batches(part, self.windows, self.columns, **options)

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """Likelihood of the means and pinball loss of the quantiles."""
        vectors = self._vectors(inputs, training)
        place = inputs["place"]
        mine = tf.gather(vectors, place)
        same = place[:, None] == place[None, :]
        known = Known(mine, inputs["levels"])
        read = {name: inputs[name] for name in READ}
        losses = [
            self._loss(network(read, mine, known, same, training=training), inputs)
            for network in self.networks
        ]
        return tf.add_n(losses) / len(losses)

    def _loss(self, found: Found, inputs: Mapping[str, Any]) -> tf.Tensor:
        actual, there = inputs["target"], inputs["there"]
        grain = self.network.grain
        if self.counts:
            told = count_loss(actual, found.mean, found.size)
        else:
            told = amount_loss(actual / grain, found.mean / grain)
        unit = tf.stop_gradient(found.unit)
        unit = tf.reduce_mean(unit) * tf.ones_like(unit) if self.total else unit
        gap = (actual[..., None] - found.quantiles) / unit[:, None, None]
        levels = tf.constant(self.network.levels, tf.float32)
        pinball = tf.reduce_mean(tf.maximum(levels * gap, (levels - 1.0) * gap), axis=-1)
        each = tf.reduce_sum((told + pinball) * there)
        return each / tf.maximum(tf.reduce_sum(there), 1.0)

    def remember(self, cut: int, learned: NDArray[np.int64] | None = None) -> None:
        """Takes as what series are compared with those that were learned from, as they had sold
        before a period.

        Args:
            cut: the period.
            learned: rows, in place of those of the training part.
        """
        rows = self.learned if learned is None else learned
        rows = rows[self.windows.series.start[rows] < cut]
        if not len(rows):
            rows = np.zeros(1, np.int64)
        levels = self.windows.levels(rows, np.full(len(rows), cut))
        known = Known(tf.constant(self.vectors(rows)), tf.constant(levels))
        self.__dict__["known"] = known

    def vectors(self, rows: NDArray[np.int64], batch_size: int = 64) -> NDArray[np.float32]:
        """What the features of series say, float32 `[n, D]`."""
        if self.content is None:
            return np.zeros((len(rows), 1), np.float32)
        if self._encode is None:
            self.__dict__["_encode"] = tf.function(
                lambda batch: self.content(batch)[0], reduce_retracing=True
            )
        # Of one size, so that the graph is traced once.
        count, rows = len(rows), np.pad(rows, (0, -len(rows) % batch_size), mode="edge")
        found = []
        for batch in row_batches(rows, self.columns, list(self.columns.columns), batch_size):
            features = batch["features"]
            everything = tf.range(tf.size(batch["items"]))
            found.append(
                self._encode(
                    {
                        "items": batch["items"],
                        "present": batch["present"],
                        "features": {name: features[name] for name in self.columns.light},
                        "encode": {
                            name: {"at": everything, "inputs": features[name]}
                            for name in self.columns.budgets
                        },
                    }
                ).numpy()
            )
        return np.concatenate(found)[:count]

    def finished(self, calibration: Calibration, point: str) -> None:
        """Takes over how quantiles are shifted, and which number stands for a forecast."""
        self.__dict__.update(calibration=calibration, point=point)

    def answer(
        self, read: Mapping[str, tf.Tensor], vectors: tf.Tensor, known: Known
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Means float32 `[B, H]` and quantiles `[B, H, Q]`, not calibrated."""
        each = [network(read, vectors, known) for network in self.networks]
        parts = [tf.add_n(part) / len(each) for part in zip(*each, strict=True)]
        found = Found(parts[0] * self.level, *parts[1:])
        return found.mean, self._mixed(found)

    def raw(self, part: Origins, batch_size: int = 1024) -> Forecast:
        """Forecasts of series at origins that are not calibrated; the interval is that of the
        quantiles."""
        if self._step is None:
            self.__dict__["_step"] = tf.function(self.answer, reduce_retracing=True)
        means, quantiles = [], []
        rows, place = np.unique(part.series, return_inverse=True)
        vectors = self.vectors(rows)
        for begin in range(0, len(part), batch_size):
            some = slice(begin, begin + batch_size)
            made = self.windows.at(part.series[some], part.origin[some])
            read = {name: tf.constant(made[name], tf.float32) for name in READ}
            window = self.windows.window
            read |= only_last(read, tf.constant(np.where(part.cold[some], 0, window), tf.int32))
            mean, ranks = self._step(read, tf.constant(vectors[place[some]]), self.known)
            means.append(mean.numpy())
            quantiles.append(ranks.numpy())
        horizon, levels = self.network.horizon, self.network.levels
        empty = np.empty((0, horizon))
        mean = np.concatenate([empty, *means])
        found = np.concatenate([np.empty((0, horizon, len(levels))), *quantiles])
        low, high = (found[..., levels.index(at)] for at in (0.1, 0.9))
        return Forecast(mean, tuple(levels), found, low, high, self.point)

    def forecast(self, part: Origins) -> Forecast:
        """Calibrated forecasts of series at origins; of a model that is not finished, raw ones."""
        found = self.raw(part)
        return found if self.calibration is None else self.calibration(found, part.cold)

    def _mixed(self, found: Found) -> tf.Tensor:
        quantiles = tf.maximum(found.quantiles, 0.0)
        if not self.counts:
            return quantiles
        slow = tf.cast(found.mean < SLOW, tf.float32)[..., None] * self.mix
        ranks = count_quantiles(found.mean, found.size, tuple(self.network.levels))
        return quantiles + slow * (ranks - quantiles)

    def _vectors(self, inputs: Mapping[str, Any], training: bool) -> tf.Tensor:
        if self.content is None:
            return tf.zeros([tf.size(inputs["items"]), 1])
        return self.content(inputs, training=training)[0]
