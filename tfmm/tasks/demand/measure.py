"""The model beside simple forecasts, on the origins of the test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.demand import Baseline, History, available, tuned
from tfmm.data.columns import CategoryColumn
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.demand import Calibration, Forecast, Outcome, demand_metrics
from tfmm.tasks.base import Say
from tfmm.tasks.demand.model import Forecaster
from tfmm.tasks.demand.parts import Origins
from tfmm.tasks.demand.series.periods import SEASON

#: Tells series without a past by others.
COLD = "category_mean"
#: Periods on sale that part the ages.
_AGES = (8, 26)
_SHOWN = 4


def measured(task: Any, model: Forecaster, say: Say) -> dict[str, Any]:
    """What the model and simple forecasts reach, on series with a past and on those without.

    Args:
        task: the `Demand` task.
        model: finished, comparing with what was learned before the test.
        say: takes lines of progress.
    """
    test, by = task.parts.test, task.choice.name
    say(f"Measuring the model on {len(test):,} series and origins.")
    outcome, said = task.outcome(test), model.forecast(test)
    warm = ~test.cold
    metrics: dict[str, Any] = {
        "model": demand_metrics(said.take(warm), outcome.take(warm)),
        "baselines": {},
        "split": task.parts.counts(),
        "counted": dict(task.series.counted),
        "every": task.series.every,
        "horizon": task.config.network.horizon,
        "value": task.config.series.value,
    }
    others = _baselines(task, metrics["baselines"], say)
    measured_ones = {n: row for n, row in metrics["baselines"].items() if by in row}
    if test.cold.any():
        metrics["cold"] = {"model": demand_metrics(said.take(test.cold), outcome.take(test.cold))}
        if COLD in others:
            cold = others[COLD].take(test.cold)
            metrics["cold"][COLD] = demand_metrics(cold, outcome.take(test.cold))
    best = min(measured_ones, key=lambda name: _or_inf(measured_ones[name]["wape"]), default=None)
    if best is not None:
        other = others[best]
        metrics["best"] = best
        metrics["compared"] = _compared(said.take(warm), other.take(warm), outcome.take(warm))
        metrics["parts"] = _by_parts(task, {"model": said, best: other}, outcome)
    else:
        metrics["parts"] = _by_parts(task, {"model": said}, outcome)
    metrics["levels"] = _levels(said.take(warm), outcome.take(warm))
    metrics["shown"] = _shown(task, said, outcome)
    return _plain(metrics)


def _history(task: Any, learned: NDArray[np.int64], cut: int) -> History:
    series = task.series
    groups = {
        name: column.codes.astype(np.int64)
        for name, column in series.catalog.features.items()
        if isinstance(column, CategoryColumn)
    }
    return History(series.values, series.start, SEASON[series.every], groups, learned, cut)


def _baselines(task: Any, found: dict[str, Any], say: Say) -> dict[str, Forecast]:
    """Forecasts of the test by name; what they reach goes to `found`."""
    asked = task.config.evaluate.baselines
    if asked is not None and not asked:
        return {}
    parts, horizon, grain = task.parts, task.config.network.horizon, task.series.grain
    valid, test = parts.valid, parts.test
    before = _history(task, parts.learned, int(valid.origin.min()))
    later = _history(task, parts.finally_learned, int(test.origin.min()))
    kinds, left = available(asked, before)
    found |= {name: {"left_out": why} for name, why in left.items()}
    say(f"Tuning and measuring the baselines: {', '.join(kind.name for kind in kinds)}.")
    outcomes = task.outcome(valid), task.outcome(test)
    answers: dict[str, Forecast] = {}
    for kind in kinds:
        # What needs a past says nothing of series without one.
        cold = kind.name == COLD
        rows = [np.full(len(part), True) if cold else ~part.cold for part in (valid, test)]
        mine = [part.take(kept) for part, kept in zip((valid, test), rows, strict=True)]
        came = outcomes[0].take(rows[0])
        judged_on = mine[0].cold if cold and mine[0].cold.any() else np.full(len(mine[0]), True)
        judge = _judge(task.choice.name, came.take(judged_on), judged_on, model_levels(task))
        made, setting, said = tuned(kind, before, mine[0].series, mine[0].origin, horizon, judge)
        levels = model_levels(task)
        raw = single(said, levels)
        calibration = Calibration.fitted(raw, came.actual, came.there, mine[0].cold, grain)
        shifted = calibration(raw, mine[0].cold)
        point = min(
            ("median", "mean"), key=lambda one: demand_metrics(shifted.by(one), came)["wape"]
        )
        told = _asked(made, later, mine[1], horizon)
        answer = calibration(single(told, levels), mine[1].cold).by(point)
        whole = _spread(answer, rows[1])
        answers[kind.name] = whole
        warm = ~test.cold
        found[kind.name] = demand_metrics(whole.take(warm), outcomes[1].take(warm))
        found[kind.name] |= {"params": dict(setting)} if setting else {}
    return answers


def _asked(made: Baseline, history: History, part: Origins, horizon: int) -> NDArray[np.float64]:
    return made.forecast(history, part.series, part.origin, horizon)


def model_levels(task: Any) -> tuple[float, ...]:
    """The levels of the run file's quantiles."""
    return tuple(task.config.network.quantiles)


