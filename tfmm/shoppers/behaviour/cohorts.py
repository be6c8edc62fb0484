"""Cohorts: of those who first ordered in a month, how many ordered again in each later one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfmm.shoppers.intervals import wilson
from tfmm.shoppers.purchases import Purchases


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The triangle of retention.

    Attributes:
        cells: a row for each month of a first order and each number of months after: `cohort`
            (`2025-03`), `months`, `size` (its shoppers), `back` (those who ordered in that month),
            `share`, `low`, `high` (95 %, Wilson). `back` and `share` are NaN, and `high` bounds
            the share, where fewer shoppers came back than may be told.
        small: cohorts of too few shoppers, which are left out, and their shoppers.
    """

    cells: pd.DataFrame
    small: tuple[int, int]


def cohorts(purchases: Purchases, at_least: int = 10, most: int = 12) -> Cohorts | None:
    """The triangle of retention by calendar months (UTC); None where the log has no two.

    Only months that the log holds whole at their end are told; in the first, shoppers of before the
    log are among the new ones.

    Args:
        purchases: of the shop.
        at_least: shoppers of whom something is said.
        most: months after the first.
    """
    if purchases.day is None:
        return None
    orders = purchases.orders()
    days = pd.to_datetime(orders["day"], unit="D")
    orders["month"] = days.dt.year * 12 + days.dt.month - 1
    first = orders.groupby("user")["month"].transform("min")
    orders["months"] = orders["month"] - first
    orders["cohort"] = first
    # What ends with the log's last day is whole.
    end = pd.Timestamp(purchases.end, unit="D")
    last = end.year * 12 + end.month - 2
    sizes = orders.groupby("cohort")["user"].nunique()
    back = orders.groupby(["cohort", "months"])["user"].nunique()
    rows, small = [], sizes[sizes < at_least]
    for cohort, size in sizes[sizes >= at_least].items():
        for months in range(1, min(most, last - int(cohort)) + 1):
            count = int(back.get((cohort, months), 0))
            few = count < at_least
            told = at_least - 1 if few else count
            low, high = wilson(told, size)
            rows.append(
                {
                    "cohort": f"{cohort // 12}-{cohort % 12 + 1:02d}",
                    "months": months,
                    "size": int(size),
                    "back": np.nan if few else count,
                    "share": np.nan if few else count / size,
                    "low": np.nan if few else float(low),
                    "high": float(high),
                }
            )
    if not rows:
        return None
    return Cohorts(pd.DataFrame(rows), (len(small), int(small.sum())))
