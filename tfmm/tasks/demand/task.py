"""The task of demand: how much of what will sell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.baselines.demand import names
from tfmm.config.names import unknown
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoders
from tfmm.encoders.raw import check_embedder
from tfmm.evaluation.demand import Calibration, Forecast, Outcome, demand_metrics
from tfmm.layers.content import build_content
from tfmm.tasks.base import Metric, Metrics, Say, Section, Task, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.batches import Windows
from tfmm.tasks.demand.config import DemandConfig
from tfmm.tasks.demand.measure import measured
from tfmm.tasks.demand.model import Forecaster
from tfmm.tasks.demand.network.network import DemandNetwork
from tfmm.tasks.demand.parts import DemandParts, Origins, parts_of
from tfmm.tasks.demand.report import sections
from tfmm.tasks.demand.series.calendar import check_country
from tfmm.tasks.demand.series.periods import SEASON
from tfmm.tasks.demand.series.read import ITEM, event_columns, series_of
from tfmm.tasks.demand.series.series import Series
from tfmm.tasks.demand.signatures import export_of, ids_of
from tfmm.tasks.demand.vectors import check_vectors, with_vectors
from tfmm.tasks.items.fused import check_fusion

#: Shares of the negative binomial that validation chooses among.
_MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Between what means may be moved at once.
_LEVELS = (0.7, 1.4)


class Demand(Task):
    """Tells how much of what will sell in each of the next periods, and how sure that is."""

    name = "demand"
    Config = DemandConfig
    backtested = ("wape", "rmsse")

    @classmethod
    def over(cls, config: DemandConfig, data: ShopData) -> Task:
        return cls(config, with_vectors(data, config.vectors))

    @classmethod
    def check(cls, config: DemandConfig) -> None:
        for name in config.evaluate.baselines or ():
            if name not in names():
                raise RunFileError(f"`evaluate.baselines`: {unknown('baseline', name, names())}")
        check_country(config.futures.holidays)
        check_fusion(config.items)
        if config.vectors is not None and config.series.by != ITEM:
            raise RunFileError(
                f"`vectors` are of items, but `series.by` is {config.series.by!r}. Leave one out."
            )
        check_vectors(config.vectors)

    @classmethod
    def event_columns(cls, config: DemandConfig, shop: Any) -> Iterable[str]:
        return event_columns(config, shop)

    def check_data(self, measured: bool = True) -> None:
        for encoder in make_encoders(self.series.catalog, self.config.items.encoders).values():
            check_embedder(encoder)
        ids_of(self.series)

    @property
    def choice(self) -> Metric:  # type: ignore[override]
        return Metric(self.config.evaluate.by, higher_is_better=False)

    @cached_property
    def series(self) -> Series:
        """What sold in each period."""
        return series_of(self.data, self.config)

    @cached_property
    def windows(self) -> Windows:
        """What the network reads."""
        network = self.config.network
        return Windows(self.series, network.window, network.horizon)

    def draw(self) -> DemandParts:
        return parts_of(self.series, self.config)

    def build(
        self,
        train: Origins | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Forecaster:
        config, series = self.config, self.series
        chosen = config.items.encoders
        if states is not None and chosen is not None:
            # What joined the run file since was never learned from.
            chosen = {name: chosen[name] for name in states["items"]}
        content, columns = build_content(
            series.catalog,
            chosen,
            fusion=config.items.fused_by,
            dim=config.items.dim,
            budget=config.train.batch_size,
            states=(states or {}).get("items"),
            cache=cache_folder() if keep_media else None,
            name="content",
        )
        if states is not None:
            rows = series.catalog.rows(states["learned"])
            learned = np.sort(rows[rows >= 0]).astype(np.int64)
        else:
            assert train is not None
            learned = np.unique(train.series)
        network = config.network
        made = [
            DemandNetwork(
                network.window,
                network.horizon,
                network.quantiles,
                grain=series.grain if states is None else states["grain"],
                season=SEASON[series.every],
                hidden=network.hidden,
                dropout=network.dropout,
            )
            for _ in range(network.members)
        ]
        counts = config.series.value == "units"
        total = config.evaluate.by in ("wape", "pinball")
        model = Forecaster(
            content, columns, made, self.windows, learned, counts=counts, total=total
        )
        if states is not None and states["calibration"] is not None:
            model.finished(Calibration.of_json(states["calibration"]), states["point"])
        return model

    def load(self, folder: Path, *, keep_media: bool = True) -> Forecaster:
        model = super().load(folder, keep_media=keep_media)
        model.remember(self.series.periods)
        return model

    def batches(self, model: Forecaster, part: Origins, first_epoch: int = 0) -> tf.data.Dataset:
        train, network = self.config.train, self.config.network
        return model.batches(
            part,
            batch_size=train.batch_size,
            hide=network.hide,
            cut=network.cut,
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def at(self, valid: str, test: str, until: str) -> DemandConfig:
        split = self.config.split.with_values(valid=valid, test=test, until=until)
        return self.config.with_values(split=split)

    def validate(self, model: Forecaster) -> dict[str, float]:
        part = self.parts.valid
        model.remember(int(part.origin.min()))
        return self._best(model.raw(part), self.outcome(part))[1]

    def decide(self, model: Forecaster, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        part = self.parts.valid
        outcome = self.outcome(part)
        model.remember(int(part.origin.min()))
        model.level.assign(1.0)
        bias = demand_metrics(model.raw(part), outcome)["bias"]
        level = float(np.clip(1 / (1 + bias), *_LEVELS)) if np.isfinite(bias) else 1.0
        model.level.assign(level)
        mixes = _MIXES if model.counts else (0.0,)
        tried = []
        for mix in mixes:
            model.mix.assign(mix)
            tried.append(model.raw(part))
        best = int(np.argmin([demand_metrics(one, outcome)["pinball"] for one in tried]))
        mix, raw = mixes[best], tried[best]
        model.mix.assign(mix)
        made = calibrated(raw, outcome, part.cold, self.series.grain)
        point, found = self._best(made(raw, part.cold), outcome)
        decided = {"level": level, "mix": mix, "calibration": made.as_json(), "point": point}
        return decided, found[self.choice.name]

    def finish(self, model: Forecaster, train: Origins, decided: Mapping[str, Any]) -> Forecaster:
        model.level.assign(decided["level"])
        model.mix.assign(decided["mix"])
        model.finished(Calibration.of_json(decided["calibration"]), decided["point"])
        model.remember(train.cut)
        return model

    def evaluate(self, model: Forecaster, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        model.remember(int(self.parts.test.origin.min()))
        found = measured(self, model, say)
        model.remember(self.series.periods)
        return found | {name: decided[name] for name in ("level", "mix", "point")}

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        return sections(metrics, history, self.choice.name, folder)

    def signatures(self, run: Any, settings: Any) -> Any:
        return export_of(self, run.model)

    def encoders(self) -> list[tuple[str, Encoder]]:
        made = make_encoders(self.series.catalog, self.config.items.encoders, self.config.items.dim)
        return list(made.items())

    def summary(self) -> str:
        counts, series = self.parts.counts(), self.series
        names = series.names()
        told = (
            f"{counts['series']:,} series of {series.periods} {series.every}s from {names[0]} to "
            f"{names[-1]}: {counts['train']:,} origins to learn from, {counts['valid']:,} for "
            f"validation, {counts['test']:,} for the test"
        )
        if counts["cold_series"]:
            told += f", of them {counts['cold_series']:,} series that were left out whole"
        return told + "." + "".join(f"\n{n:,} {what}." for what, n in series.counted.items())

    def outcome(self, part: Origins) -> Outcome:
        """What came after the origins of a part."""
        series, horizon = self.series, self.config.network.horizon
        return Outcome.of(series.values, series.start, part.series, part.origin, horizon)

    def _best(self, found: Forecast, outcome: Outcome) -> tuple[str, dict[str, float]]:
        """The better of mean and median, by the run file's metric."""
        return best_point(found, outcome, self.choice.name)


def best_point(found: Forecast, outcome: Outcome, by: str) -> tuple[str, dict[str, float]]:
    """Which of mean and median has less absolute error, and what is measured with it.

    Args:
        found: forecasts.
        outcome: what came.
        by: a metric of which less is better; where it does not tell them apart, `wape` does.
    """
    rows = {point: demand_metrics(found.by(point), outcome) for point in ("median", "mean")}
    point = min(rows, key=lambda name: (np.nan_to_num(rows[name][by]), rows[name]["wape"]))
    return point, {name: float(np.nan_to_num(value)) for name, value in rows[point].items()}


def calibrated(
    raw: Forecast, outcome: Outcome, cold: NDArray[np.bool_], grain: float
) -> Calibration:
    """What makes forecasts of validation hold what they promise."""
    return Calibration.fitted(raw, outcome.actual, outcome.there, cold, grain)