def single(mean: NDArray[np.float64], levels: tuple[float, ...]) -> Forecast:
    """A forecast `[n, H]` that is sure of itself, to be calibrated."""
    ranks = np.repeat(mean[..., None], len(levels), axis=-1)
    return Forecast(mean, levels, ranks, mean, mean, "mean")


def _judge(
    by: str, outcome: Outcome, rows: NDArray[np.bool_], levels: tuple[float, ...]
) -> Callable[[NDArray[np.float64]], float]:
    def judge(said: NDArray[np.float64]) -> float:
        return _or_inf(demand_metrics(single(said[rows], levels), outcome)[by])

    return judge


def _spread(found: Forecast, rows: NDArray[np.bool_]) -> Forecast:
    """Forecasts at their places among all; NaN at the others."""
    at = np.where(rows, np.cumsum(rows) - 1, -1)

    def placed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = values[np.maximum(at, 0)] if len(values) else np.zeros((len(at), *values.shape[1:]))
        whole[~rows] = np.nan
        return whole

    return Forecast(
        placed(found.mean),
        found.levels,
        placed(found.quantiles),
        placed(found.low),
        placed(found.high),
        found.point,
    )


def _compared(own: Forecast, other: Forecast, outcome: Outcome) -> dict[str, float]:
    """By how much the model's WAPE is above the other's, and between what that lies, by series."""
    there = outcome.there
    rows, place = np.unique(outcome.series, return_inverse=True)

    def errors(found: Forecast) -> NDArray[np.float64]:
        each = (np.abs(outcome.actual - found.single) * there).sum(axis=1)
        return np.bincount(place, each, minlength=len(rows)).astype(np.float64)

    mean = max(float((outcome.actual * there).sum()) / len(rows), 1e-9)
    found = paired_bootstrap(errors(own) / mean, errors(other) / mean)
    return dict(zip(("difference", "low", "high"), found, strict=True))


def _by_parts(
    task: Any, said: Mapping[str, Forecast], outcome: Outcome
) -> dict[str, dict[str, Any]]:
    """What is reached by speed of sale and by age."""
    test, series = task.parts.test, task.series
    first = int(test.origin.min())
    speed = series.mean_before(first)
    edges = np.quantile(speed[task.parts.finally_learned], [1 / 3, 2 / 3])
    number = np.digitize(speed[test.series], edges)
    age = test.origin - series.start[test.series]
    every, value = series.every, task.config.series.value
    low, high = (f"{edge:.2g}" for edge in edges)
    young, old = _AGES
    kinds = {
        "by speed of sale": {
            f"up to {low} {value} a {every}": number == 0,
            f"up to {high}": number == 1,
            "more": number == 2,
        },
        "by age": {
            f"up to {young} {every}s on sale": age <= young,
            f"up to {old}": (age > young) & (age <= old),
            "longer": age > old,
        },
    }
    found: dict[str, dict[str, Any]] = {}
    for title, groups in kinds.items():
        found[title] = {}
        for name, rows in groups.items():
            kept = rows & ~test.cold
            if kept.any():
                found[title][name] = {
                    "origins": int(kept.sum()),
                    **{
                        who: demand_metrics(one.take(kept), outcome.take(kept))
                        for who, one in said.items()
                    },
                }
    return found


def _levels(said: Forecast, outcome: Outcome) -> list[dict[str, float]]:
    """How often sales were below each quantile, and not above it."""
    there = outcome.there
    gap = outcome.actual[..., None] - said.quantiles
    return [
        {
            "level": level,
            "below": float((gap[..., at] < 0)[there].mean()),
            "up to": float((gap[..., at] <= 0)[there].mean()),
        }
        for at, level in enumerate(said.levels)
    ]


def _shown(task: Any, said: Forecast, outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    """The series that were forecast best and worst, of those that sell most, for plots."""
    test, series = task.parts.test, task.series
    rows = np.flatnonzero((test.origin == test.origin.min()) & ~test.cold)
    actual = outcome.actual[rows].sum(axis=1)
    rows = rows[actual >= np.quantile(actual, 0.5)] if len(rows) else rows
    actual = outcome.actual[rows].sum(axis=1)
    rows, actual = rows[actual > 0], actual[actual > 0]
    error = np.abs(outcome.actual[rows] - said.single[rows]).sum(axis=1) / actual
    order = rows[np.argsort(error, kind="stable")]
    names = series.names(task.config.network.horizon)
    found: dict[str, list[dict[str, Any]]] = {}
    for title, chosen in (("best", order[:_SHOWN]), ("worst", order[::-1][:_SHOWN])):
        found[title] = []
        for row in chosen.tolist():
            at, one = int(test.origin[row]), int(test.series[row])
            begin = max(int(series.start[one]), at - task.config.network.window)
            end = at + said.mean.shape[1]
            found[title].append(
                {
                    "id": str(series.catalog.ids[one]),
                    "periods": names[begin:end],
                    "actual": series.values[one, begin:end].tolist(),
                    "origin": at - begin,
                    "mean": said.mean[row].tolist(),
                    "low": said.low[row].tolist(),
                    "high": said.high[row].tolist(),
                }
            )
    return found


def _or_inf(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _plain(value: Any) -> Any:
    """The same without NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
