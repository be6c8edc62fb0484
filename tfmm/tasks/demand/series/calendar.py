"""What the calendar says of periods: the time of the year, the day of the week, holidays."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import NDArray

from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.series.periods import Every, first_day


def calendar(period: NDArray[np.int64], every: Every, country: str | None) -> NDArray[np.float32]:
    """What is known of periods however far ahead, float32 `[T, C]`.

    Sine and cosine of the year (two waves), of days the day of the week, and where a country is
    given the number of its holidays, of the same period and of the next.

    Args:
        period: numbers of periods.
        every: their length.
        country: `US`, or `DE-BY` for a part of one.

    Raises:
        RunFileError: a country that `holidays` lacks, or the package is not installed.
    """
    begins, ends = first_day(period, every), first_day(period + 1, every)
    middle = (begins + ends) / 2
    angle = 2 * np.pi * middle / 365.2425
    columns = [wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)]
    if every == "day":
        columns += [(begins + 3) % 7 == day for day in range(7)]
    if country is not None and len(period):
        days = _holidays(country, int(begins.min()), int(ends.max()) + 40)
        for ahead in (0, 1):
            low, high = (first_day(period + ahead + side, every) for side in (0, 1))
            columns.append(np.searchsorted(days, high) - np.searchsorted(days, low))
    return np.stack(columns, axis=1).astype(np.float32)


def check_country(country: str | None) -> None:
    """Refuses a country that there is not.

    Raises:
        RunFileError: the message says what to write or to install.
    """
    if country is not None:
        _holidays(country, 0, 365)


def _holidays(country: str, first: int, last: int) -> NDArray[np.int64]:
    """The holidays from one day to another, in days since 1970, ascending."""
    try:
        import holidays
    except ModuleNotFoundError:
        raise RunFileError(
            f"`futures.holidays` is {country!r}, but the package `holidays` is not installed: pip "
            "install 'tfmm[forecast]', or leave the key out."
        ) from None
    name, _, part = country.partition("-")
    start = datetime.date(1970, 1, 1)
    years = range((start + datetime.timedelta(first)).year - 1, 2 + _year(last))
    try:
        found = holidays.country_holidays(name, subdiv=part or None, years=years)
    except NotImplementedError as error:
        raise RunFileError(
            f"`futures.holidays` must be a country by its two letters such as US or DE-BY, got "
            f"{country!r}: {error}"
        ) from None
    return np.array(sorted((day - start).days for day in found), np.int64)


def _year(day: int) -> int:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(day)).year
