"""Intervals that hold what they promise, by errors of earlier origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.demand.forecast import Floats, Forecast

#: What the interval covers.
COVERED = 0.8
#: Errors that a group needs for a shift of its own.
_ENOUGH = 200
_SPEEDS = 3


def units(mean: NDArray[np.floating], grain: float) -> Floats:
    """What errors are counted in, `[n, H]`: of few sales the square root of their number, of many a
    third of it.

    Args:
        mean: forecasts `[n, H]`.
        grain: what one sale amounts to.
    """
    mean = np.maximum(np.asarray(mean, np.float64), 0.0)
    return np.sqrt(mean * grain + 0.1 * mean**2 + (0.05 * grain) ** 2)


@dataclass(frozen=True)
class Calibration:
    """Shifts of quantiles and of the 80 % interval, in `units`.

    A quantile moves to where it had the right share of validation below it, group by group: slow,
    middling and fast series by their forecast, and those without a past. The interval is moved by
    both of its ends at once, so that it covers its share whatever the share of zeros is.

    Source: conformalized quantile regression (Romano, Patterson and Candès, NeurIPS 2019).

    Attributes:
        edges: `[2]`, between the speeds.
        quantiles: `[4, Q]`, slow, middling, fast, without a past.
        interval: `[4]`.
        grain: what one sale amounts to.
        together: correlation of the errors of two periods of a forecast, from 0 to 1.
    """

    edges: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    interval: tuple[float, ...]
    grain: float
    together: float = 0.0

    @classmethod
    def fitted(
        cls,
        raw: Forecast,
        actual: NDArray[np.floating],
        there: NDArray[np.bool_],
        cold: NDArray[np.bool_],
        grain: float,
    ) -> Calibration:
        """By forecasts of validation.

        Args:
            raw: n forecasts, whose interval is not read.
            actual: `[n, H]`.
            there: bool `[n, H]`, where there is one.
            cold: bool `[n]`, without a past.
            grain: what one sale amounts to.
        """
        unit = units(raw.mean, grain)
        level = raw.mean.mean(axis=1)
        warm = level[~cold] if (~cold).any() else level
        edges = tuple(float(one) for one in np.quantile(warm, [1 / 3, 2 / 3]))
        group = np.where(cold, _SPEEDS, np.digitize(level, edges))
        low, high = (raw.quantiles[..., raw.levels.index(at)] for at in (0.1, 0.9))
        error = (actual[..., None] - raw.quantiles) / unit[..., None]
        outside = np.maximum(low - actual, actual - high) / unit
        quantiles, interval = [], []
        for number in range(_SPEEDS + 1):
            mine = there & (group == number)[:, None]
            if mine.sum() < _ENOUGH:
                mine = there
            quantiles.append(
                tuple(
                    float(np.quantile(error[..., at][mine], share))
                    for at, share in enumerate(raw.levels)
                )
            )
            interval.append(float(np.quantile(outside[mine], COVERED)))
        together = _together((actual - raw.mean) / unit, there)
        return cls(edges, tuple(quantiles), tuple(interval), float(grain), together)

    def __call__(self, raw: Forecast, cold: NDArray[np.bool_]) -> Forecast:
        """The same forecasts with shifted quantiles and interval, nothing of them below 0."""
        unit = units(raw.mean, self.grain)
        group = np.where(cold, _SPEEDS, np.digitize(raw.mean.mean(axis=1), self.edges))
        shift = np.array(self.quantiles)[group][:, None, :] * unit[..., None]
        moved = np.maximum.accumulate(np.maximum(raw.quantiles + shift, 0.0), axis=-1)
        wider = np.array(self.interval)[group][:, None] * unit
        low, high = (raw.quantiles[..., raw.levels.index(at)] for at in (0.1, 0.9))
        low = np.maximum(low - wider, 0.0)
        high = np.maximum(high + wider, low)
        return Forecast(raw.mean, raw.levels, moved, low, high, raw.point)

    def as_json(self) -> dict[str, Any]:
        """As JSON values, for `of_json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Calibration:
        """What `as_json` gave."""
        rows = tuple(tuple(row) for row in value["quantiles"])
        told = value["grain"], value["together"]
        return cls(tuple(value["edges"]), rows, tuple(value["interval"]), *told)


def _together(error: Floats, there: NDArray[np.bool_]) -> float:
    """The mean correlation of the errors `[n, H]` of two periods."""
    whole = error[there.all(axis=1)]
    if whole.shape[1] < 2 or len(whole) < 3 or not (whole.std(axis=0) > 0).all():
        return 0.0
    periods = whole.shape[1]
    total = float(np.sum(np.corrcoef(whole, rowvar=False)))
    return float(np.clip((total - periods) / (periods * (periods - 1)), 0.0, 0.95))
