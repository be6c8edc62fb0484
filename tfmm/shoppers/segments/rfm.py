"""Recency, frequency and value: each shopper's, their scores, and the segments that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.shoppers.groups import joined
from tfmm.shoppers.intervals import mean_of_shoppers
from tfmm.shoppers.purchases import Purchases

#: Name by the scores of recency (rows, 1 to 5) and of frequency (columns, 1 to 5).
_NAMES = (
    ("hibernating", "hibernating", "at risk", "at risk", "cannot lose them"),
    ("hibernating", "hibernating", "at risk", "at risk", "cannot lose them"),
    ("about to sleep", "about to sleep", "need attention", "loyal", "loyal"),
    ("promising", "potential loyalists", "potential loyalists", "loyal", "loyal"),
    ("new", "potential loyalists", "potential loyalists", "champions", "champions"),
)
#: What each name says of its shoppers.
MEANINGS = {
    "champions": "bought lately, and often",
    "loyal": "buy often",
    "potential loyalists": "bought lately, and more than once or above the least",
    "new": "bought lately, for the first time or seldom",
    "promising": "bought not long ago, seldom",
    "need attention": "middling in both, and on the way down",
    "about to sleep": "seldom, and not for a while",
    "at risk": "used to buy often, not for long",
    "cannot lose them": "used to buy most often, not for long",
    "hibernating": "seldom, long ago",
}


@dataclass(frozen=True, eq=False)
class Rfm:
    """Shoppers and their segments.

    Attributes:
        shoppers: a row a shopper who ordered: `user`, `recency` (days since the last order),
            `frequency` (orders), `value` (what all brought, less returns), the scores `r`, `f`, `m`
            from 1 to 5, and `segment`. What the shop cannot tell is NaN, its score 0.
        segments: a row a segment, see `segment_table`.
        joined: segments of too few, by name.
        unordered: shoppers of whom there are purchases but no order, since all went back.
    """

    shoppers: pd.DataFrame
    segments: pd.DataFrame
    joined: dict[str, str]
    unordered: int


def rfm(purchases: Purchases, at_least: int = 10) -> Rfm:
    """Scores and segments of all shoppers who ordered.

    A score is 1 + ⌊5 · the share of shoppers who are strictly worse⌋: equal shoppers have equal
    scores, and where most ordered once, all of these have the lowest.

    Args:
        purchases: of the shop.
        at_least: shoppers that a segment has.

    Raises:
        ValueError: fewer shoppers than that ordered at all.
    """
    orders = purchases.orders()
    rows = orders.groupby("user").agg(last=("day", "max"), frequency=("day", "size"))
    table = rows.reset_index()
    timed = purchases.day is not None
    table["recency"] = purchases.end - 1 - table["last"] if timed else np.nan
    table["value"] = np.nan
    if purchases.value is not None:
        brought = np.bincount(purchases.user, weights=purchases.value)
        table["value"] = brought[table["user"].to_numpy()]
    table["r"] = _scores(-table["recency"].to_numpy(np.float64))
    table["f"] = _scores(table["frequency"].to_numpy(np.float64))
    table["m"] = _scores(table["value"].to_numpy(np.float64))
    names = np.array(_NAMES, object)
    if timed:
        segment = names[table["r"].to_numpy() - 1, table["f"].to_numpy() - 1]
    else:
        said = np.array(["seldom", "seldom", "now and then", "often", "most often"], object)
        segment = said[table["f"].to_numpy() - 1]
    segment, where = joined(segment, at_least)
    table["segment"] = segment
    columns = ["user", "recency", "frequency", "value", "r", "f", "m", "segment"]
    shoppers = table[columns]
    unordered = len(np.unique(purchases.user)) - len(table)
    return Rfm(shoppers, segment_table(shoppers), where, unordered)


def segment_table(shoppers: pd.DataFrame) -> pd.DataFrame:
    """What segments have in common.

    Returns:
        A row a segment, by descending value or size: `segment`, `shoppers`, `share`, `recency` and
        `frequency` (medians), `value` (the mean of a shopper's), `value_low`, `value_high` (its
        interval of 95 %), `revenue`, `revenue_share`.
    """
    total = shoppers["value"].sum()
    rows = []
    for name, group in shoppers.groupby("segment", sort=False):
        known = group["value"].notna().all()
        mean = mean_of_shoppers(group["value"].to_numpy()) if known else (np.nan,) * 3
        brought = float(group["value"].sum()) if known else np.nan
        rows.append(
            {
                "segment": name,
                "shoppers": len(group),
                "share": len(group) / len(shoppers),
                "recency": float(group["recency"].median()),
                "frequency": float(group["frequency"].median()),
                "value": mean[0],
                "value_low": mean[1],
                "value_high": mean[2],
                "revenue": brought,
                "revenue_share": brought / total if known and total > 0 else np.nan,
            }
        )
    return (
        pd.DataFrame(rows)
        .sort_values(["revenue", "shoppers"], ascending=False, kind="stable")
        .reset_index(drop=True)
    )


def score_table(shoppers: pd.DataFrame, at_least: int = 10) -> pd.DataFrame:
    """The classic table: what each score of each measure means.

    Returns:
        Rows by `measure` (recency, frequency, value) and `score`, 5 first, with `shoppers`, `low`,
        `high` (between what 5 and 95 % of them lie) and `revenue_share`; scores of fewer than
        `at_least` shoppers are left out.
    """
    total = shoppers["value"].sum()
    rows = []
    for measure, score in (("recency", "r"), ("frequency", "f"), ("value", "m")):
        for points, group in sorted(shoppers.groupby(score), reverse=True):
            if points and len(group) >= at_least:
                low, high = np.quantile(group[measure], [0.05, 0.95])
                share = float(group["value"].sum() / total) if total > 0 else np.nan
                rows.append((measure, int(points), len(group), low, high, share))
    columns = ["measure", "score", "shoppers", "low", "high", "revenue_share"]
    return pd.DataFrame(rows, columns=columns)


def _scores(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 to 5, 5 for the largest; 0 where nothing is known."""
    if np.isnan(values).all():
        return np.zeros(len(values), np.int64)
    worse = np.searchsorted(np.sort(values), values, side="left") / len(values)
    return 1 + np.floor(5 * worse).astype(np.int64)
