"""The whole analysis of a shop's shoppers: each part, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.data.columns import CategoryColumn
from tfmm.data.shop import ShopData
from tfmm.shoppers.behaviour.cohorts import Cohorts, cohorts
from tfmm.shoppers.behaviour.funnel import funnel, steps_of
from tfmm.shoppers.behaviour.gaps import gaps
from tfmm.shoppers.behaviour.together import Together, together
from tfmm.shoppers.purchases import Purchases, bought_type, read_purchases
from tfmm.shoppers.returning.history import by_day
from tfmm.shoppers.returning.holdout import Measured, calibration_of, measure
from tfmm.shoppers.returning.network import Forecast
from tfmm.shoppers.segments.clusters import Clusters, find_clusters
from tfmm.shoppers.segments.lifts import item_names, lifts
from tfmm.shoppers.segments.map import shopper_map
from tfmm.shoppers.segments.rfm import Rfm, rfm

#: Days of a log below which nothing is forecast; shoppers before the cut, and of them who return.
_SHORTEST, _PEOPLE, _BACK = 21, 50, 20
_LONGEST_HORIZON = 90


@dataclass(frozen=True)
class Settings:
    """What is asked of the analysis.

    Attributes:
        bought: the type of event that is a purchase; None to find it.
        basket: the events' column of baskets; None for a shopper's day.
        paid: the events' column of what a purchase brought in all; None for price times quantity.
        horizon: days that are forecast; None for a third of the log, 90 at most.
        at_least: shoppers in a group of which something is said.
        map: how shoppers are laid out in two dimensions.
        seed: of whatever is drawn.
    """

    bought: str | None = None
    basket: str | None = None
    paid: str | None = None
    horizon: int | None = None
    at_least: int = 10
    map: Literal["pca", "umap"] = "pca"
    seed: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the events table that are read beside those that the shop file names."""
        return tuple(one for one in (self.basket, self.paid) if one is not None)


@dataclass(frozen=True, eq=False)
class Taste:
    """Clusters of shoppers' vectors.

    Attributes:
        users: int64 `[n]`, rows of the catalogue.
        clusters: theirs.
        lifts: what each buys more than others.
        names: of the clusters.
        shown, places: rows of `users` on the map, and where `[s, 2]`.
        told: share of the variance on the map; None for UMAP.
    """

    users: NDArray[np.int64]
    clusters: Clusters
    lifts: pd.DataFrame
    names: list[str]
    shown: NDArray[np.int64]
    places: NDArray[np.float64]
    told: float | None


@dataclass(frozen=True, eq=False)
class Returning:
    """Forecasts.

    Attributes:
        horizon: days.
        cut: the day (since 1970) that the held-out period began.
        measured: forecasts made there, beside what happened.
        users: int64 `[n]`, of the forecast from the log's end on.
        forecast: that, calibrated by the held-out period.
    """

    horizon: int
    cut: float
    measured: Measured
    users: NDArray[np.int64]
    forecast: Forecast


@dataclass(eq=False)
class Analysis:
    """What is known of a shop's shoppers; a part that there is not is None, and `missing` says why.

    Attributes:
        data, purchases, settings: of what, and how.
        rfm: recency, frequency, value.
        missing: by part, in words.
    """

    data: ShopData
    purchases: Purchases
    settings: Settings
    rfm: Rfm
    taste: Taste | None = None
    returning: Returning | None = None
    funnel: pd.DataFrame | None = None
    cohorts: Cohorts | None = None
    together: dict[str, Together] = field(default_factory=dict)
    gaps: pd.DataFrame | None = None
    missing: dict[str, str] = field(default_factory=dict)


def analyse(
    data: ShopData,
    settings: Settings,
    vectors: tuple[NDArray[np.int64], NDArray[np.float32]] | str,
    say: Callable[[str], None] = print,
) -> Analysis:
    """Everything that the shop's tables allow.

    Args:
        data: the shop, loaded with the column of baskets where one is named.
        settings: what is asked.
        vectors: rows of shoppers and their learned vectors `[n, D]`, or why there are none.
        say: takes lines of progress.

    Raises:
        ValueError: there are no purchases, or fewer shoppers than may be told of.
    """
    purchases = read_purchases(data, settings.bought, settings.basket, settings.paid)
    found = Analysis(data, purchases, settings, rfm(purchases, settings.at_least))
    say(f"{len(found.rfm.shoppers):,} shoppers ordered, {len(purchases.orders()):,} times")
    _taste(found, vectors)
    _returning(found, say)
    _funnel(found)
    _time(found)
    _together(found)
    return found


