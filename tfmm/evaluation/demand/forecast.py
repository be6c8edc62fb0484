"""A forecast: its mean, its quantiles and an interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Forecasts of n series and origins over H periods.

    Attributes:
        mean: `[n, H]`.
        levels: `[Q]`, ascending.
        quantiles: `[n, H, Q]`, ascending.
        low, high: `[n, H]`, the 80 % interval.
        point: which single number stands for it where absolute errors count: `mean` or `median`.
    """

    mean: Floats
    levels: tuple[float, ...]
    quantiles: Floats
    low: Floats
    high: Floats
    point: str = "median"

    @property
    def single(self) -> Floats:
        """`[n, H]`, the mean or the median as `point` says."""
        return self.mean if self.point == "mean" else self.quantiles[..., self.levels.index(0.5)]

    def by(self, point: str) -> Forecast:
        """The same with another `point`."""
        return replace(self, point=point)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Forecast:
        """Some of the n."""
        names = ("mean", "quantiles", "low", "high")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})
