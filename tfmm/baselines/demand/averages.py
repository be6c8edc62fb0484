"""Forecasts by what sold lately, a season ago, or in the same category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmm.baselines.demand.base import Baseline, Floats, History, Rows


class LastValue(Baseline):
    """What the last period sold."""

    name = "last_value"

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        return _flat(history.mean(series, origin, 1), horizon)


class MovingAverage(Baseline):
    """The mean of the last periods, their number chosen on validation."""

    name = "moving_average"
    settings = tuple({"window": one} for one in (2, 4, 8, 12, 13, 18, 26, 39, 52, None))

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        return _flat(history.mean(series, origin, self.setting["window"]), horizon)


class SeasonalNaive(Baseline):
    """What the same period of the last season sold; the mean where it was not on sale yet."""

    name = "seasonal_naive"

    @classmethod
    def fits(cls, history: History) -> str | None:
        if history.cut > history.season:
            return None
        return f"the log holds no whole season of {history.season} periods before validation"

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        ahead = np.arange(horizon)
        back = history.season * (ahead // history.season + 1)
        at = origin[:, None] + ahead - back
        there = at >= history.start[series][:, None]
        found = history.values[series[:, None], np.maximum(at, 0)]
        return np.where(there, found, history.mean(series, origin)[:, None])


class CategoryMean(Baseline):
    """The mean of a period of the series of the same category, of all where it has none; which
    feature tells the category, validation chooses."""

    name = "category_mean"

    @classmethod
    def choices(cls, history: History) -> Sequence[Mapping[str, Any]]:
        return [{"feature": name} for name in (*history.groups, None)]

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        found = np.empty(len(series))
        feature = self.setting["feature"]
        none = np.full(len(history.start), -1)
        group = (none if feature is None else history.groups[feature]) + 1
        for at in np.unique(origin):
            known = history.learned[history.start[history.learned] < at]
            means = history.mean(known, np.full(len(known), at))
            sums = np.bincount(group[known], means, minlength=group.max(initial=0) + 1)
            counts = np.bincount(group[known], minlength=len(sums))
            overall = means.mean() if len(means) else 0.0
            each = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
            # Series without a category are no category of their own.
            each[0] = overall
            asked = origin == at
            found[asked] = each[group[series[asked]]]
        return _flat(found, horizon)


def _flat(level: Floats, horizon: int) -> Floats:
    return np.repeat(level[:, None], horizon, axis=1)
