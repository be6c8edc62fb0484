"""Series of what sold, a row for each item, category or store and a column for each period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.tasks.demand.series.periods import Every, named
from tfmm.tasks.demand.series.plan import Plan


@dataclass(frozen=True, eq=False)
class Series:
    """What sold in each period.

    Attributes:
        catalog: what the rows stand for, N of them, with the features that are read.
        every: the length of a period.
        first: the number of the first period.
        values: float32 `[N, T]`, 0 where nothing sold, never below.
        start: int64 `[N]`, the first period in which something was on sale; T where nothing ever
            was.
        plan: what is known of periods to come, for T + H periods.
        unknown: float32 `[N, T, U]`, what is told of past periods alone.
        shared: float32 `[T + H, C]`, the calendar.
        grain: what one sale amounts to.
        counted: what came of the events, by reason.
    """

    catalog: Catalog
    every: Every
    first: int
    values: NDArray[np.float32]
    start: NDArray[np.int64]
    plan: Plan
    unknown: NDArray[np.float32]
    shared: NDArray[np.float32]
    grain: float = 1.0
    counted: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def periods(self) -> int:
        """T."""
        return self.values.shape[1]

    @property
    def on_sale(self) -> NDArray[np.bool_]:
        """bool `[N, T]`, from the start on."""
        return np.arange(self.periods) >= self.start[:, None]

    def names(self, ahead: int = 0) -> list[str]:
        """The ISO date of the first day of each period, and of so many after them."""
        return named(np.arange(self.first, self.first + self.periods + ahead), self.every)

    def mean_before(self, origin: int) -> NDArray[np.float64]:
        """Mean sales of a period on sale before an origin, float64 `[N]`; 0 where there is none."""
        ages = np.maximum(origin - self.start, 0)
        return self.values[:, :origin].sum(axis=1, dtype=np.float64) / np.maximum(ages, 1)
