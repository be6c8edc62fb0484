"""What every simple forecast is given and gives."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class History:
    """Series, and what of them may be read.

    Attributes:
        values: `[N, T]`, sales of each period.
        start: int64 `[N]`, the first period on sale.
        season: periods after which the same time of the year (or week) comes back.
        groups: int64 `[N]` by feature, the category of each series, -1 for none.
        learned: int64 rows of the series that a model may learn from.
        cut: the first period that it may not learn from.
    """

    values: NDArray[np.floating]
    start: Rows
    season: int
    groups: Mapping[str, Rows]
    learned: Rows
    cut: int

    @cached_property
    def sums(self) -> Floats:
        """`[N, T + 1]`, sales before each period."""
        before = np.zeros((len(self.values), 1))
        return np.concatenate([before, np.cumsum(self.values, axis=1, dtype=np.float64)], axis=1)

    def mean(self, series: Rows, origin: Rows, window: int | None = None) -> Floats:
        """Mean sales `[n]` of the last `window` periods on sale before origins `[n]`, of all by
        default; 0 where there are none."""
        first = np.minimum(self.start[series], origin)
        if window is not None:
            first = np.maximum(first, origin - window)
        total = self.sums[series, origin] - self.sums[series, first]
        return total / np.maximum(origin - first, 1)


class Baseline(abc.ABC):
    """A simple forecast. One that learns does so before `History.cut`, when it is first asked."""

    #: Its name in reports and run files.
    name: ClassVar[str]
    #: What validation chooses among.
    settings: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    #: What pip installs for it.
    needs: ClassVar[tuple[str, str] | None] = None

    def __init__(self, **setting: Any) -> None:
        self.setting = setting

    @classmethod
    def fits(cls, history: History) -> str | None:
        """Why it can say nothing of such series; None where it can."""
        return None

    @classmethod
    def choices(cls, history: History) -> Sequence[Mapping[str, Any]]:
        """What validation chooses among for such series."""
        return cls.settings

    @abc.abstractmethod
    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        """Mean forecasts `[n, H]` of series `[n]` from origins `[n]`, by what was before them."""
