"""Gaps between orders, with those that have not ended yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tfmm.shoppers.intervals import Z
from tfmm.shoppers.purchases import Purchases

#: After which order a gap begins: one gap a shopper in each, so that shoppers are independent.
AFTER = (1, 2, 3)


def gaps(purchases: Purchases, at_least: int = 10) -> pd.DataFrame:
    """How long shoppers take to order again, by Kaplan and Meier.

    A gap that the log's end cuts off counts until there; a mean of those that ended is too short,
    since long gaps end after the log.

    Args:
        purchases: of a shop with times.
        at_least: shoppers whose gap must have lasted until a day for it to be told, and who must
            have ordered by then.

    Returns:
        Rows by `after` (which order) and `days`: `waiting` shoppers whose gap was that long or
        longer, `again` (the share who ordered by then), `low`, `high` (95 %, Greenwood's on the
        scale of log(-log)), and `gaps` (all that began).
    """
    orders = purchases.orders().drop_duplicates(["user", "day"])
    place = orders.groupby("user").cumcount().to_numpy() + 1
    following = orders.groupby("user")["day"].shift(-1).to_numpy()
    ended = ~np.isnan(following)
    length = np.where(ended, following, purchases.end - 1) - orders["day"].to_numpy()
    found = []
    for after in AFTER:
        mine = place == after
        if int(mine.sum()) < at_least:
            continue
        curve = kaplan_meier(length[mine], ended[mine])
        had = ended[mine].sum() - np.array(
            [int((ended[mine] & (length[mine] > day)).sum()) for day in curve["days"]]
        )
        curve = curve[(curve["waiting"] >= at_least) & (had >= at_least)]
        found.append(curve.assign(after=after, gaps=int(mine.sum())))
    columns = ["after", "days", "waiting", "again", "low", "high", "gaps"]
    return pd.concat([*found, pd.DataFrame(columns=columns)])[columns].reset_index(drop=True)


def kaplan_meier(length: ArrayLike, ended: ArrayLike) -> pd.DataFrame:
    """The share of durations that ended by each day, those cut off counted until then.

    Source: Kaplan and Meier, Nonparametric estimation from incomplete observations, 1958.

    ```python
    curve = kaplan_meier([1, 2, 2, 3], [True, True, False, True])
    curve["again"].round(2).tolist()  # [0.25, 0.5, 1.0]
    ```

    Args:
        length: days, `[n]`.
        ended: bool `[n]`, False for what was cut off.

    Returns:
        A row a day on which one ended: `days`, `waiting`, `again`, `low`, `high`.
    """
    length, ended = np.asarray(length, np.float64), np.asarray(ended, bool)
    days, places = np.unique(length[ended], return_inverse=True)
    ends = np.bincount(places, minlength=len(days))
    waiting = len(length) - np.searchsorted(np.sort(length), days, side="left")
    left = np.cumprod(1 - ends / waiting)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(ends / (waiting * (waiting - ends)))
        spread = Z * np.sqrt(variance) / np.abs(np.log(left))
        ends_of = [left ** np.exp(sign * spread) for sign in (-1, 1)]
    low, high = (np.where((left > 0) & (left < 1), one, left) for one in ends_of)
    return pd.DataFrame(
        {"days": days, "waiting": waiting, "again": 1 - left, "low": 1 - low, "high": 1 - high}
    )


def again_by(curve: pd.DataFrame, day: float) -> tuple[float, float, float] | None:
    """What a curve of one `after` says of a day, with its interval; None past its end."""
    if curve.empty or curve["days"].max() < day or curve["days"].min() > day:
        return None
    row = curve[curve["days"] <= day].iloc[-1]
    return float(row["again"]), float(row["low"]), float(row["high"])
