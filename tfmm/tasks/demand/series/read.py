"""Reads series out of a shop's events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.config.names import unknown
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.data.events.examples import Examples
from tfmm.data.events.splits import instant
from tfmm.data.shop import ShopData
from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.config import DemandConfig
from tfmm.tasks.demand.series.calendar import calendar
from tfmm.tasks.demand.series.periods import period_of, whole_periods
from tfmm.tasks.demand.series.plan import Plan, read_plan
from tfmm.tasks.demand.series.series import Series

ITEM = "item"


def series_of(data: ShopData, config: DemandConfig) -> Series:
    """The series that a run file asks for.

    Returns that are told as negative quantities are taken off the period in which they came back; a
    period with more returns than sales counts as 0, and is counted. What is left out is counted.

    Raises:
        RunFileError: the events lack what is asked for, or there are none.
    """
    counted: dict[str, int] = {}
    events = _sales(data, config, counted)
    every = config.series.every
    time = events.time
    assert time is not None
    first, end = whole_periods(time, every)
    if end <= first:
        raise RunFileError(
            f"The events, {len(events):,} of them, fill no whole {every}: give `series.every` a "
            "shorter period."
        )
    period = period_of(time, every)
    inside = (period >= first) & (period < end)
    if not inside.all():
        counted[f"events in a {every} that the log does not hold whole"] = int((~inside).sum())
    code, catalog = _rows(data, events, config.series.by)
    left = inside & (code >= 0)
    if (code < 0).any():
        counted[f"events without {config.series.by}"] = int((code < 0).sum())
    events, code, at = events.take(np.flatnonzero(left)), code[left], period[left] - first
    amounts = _amounts(events, config, counted)
    count, periods = len(catalog), end - first
    cell = code.astype(np.int64) * periods + at

    def summed(weights: NDArray[np.floating]) -> NDArray[np.float64]:
        made = np.bincount(cell, weights, minlength=count * periods)
        return made.astype(np.float64).reshape(count, periods)

    values = summed(amounts)
    if (values < 0).any():
        counted["periods with more returns than sales, which count as 0"] = int((values < 0).sum())
    start = np.full(count, periods, np.int64)
    np.minimum.at(start, code, at)
    if config.series.start == "log":
        start[start < periods] = 0
    told = _sides(events, config, summed)
    whole = periods + config.network.horizon
    shared = calendar(np.arange(first, first + whole), every, config.futures.holidays)
    plan = Plan.none(count, whole)
    if config.futures.plan is not None:
        plan = read_plan(config.futures.plan, catalog, every, first, whole)
        if plan.unknown:
            counted["rows of the plan of other series or periods"] = plan.unknown
    if silent := int((start == periods).sum()):
        counted["without any event, told by their features alone"] = silent
    return Series(
        catalog,
        every,
        int(first),
        np.maximum(values, 0).astype(np.float32),
        start,
        plan,
        np.stack(told, -1) if told else np.empty((count, periods, 0), np.float32),
        shared,
        float(amounts[amounts > 0].mean()) if (amounts > 0).any() else 1.0,
        counted,
    )


def event_columns(config: DemandConfig, shop: Any) -> tuple[str, ...]:
    """Columns of the events that are read beside those of the shop file."""
    by, promotion = config.series.by, config.futures.promotion
    features = () if shop.items is None else shop.items.features
    asked = [] if by == ITEM or by in features else [by]
    return tuple(dict.fromkeys([*asked, *([promotion] if promotion else [])]))


def _sales(data: ShopData, config: DemandConfig, counted: dict[str, int]) -> Examples:
    """The events that are sales."""
    events, types, until = data.examples, config.series.types, config.split.until
    if not len(events):
        raise RunFileError("The shop has no events, so there are no sales to forecast.")
    if events.time is None:
        raise RunFileError(
            "A forecast needs the time of each sale, but the events have none. Name the time "
            "column in the shop file (events: time: ...)."
        )
    kept = np.ones(len(events), bool)
    if types is not None:
        if events.type is None:
            raise RunFileError(
                "`series.types` is given, but the shop file names no column of event types."
            )
        known = [str(one) for one in events.type.vocabulary]
        for name in types:
            if name not in known:
                raise RunFileError(f"`series.types`: {unknown('event type', name, known)}")
        kept = np.isin(events.type.codes, [known.index(name) for name in types])
        counted["events of other types"] = int((~kept).sum())
    if until is not None:
        kept &= events.time < instant("split.until", until)
    if not kept.any():
        raise RunFileError(
            f"Of {len(events):,} events none is left by `series.types` and `split.until`."
        )
    return events if kept.all() else events.take(np.flatnonzero(kept))


def _rows(data: ShopData, events: Examples, by: str) -> tuple[NDArray[np.int64], Catalog]:
    """The row of each event, -1 for none, and what the rows stand for."""
    items = data.items
    if by == ITEM:
        return events.item.astype(np.int64), items
    column = items.features.get(by)
    if isinstance(column, CategoryColumn):
        codes, names = column.codes[events.item].astype(np.int64), column.vocabulary
        return codes, Catalog(names, _of_groups(items, by, column))
    if by in items.features:
        raise RunFileError(
            f"`series.by` must be a category feature, but {by!r} is of kind "
            f"{items.features[by].kind}."
        )
    said = np.array([str(one) for one in events.extra[by]], object)
    there = np.array([one not in ("", "None", "nan") for one in said])
    names, places = np.unique(said[there], return_inverse=True)
    found = np.full(len(events), -1, np.int64)
    found[there] = places
    return found, Catalog(names, {by: _itself(names)})


def _itself(names: NDArray[np.object_]) -> CategoryColumn:
    return CategoryColumn(np.arange(len(names), dtype=np.int32), names)


def _of_groups(items: Catalog, by: str, of: CategoryColumn) -> dict[str, Any]:
    """The categories that all items of a group share, beside the group itself."""
    found: dict[str, Any] = {by: _itself(of.vocabulary)}
    groups = len(of.vocabulary)
    for name, column in items.features.items():
        if name == by or not isinstance(column, CategoryColumn):
            continue
        both = (of.codes >= 0) & (column.codes >= 0)
        low, high = np.full(groups, len(column.vocabulary)), np.full(groups, -1)
        np.minimum.at(low, of.codes[both], column.codes[both])
        np.maximum.at(high, of.codes[both], column.codes[both])
        if (low == high).sum() > groups / 2:
            codes = np.where(low == high, high, -1).astype(np.int32)
            found[name] = CategoryColumn(codes, column.vocabulary)
    return found


def _amounts(
    events: Examples, config: DemandConfig, counted: dict[str, int]
) -> NDArray[np.float64]:
    """What each event adds to its period."""
    most = config.series.most
    pieces = np.ones(len(events)) if events.quantity is None else events.quantity.astype(float)
    if (missing := np.isnan(pieces)).any():
        counted["events without a quantity, which count as one piece"] = int(missing.sum())
        pieces = np.where(missing, 1.0, pieces)
    if back := int((pieces < 0).sum()):
        counted["returns"] = back
    if most is not None and (above := np.abs(pieces) > most).any():
        counted[f"events of more than {most:g} pieces, which count as one"] = int(above.sum())
        pieces = np.where(above, np.sign(pieces), pieces)
    if config.series.value == "units":
        return pieces
    if events.price is None:
        raise RunFileError(
            "`series.value` is revenue, but the shop file names no `price` column of the events."
        )
    price = events.price.astype(float)
    if (missing := np.isnan(price)).any():
        counted["events without a price, which bring nothing"] = int(missing.sum())
    return pieces * np.nan_to_num(price)


def _sides(events: Examples, config: DemandConfig, summed: Any) -> list[NDArray[np.float32]]:
    """What else sales tell of each series and period that is past."""
    found = []
    futures = config.futures
    if futures.price:
        if events.price is None:
            raise RunFileError(
                "`futures.price` is true, but the shop file names no `price` column of the events."
            )
        there = np.isfinite(events.price) & (events.price > 0)
        number = summed(there.astype(float))
        mean = summed(np.where(there, events.price, 0)) / np.maximum(number, 1)
        found.append(_relative(_carried(mean, number > 0)))
    if futures.promotion is not None:
        promoted = summed(np.nan_to_num(_numbers(events, futures.promotion)) > 0)
        share = promoted / np.maximum(summed(np.ones(len(events))), 1)
        found.append(share.astype(np.float32))
    return found


def _numbers(events: Examples, name: str) -> NDArray[np.float64]:
    """A column of the events as numbers, NaN where a cell is empty."""
    cells = pd.Series(events.extra[name])
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    empty = cells.isna() | (cells.astype(str).str.strip() == "")
    if (bad := np.isnan(values) & ~empty.to_numpy()).any():
        raise RunFileError(
            f"`futures.promotion` must name a column of numbers, but {name!r} holds "
            f"{cells[int(np.flatnonzero(bad)[0])]!r}."
        )
    return values


def _carried(values: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The last value that was there; 0 before the first."""
    place = np.where(there, np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    found = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, found, 0.0)


def _relative(price: NDArray[np.float64]) -> NDArray[np.float32]:
    """The logarithm of a price over the mean of those until then; 0 where there is none yet."""
    there = price > 0
    told = np.cumsum(np.where(there, price, 0), axis=1) / np.maximum(np.cumsum(there, axis=1), 1)
    ratio = np.where(there, price / np.maximum(told, 1e-9), 1.0)
    return np.clip(np.log(np.maximum(ratio, 1e-9)), -2, 2).astype(np.float32)
