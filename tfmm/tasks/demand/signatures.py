"""What a run of demand answers: how much of a thing will sell."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.names import input_name
from tfmm.encoders.raw import RawReader, raw_samples
from tfmm.evaluation.demand import Calibration
from tfmm.index.lookup import check_lines, row_table
from tfmm.tasks.base import Export, Signature
from tfmm.tasks.demand.model import READ, Forecaster
from tfmm.tasks.demand.network.network import Known
from tfmm.tasks.demand.series.plan import MOST
from tfmm.tasks.demand.series.read import ITEM
from tfmm.tasks.demand.series.series import Series

#: An id that no shop has, for samples.
_NOBODY = "\u2205 nobody"


class Served(tf.Module):
    """A forecaster over ids, and over raw values of what is new.

    | signature | inputs |
    | --- | --- |
    | `serving_default`, `forecast` | `item_id` [B] |
    | `forecast_planned` | `item_id` [B], and each column of the run's plan [B, H] |
    | `forecast_new` | a value [B] of each feature |

    All answer `mean`, `low` and `high` [B, H], `quantiles` [B, H, Q], their `levels` [B, Q],
    `period` [B, H] and `known` [B].

    Of series by category or store, ids come as `series_id`. `period` is the ISO date of a period's
    first day. `known` is False for an id that the catalogue lacks, which is told as a thing without
    any feature.
    What is planned is what the run's table says, unless `forecast_planned` says else; NaN there for
    as it is.

    Args:
        model: finished.
        calibration: of its quantiles.
    """

    def __init__(self, model: Forecaster, calibration: Calibration) -> None:
        super().__init__(name="forecaster")
        windows = model.windows
        series = windows.series
        rows = np.arange(len(series))
        now = windows.at(rows, np.full(len(rows), series.periods))
        blank = {name: np.zeros_like(np.asarray(now[name][:1], np.float32)) for name in READ}
        # What is new, or unknown, meets the same future.
        plan = series.plan
        width = len(plan.names)
        blank["future_sides"][..., width:] = now["future_sides"][:1, :, width:]
        self.tables = {
            name: tf.Variable(
                np.concatenate([np.asarray(now[name], np.float32), blank[name]]),
                trainable=False,
                name=name,
            )
            for name in READ
        }
        vectors = model.vectors(rows)
        empty = np.zeros((1, vectors.shape[1]), np.float32)
        self.vectors = tf.Variable(np.concatenate([vectors, empty]), trainable=False)
        # Its file is copied into the version when the model is saved.
        self._folder = tempfile.TemporaryDirectory(prefix="tfmm-ids-")
        self.ids = row_table(ids_of(series), Path(self._folder.name) / "series.txt")
        self.count = len(rows)
        self.known = [tf.Variable(one, trainable=False) for one in model.known]
        self.levels = tf.constant([model.network.levels], tf.float32)
        horizon = model.network.horizon
        self.periods = tf.constant([series.names(horizon)[series.periods :]])
        self.edges = tf.constant(calibration.edges, tf.float32)
        self.quantile_shift = tf.constant(calibration.quantiles, tf.float32)
        self.interval_shift = tf.constant(calibration.interval, tf.float32)
        self.grain = calibration.grain
        at = model.network.levels.index
        self.ends = at(0.1), at(0.9)
        self.plans = plan.names
        self.plan_means = tf.Variable(
            np.concatenate([plan.means, np.full((1, width), np.nan, np.float32)]), trainable=False
        )
        content = model.content
        encoders = {} if content is None else content.encoders
        self.readers = [RawReader(one) for one in encoders.values()]
        self.inputs = lambda: dict(zip(map(input_name, encoders), self.readers, strict=True))
        # Hidden behind functions, and their variables listed: a Keras layer that is tracked brings
        # its own functions into the SavedModel.
        self._answer = lambda read, vectors, known: model.answer(read, vectors, known)
        networks = model.networks
        self._variables = [*(one for each in networks for one in each.weights)]
        self._variables += [model.mix, model.level]
        if content is not None:
            self._fuse = lambda tokens, mask: content.fusion(tokens, mask)[0]
            self._fusion_variables = list(content.fusion.weights)

    def by_id(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Forecasts of ids `[B]`."""
        return self._of_rows(self.ids.lookup(ids))

    def planned(self, ids: tf.Tensor, **plan: tf.Tensor) -> dict[str, tf.Tensor]:
        """Likewise, with what is planned."""
        found = self.ids.lookup(ids)
        rows = tf.where(found >= 0, tf.cast(found, tf.int32), self.count)
        means = tf.gather(self.plan_means, rows)[:, None, :]
        given = tf.stack([plan[name] for name in self.plans], axis=-1)
        least = tf.maximum(tf.abs(means), 1e-9)
        relative = tf.clip_by_value(given / least - tf.sign(means), -MOST, MOST)
        told = tf.where(tf.math.is_nan(means), given, relative)
        return self._of_rows(found, tf.where(tf.math.is_nan(given), given, told))

    def new(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Forecasts of what has never sold, by raw values."""
        read = [reader(values[name]) for name, reader in self.inputs().items()]
        tokens = tf.stack([vectors for vectors, _ in read], axis=1)
        mask = tf.stack([present for _, present in read], axis=1)
        vectors = self._fuse(tokens, mask)
        rows = tf.fill([tf.shape(vectors)[0]], self.count)
        return self._told(rows, vectors, None, tf.reduce_any(mask, axis=1))

    def _of_rows(self, found: tf.Tensor, plan: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        known = found >= 0
        rows = tf.where(known, tf.cast(found, tf.int32), self.count)
        return self._told(rows, tf.gather(self.vectors, rows), plan, known)

    def _told(
        self, rows: tf.Tensor, vectors: tf.Tensor, plan: tf.Tensor | None, known: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        read = {name: tf.gather(table, rows) for name, table in self.tables.items()}
        if plan is not None:
            ahead = read["future_sides"]
            width = len(self.plans)
            planned = tf.where(tf.math.is_nan(plan), ahead[..., :width], plan)
            read["future_sides"] = tf.concat([planned, ahead[..., width:]], axis=-1)
        mean, quantiles = self._answer(read, vectors, Known(*self.known))
        unit = tf.sqrt(mean * self.grain + 0.1 * mean**2 + (0.05 * self.grain) ** 2)
        speed = tf.searchsorted(self.edges, tf.reduce_mean(mean, axis=1), side="right")
        group = tf.where(read["age"] > 0.0, speed, len(self.interval_shift) - 1)
        shift = tf.gather(self.quantile_shift, group)[:, None, :] * unit[..., None]
        moved = tf.unstack(tf.maximum(quantiles + shift, 0.0), axis=-1)
        for number in range(1, len(moved)):
            moved[number] = tf.maximum(moved[number], moved[number - 1])
        wider = tf.gather(self.interval_shift, group)[:, None] * unit
        low = tf.maximum(quantiles[..., self.ends[0]] - wider, 0.0)
        high = tf.maximum(quantiles[..., self.ends[1]] + wider, low)
        rows_asked = tf.shape(rows)[0]
        return {
            "mean": mean,
            "low": low,
            "high": high,
            "quantiles": tf.stack(moved, axis=-1),
            "levels": tf.repeat(self.levels, rows_asked, axis=0),
            "period": tf.repeat(self.periods, rows_asked, axis=0),
            "known": known,
        }


def ids_of(series: Series) -> list[str]:
    """The ids of series, as an export holds them.

    Raises:
        ValueError: one is empty or holds a line break.
    """
    ids = [str(one) for one in series.catalog.ids]
    check_lines(ids, "ids of series")
    return ids


def export_of(task: Any, model: Forecaster) -> Export:
    """The export of a finished forecaster."""
    config, series = task.config, model.windows.series
    calibration = model.calibration
    assert calibration is not None
    served = Served(model, calibration)
    plans = series.plan.names
    key = "item_id" if config.series.by == ITEM else "series_id"
    horizon = model.network.horizon

    def ids(count: int) -> dict[str, NDArray[Any]]:
        known = [str(one) for one in series.catalog.ids[: max(1, count - 1)]]
        cycle = [*known, _NOBODY]
        return {key: np.array([cycle[at % len(cycle)] for at in range(count)], object)}

    def plan(count: int) -> dict[str, NDArray[Any]]:
        blank = np.full((count, horizon), np.nan, np.float32)
        blank[::2] = 1.0
        return ids(count) | dict.fromkeys(plans, blank)

    def raw(count: int) -> dict[str, NDArray[Any]]:
        columns = dict(zip(served.inputs(), model.content.encoders, strict=True))  # type: ignore[union-attr]
        return {
            name: raw_samples(reader.kind, reader.spec, series.catalog.features[feature], count)
            for (name, reader), feature in zip(
                served.inputs().items(), columns.values(), strict=True
            )
        }

    asked = {key: tf.TensorSpec([None], tf.string)}
    said = f"What sells in each of the next {horizon} {series.every}s, by id."
    signatures = [
        Signature(name, lambda **given: served.by_id(given[key]), asked, ids, said, check=_ordered)
        for name in ("serving_default", "forecast")
    ]
    if plans:
        ahead = {name: tf.TensorSpec([None, horizon], tf.float32) for name in plans}
        signatures.append(
            Signature(
                "forecast_planned",
                lambda **given: served.planned(given.pop(key), **given),
                asked | ahead,
                plan,
                "The same with what is planned; NaN for as it is.",
                check=_ordered,
            )
        )
    if served.readers:
        inputs = {name: reader.spec for name, reader in served.inputs().items()}
        signatures.append(
            Signature(
                "forecast_new",
                served.new,
                inputs,
                raw,
                "The same of what has never sold, by raw values of its features.",
                check=_ordered,
            )
        )
    sizes = {"series": len(series), "horizon": horizon, "window": model.network.window}
    names = series.names(horizon)
    card = {
        "intended_use": "Planning what to order. Forecasts are of the periods after "
        f"{names[series.periods - 1]}, and age with the log: export anew as it grows.",
        "limits": [
            "What sold is not what was wanted: of things that were sold out it knows no demand.",
            "Intervals hold what they promise on average over series, not for each.",
        ],
        "first_period": names[series.periods],
    }
    return Export(signatures, holder=served, sizes=sizes, card=card)


def _ordered(inputs: dict, answer: dict, ask: Any) -> None:
    """Refuses quantiles that cross, or lie below 0."""
    quantiles = answer["quantiles"]
    if (quantiles < 0).any() or (np.diff(quantiles, axis=-1) < 0).any():
        raise AssertionError(f"quantiles must ascend from 0, got {quantiles.min()} and crossings")
    if (answer["low"] > answer["high"]).any():
        raise AssertionError("an interval ends before it begins")
