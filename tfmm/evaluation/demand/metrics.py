"""What forecasts are measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.demand.forecast import Floats, Forecast

#: Metrics of which less is better; of `bias` and `coverage` neither is.
LOWER = ("wape", "mase", "rmsse", "pinball", "quantile_error")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of n series and origins over H periods.

    Attributes:
        series: int `[n]`, which series.
        actual: `[n, H]`.
        there: bool `[n, H]`, where it is known.
        step: float64 `[n]`, the series' mean absolute change from period to period before the first
            origin, NaN where there was none.
        square: float64 `[n]`, likewise of squared changes.
    """

    series: NDArray[np.int64]
    actual: Floats
    there: NDArray[np.bool_]
    step: Floats
    square: Floats

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Outcome:
        """Some of the n."""
        return Outcome(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating],
        start: NDArray[np.int64],
        series: NDArray[np.int64],
        origin: NDArray[np.int64],
        horizon: int,
    ) -> Outcome:
        """That of series `[N, T]` which were on sale from `start` `[N]` on, after origins `[n]`."""
        periods = values.shape[1]
        at = origin[:, None] + np.arange(horizon)
        there = at < periods
        actual = values[series[:, None], np.minimum(at, periods - 1)].astype(np.float64)
        first = int(origin.min(initial=periods))
        change = np.diff(values[:, :first].astype(np.float64), axis=1)
        told = np.arange(1, first) > start[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            step = (np.abs(change) * told).sum(axis=1) / told.sum(axis=1)
            square = (change**2 * told).sum(axis=1) / told.sum(axis=1)
        step[~(step > 0)] = np.nan
        square[~(square > 0)] = np.nan
        return cls(series, actual, there, step[series], square[series])


def demand_metrics(found: Forecast, outcome: Outcome) -> dict[str, float]:
    """How good forecasts are; NaN where nothing sold that errors could be measured by.

    | metric | what it is |
    | --- | --- |
    | `wape` | sum of absolute errors over the sum of sales |
    | `mase` | mean absolute error over the series' mean change from period to period |
    | `rmsse` | root of the mean squared error over that of the changes, mean over series |
    | `bias` | sum of the forecasts' means over the sum of sales, less 1 |
    | `pinball` | twice the pinball loss, mean over levels, over the sum of sales |
    | `coverage` | share of sales within the 80 % interval, `width` its mean over mean sales |
    | `quantile_error` | how far the share of sales below a quantile lies from its level, mean |

    MASE and WAPE are best served by the median, which of slow sellers is 0: read them beside RMSSE
    and bias. Of counts a quantile is right where its level lies between the share of sales below it
    and the share not above it.

    Source: Hyndman and Koehler, International Journal of Forecasting 2006 (MASE); Makridakis et
    al., The M5 accuracy competition, 2022 (RMSSE).
    """
    there, actual = outcome.there, outcome.actual
    total = float(actual[there].sum())
    per = total or np.nan
    error = np.abs(actual - found.single)
    squared = np.where(there, (actual - found.mean) ** 2, 0.0).sum(axis=1)
    count = there.sum(axis=1)
    scaled = (error / outcome.step[:, None])[there]
    levels = np.array(found.levels)
    gap = actual[..., None] - found.quantiles
    pinball = np.maximum(levels * gap, (levels - 1) * gap)[there]
    below = (gap < 0)[there].mean(axis=0) if there.any() else levels
    upto = (gap <= 0)[there].mean(axis=0) if there.any() else levels
    off = np.maximum(np.maximum(below - levels, levels - upto), 0.0)
    inside = (actual >= found.low) & (actual <= found.high)
    return {
        "wape": float(error[there].sum() / per),
        "mase": _mean(scaled),
        "rmsse": _mean(np.sqrt(_by_series(squared, count, outcome))),
        "bias": float(found.mean[there].sum() / per - 1),
        "pinball": float(2 * pinball.mean(axis=-1).sum() / per) if there.any() else float("nan"),
        "coverage": float(inside[there].mean()) if there.any() else float("nan"),
        "width": float((found.high - found.low)[there].sum() / per),
        "quantile_error": float(off.mean()),
    }


def _by_series(squared: Floats, count: NDArray[np.int64], outcome: Outcome) -> Floats:
    """The mean squared error of each series over its mean squared change."""
    names, place = np.unique(outcome.series, return_inverse=True)
    errors = np.bincount(place, squared, minlength=len(names))
    counts = np.bincount(place, count, minlength=len(names))
    scale = np.full(len(names), np.nan)
    scale[place] = outcome.square
    return errors / np.maximum(counts, 1) / scale


def _mean(values: Floats) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