def _taste(found: Analysis, vectors: tuple[NDArray[np.int64], NDArray[np.float32]] | str) -> None:
    if isinstance(vectors, str):
        found.missing["clusters"] = vectors
        return
    settings, purchases = found.settings, found.purchases
    ordered = np.isin(vectors[0], found.rfm.shoppers["user"].to_numpy())
    users, points = vectors[0][ordered], vectors[1][ordered]
    try:
        clusters = find_clusters(points, settings.at_least, seed=settings.seed)
    except ValueError as error:
        found.missing["clusters"] = f"There are no clusters: {error}"
        return
    kept = purchases.order >= 0
    group = {int(user): int(of) for user, of in zip(users, clusters.of, strict=True)}
    more = lifts(
        purchases.user[kept], purchases.item[kept], group, found.data.items, settings.at_least
    )
    names = []
    for number in range(int(clusters.of.max()) + 1):
        mine = more[more["group"] == number].drop_duplicates("value").head(2)
        names.append(" · ".join(mine["value"]) or f"cluster {number + 1}, like the rest")
    shown, places, told = shopper_map(points, settings.map, seed=settings.seed)
    found.taste = Taste(users, clusters, more, names, shown, places, told)


def _returning(found: Analysis, say: Callable[[str], None]) -> None:
    purchases, settings = found.purchases, found.settings
    if purchases.day is None:
        found.missing["returning"] = "The shop has no times, so that nothing is forecast."
        return
    start, end = purchases.start, purchases.end
    whole = end - start
    horizon = settings.horizon or int(min(_LONGEST_HORIZON, whole // 3))
    cut = end - horizon
    if whole < _SHORTEST or cut <= start + whole / 4:
        found.missing["returning"] = (
            f"The log has {whole:.0f} days, of which {horizon} would be held out to measure the "
            "forecast by: too few to learn from what is left."
        )
        return
    days = by_day(purchases.orders())
    before = days.loc[days["day"] < cut, "user"].unique()
    back = days.loc[(days["day"] >= cut) & days["user"].isin(before), "user"].nunique()
    if len(before) < _PEOPLE or back < _BACK:
        found.missing["returning"] = (
            f"Of fewer than {_PEOPLE} shoppers, or of whom fewer than {_BACK} came back in the "
            f"last {horizon} days, nothing is forecast."
        )
        return
    say(f"forecasting {horizon} days, measured by the last {horizon} of the log …")
    measured = measure(days, start, cut, horizon, seed=settings.seed)
    calibration = calibration_of(measured.forecasts["Keras"], measured.future)
    now = measure(days, start, end, horizon, seed=settings.seed)
    forecast = calibration(now.forecasts["Keras"])
    found.returning = Returning(horizon, cut, measured, now.history.user, forecast)


def _funnel(found: Analysis) -> None:
    kinds = found.data.examples.type
    bought, _ = bought_type(found.data, found.settings.bought)
    if kinds is None or bought is None:
        found.missing["funnel"] = "The shop has no types of event, so that there are no steps."
        return
    steps = steps_of(found.data, bought)
    if len(steps) < 2:
        found.missing["funnel"] = f"There is no type of event before {bought!r}."
        return
    found.funnel = funnel(found.data, steps, found.settings.at_least)


def _time(found: Analysis) -> None:
    if found.purchases.day is None:
        none = "The shop has no times."
        found.missing |= {"cohorts": none, "gaps": none}
        return
    at_least = found.settings.at_least
    found.cohorts = cohorts(found.purchases, at_least)
    if found.cohorts is None:
        found.missing["cohorts"] = (
            f"The log has no month of {at_least} new shoppers with a whole month after it."
        )
    curves = gaps(found.purchases, at_least)
    if curves.empty:
        found.missing["gaps"] = f"Fewer than {at_least} shoppers ordered a second time."
    else:
        found.gaps = curves


def _together(found: Analysis) -> None:
    items, at_least = found.data.items, found.settings.at_least
    if found.purchases.day is None and found.settings.basket is None:
        found.missing["together"] = (
            "Without times, and without --basket, no two purchases are known to be of one order."
        )
        return
    own = np.arange(len(items))
    found.together["products"] = together(found.purchases, own, item_names(items), at_least)
    kinds = {
        name: column
        for name, column in items.features.items()
        if isinstance(column, CategoryColumn) and 2 <= len(column.vocabulary) <= len(items) / 2
    }
    # Of several categories the finest that has something to tell.
    for name in sorted(kinds, key=lambda one: -len(kinds[one].vocabulary)):
        column = kinds[name]
        codes = column.codes.astype(np.int64)
        told = together(found.purchases, codes, column.vocabulary, at_least)
        if len(told.rules):
            found.together[name] = told
            break


def write_each(found: Analysis, file: Path) -> int:
    """Writes a row a shopper who ordered, as Parquet; returns how many.

    Columns: `user_id`, those of `Rfm.shoppers`, `cluster`, and `comes_back`, `orders_expected`,
    `value_expected` within the horizon; null where a part is missing.
    """
    from tfmm.data.files import replacing

    table: Any = found.rfm.shoppers.copy()
    table.insert(0, "user_id", found.data.users.ids[table["user"].to_numpy()])
    table = table.set_index("user")
    if found.taste is not None:
        names = np.array(found.taste.names, object)[found.taste.clusters.of]
        table["cluster"] = pd.Series(names, found.taste.users)
    if found.returning is not None:
        told = found.returning.forecast
        for name, values in (
            ("comes_back", told.comes_back),
            ("orders_expected", told.orders),
            ("value_expected", told.value),
        ):
            table[name] = pd.Series(values, found.returning.users)
    with replacing(file) as aside:
        table.to_parquet(aside, index=False)
    return len(table)
