"""Days, weeks and months by number."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Every = Literal["day", "week", "month"]
#: Periods of a season, from which on the same time of the year (or week) comes back.
SEASON: dict[str, int] = {"day": 7, "week": 52, "month": 12}
_DAY = 86_400_000_000


def period_of(time: NDArray[np.int64], every: Every) -> NDArray[np.int64]:
    """The period of each instant, microseconds since 1970 UTC; numbers follow each other.

    ```python
    import numpy as np

    from tfmm.tasks.demand.series.periods import period_of

    period_of(np.array([0, 4 * 86_400_000_000]), "week")  # a Thursday and the Monday after it
    ```
    """
    return _of_days(np.asarray(time, np.int64) // _DAY, every)


def first_day(period: NDArray[np.int64], every: Every) -> NDArray[np.int64]:
    """The first day of each period, in days since 1970."""
    period = np.asarray(period, np.int64)
    if every == "day":
        return period
    if every == "week":
        return period * 7 - 3
    return period.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def named(period: NDArray[np.int64], every: Every) -> list[str]:
    """The ISO date of the first day of each period."""
    return [str(day) for day in first_day(period, every).astype("datetime64[D]")]


def whole_periods(time: NDArray[np.int64], every: Every) -> tuple[int, int]:
    """The first period that the log holds whole, and the one after the last.

    A week that the log enters on Sunday would seem a bad one. Where every event falls on the same
    day of its period, as in tables of monthly sums, all are whole.
    """
    day = np.asarray(time, np.int64) // _DAY
    period = _of_days(day, every)
    first, last = int(period.min()), int(period.max())
    into = day - first_day(period, every)
    if every == "day" or (into == into[0]).all():
        return first, last + 1
    begins, ends = int(day.min()), int(day.max())
    if begins > first_day(np.array([first]), every)[0]:
        first += 1
    if ends + 1 < first_day(np.array([last + 1]), every)[0]:
        last -= 1
    return first, last + 1


def _of_days(day: NDArray[np.int64], every: Every) -> NDArray[np.int64]:
    if every == "day":
        return day
    if every == "week":
        # 1970 began on a Thursday.
        return (day + 3) // 7
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
