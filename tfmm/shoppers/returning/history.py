"""What a shopper's history says at a cut in time: how often, how lately, for how long, how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class History:
    """Shoppers who bought before a cut, a row each, by ascending `user`.

    Attributes:
        user: int64 `[n]`.
        repeats: float64 `[n]`, orders after the first, days with several counted once.
        recency: float64 `[n]`, days from the first order to the last.
        age: float64 `[n]`, days from the first order to the last day before the cut.
        mean_value: float64 `[n]`, of an order; NaN where nothing is known of value.
        orders: float64 `[n]`, that the mean is of.
    """

    user: NDArray[np.int64]
    repeats: NDArray[np.float64]
    recency: NDArray[np.float64]
    age: NDArray[np.float64]
    mean_value: NDArray[np.float64]
    orders: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.user)


def by_day(orders: pd.DataFrame) -> pd.DataFrame:
    """Orders of a shopper's day as one; `orders` as `Purchases.orders` gives them."""
    rows = orders.groupby(["user", "day"], sort=True)["value"]
    return rows.sum(min_count=1).reset_index()


def history_at(days: pd.DataFrame, cut: float) -> History:
    """The histories at a cut.

    Args:
        days: of `by_day`.
        cut: whole days since 1970; what was bought on that day or later is not seen.

    Raises:
        ValueError: nothing was bought before the cut.
    """
    before = days[days["day"] < cut]
    if before.empty:
        raise ValueError("nothing was bought before the cut.")
    rows = before.groupby("user", sort=True).agg(
        first=("day", "min"), last=("day", "max"), n=("day", "size"), mean=("value", "mean")
    )
    return History(
        rows.index.to_numpy(np.int64),
        rows["n"].to_numpy(np.float64) - 1,
        (rows["last"] - rows["first"]).to_numpy(np.float64),
        (cut - 1 - rows["first"]).to_numpy(np.float64),
        rows["mean"].to_numpy(np.float64),
        rows["n"].to_numpy(np.float64),
    )


@dataclass(frozen=True, eq=False)
class Future:
    """What the shoppers of a `History` did after its cut.

    Attributes:
        orders: float64 `[n]`, days with an order within the horizon.
        value: float64 `[n]`, what those brought; NaN where nothing is known of value.
    """

    orders: NDArray[np.float64]
    value: NDArray[np.float64]


def future_of(days: pd.DataFrame, history: History, cut: float, horizon: float) -> Future:
    """What happened from the cut on, for `horizon` days."""
    after = days[(days["day"] >= cut) & (days["day"] < cut + horizon)]
    rows = after.groupby("user")["value"].agg(["size", "sum"]).reindex(history.user)
    value = rows["sum"].fillna(0.0).to_numpy(np.float64)
    if days["value"].isna().all():
        value = np.full(len(history), np.nan)
    return Future(rows["size"].fillna(0.0).to_numpy(np.float64), value)
