"""Boosted trees over what sold before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.demand.base import Baseline, Floats, History, Rows

_LAGS = 8
_TREES = 150
_WINDOWS = (4, 8, 13, 26, 52)
#: Rows that are learned from at most.
_ROWS = 400_000


class Boosted(Baseline):
    """LightGBM on lags, means of windows, age, category, the time of the year and how far ahead;
    its loss chosen on validation."""

    name = "boosted"
    needs = ("lightgbm", "boosted")
    settings = tuple({"objective": loss} for loss in ("regression_l1", "poisson", "tweedie"))

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        booster = self._fitted(history, horizon)
        ahead = np.tile(np.arange(horizon), len(series))
        inputs = _inputs(history, np.repeat(series, horizon), np.repeat(origin, horizon), ahead)
        found = booster.predict(inputs, num_threads=1)
        return np.maximum(found, 0.0).reshape(len(series), horizon)

    def _fitted(self, history: History, horizon: int) -> Any:
        import lightgbm

        rows, at = history.learned, np.arange(history.cut)
        one, when = np.nonzero(at > history.start[rows][:, None])
        series, origin = np.repeat(rows[one], horizon), np.repeat(at[when], horizon)
        ahead = np.tile(np.arange(horizon), len(one))
        kept = np.flatnonzero(origin + ahead < history.cut)
        if len(kept) > _ROWS:
            kept = np.random.default_rng(1).choice(kept, _ROWS, replace=False)
        series, origin, ahead = series[kept], origin[kept], ahead[kept]
        target = history.values[series, origin + ahead].astype(np.float64)
        data = lightgbm.Dataset(_inputs(history, series, origin, ahead), target, free_raw_data=True)
        told = {
            "objective": self.setting["objective"],
            "learning_rate": 0.05,
            "num_leaves": 31,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "verbosity": -1,
            "seed": 1,
            "deterministic": True,
            "num_threads": 1,
        }
        return lightgbm.train(told, data, _TREES)


def _inputs(history: History, series: Rows, origin: Rows, ahead: Rows) -> NDArray[np.float32]:
    """What the trees read, float32 `[n, F]`."""
    start = history.start[series]
    lags = []
    for lag in range(1, _LAGS + 1):
        at = origin - lag
        past = history.values[series, np.maximum(at, 0)]
        lags.append(np.where(at >= start, past, np.nan))
    at = origin + ahead - history.season
    season = history.values[series, np.clip(at, 0, history.values.shape[1] - 1)]
    angle = 2 * np.pi * (origin + ahead) / history.season
    return np.stack(
        [
            *lags,
            *(history.mean(series, origin, window) for window in _WINDOWS),
            history.mean(series, origin),
            np.where((at >= start) & (at < origin), season, np.nan),
            origin - start,
            *(group[series] for group in history.groups.values()),
            np.sin(angle),
            np.cos(angle),
            ahead,
        ],
        axis=1,
    ).astype(np.float32)
