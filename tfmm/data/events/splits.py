"""Splits: which pairs a model learns from, is chosen by, and is tested on."""

from __future__ import annotations

import dataclasses
import datetime
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.config.names import did_you_mean
from tfmm.data.events.pairs import Pairs, stable_order
from tfmm.data.events.parts import DROPPED, TEST, TRAIN, VALID, Split, SplitError

BY = ("user", "leave_one_out", "time", "column")


def split(
    data: Any,
    by: str | None = None,
    *,
    valid: Any = None,
    test: Any = None,
    train: Any = None,
    column: str | None = None,
    seed: int = 1,
    cold_items: float = 0.0,
    repeats: bool = False,
    until: Any = None,
) -> Split:
    """Divides events into training, validation and test pairs; repeated pairs count once.

    - `by="user"`: of each user's n items ceil(`test` n) are drawn for the test, then ceil(`valid`
      n) of what remains for validation; the rest is for training. A user with one item has it in
      the test.
    - `by="leave_one_out"`: each user's last item by time is the test, the second last validation. A
      user with two items has one to train and one to test; a single item is trained on.
    - `by="time"`: one cut in time for all. Fractions put the latest `test` of the pairs in the test
      and the `valid` before them in validation; pairs of one instant stay together, in the later
      part. ISO times (UTC unless they say) instead of fractions are the first instant of validation
      and of the test.
    - `by="column"`: `train`, `valid` and `test` are the values that `column` of the event table has
      for each part, compared as strings; other rows are dropped, and so are held-out pairs that
      training has too.

    ```python
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1, cold_items=0.1)
    parts.counts()  # {"users": …, "items": …, "train": …, …}
    ```

    Draws come from the raw stream of PCG64, which NumPy keeps fixed, and from stable sorts: the
    same events and seed give the same split on every machine.

    Args:
        data: `ShopData` from `tfmm.data.load`; or `Events` or `Pairs`, with as many users
            and items as `n_users` and `n_items` say, or else as the largest rows.
        by: one of `BY`; by default "time" where the events have times, else "user".
        valid: fraction (default 0.1), ISO time or column value, as `by` has it.
        test: fraction (default 0.2), ISO time or column value.
        train: column value; only with `by="column"`.
        column: name of a column of the event table; only with `by="column"`.
        seed: seed of every draw, 0 or more.
        cold_items: share of the items with events to hold out whole, drawn before the split: half
            for validation, half (and an odd one) for the test.
        repeats: whether what a shopper had before may be held out again, as groceries are bought;
            only with `by="time"` and `by="column"`.
        until: ISO time; events from that instant on are in no part, as if they had not happened
            yet. Only with `by="time"`.

    Raises:
        SplitError: an unknown `by`, values out of range or of the wrong form, no times where they
            are needed, a column that is not there, or nothing left to train on.
    """
    events = getattr(data, "events", data)
    if by is None:
        by = "user" if events.time is None else "time"
    _check_arguments(by, train, column, seed, cold_items)
    if repeats and by not in ("time", "column"):
        raise SplitError(
            f"`repeats` is True, but a split by {by!r} holds out pairs that a shopper never had "
            "before. To resolve this, split with by: time."
        )
    n_users, n_items = _sizes(data, events)
    if until is not None:
        events = _before(events, by, until)
    pairs = Pairs.from_events(events, n_users, n_items)
    cold_valid, cold_test = _draw_cold(pairs, cold_items, seed)
    held = np.zeros(n_items, np.int8)
    held[cold_valid], held[cold_test] = VALID, TEST
    warm = pairs.subset(held[pairs.item] == 0) if held.any() else pairs

    if by == "user":
        parts = _apart(warm, _by_user(warm, _fractions(by, valid, test), seed))
    elif by == "leave_one_out":
        _refuse(by, valid=valid, test=test)
        parts = _apart(warm, _leave_one_out(warm))
    elif by == "time":
        parts = _by_time(events, warm, valid, test, held, repeats)
    else:
        labels = _labels(events, column, train, valid, test)
        parts = _by_column(events, n_users, n_items, labels, repeats)
        if held.any():
            parts = [part.subset(held[part.item] == 0) for part in parts]
    if len(pairs) and not len(parts[0]):
        raise SplitError(
            f"The split by {by!r} leaves nothing to train on: of {len(pairs)} pairs "
            f"{len(parts[1])} are for validation and {len(parts[2])} for the test. To resolve "
            f"this, hold out less, or give another `by`."
        )
    return Split(
        train=parts[0],
        valid=parts[1],
        test=parts[2],
        cold_valid=cold_valid,
        cold_test=cold_test,
        cold_valid_pairs=pairs.subset(held[pairs.item] == VALID),
        cold_test_pairs=pairs.subset(held[pairs.item] == TEST),
        by=by,
        ordered=by in ("leave_one_out", "time"),
        refit=by != "column",
        repeats=repeats,
    )


def _before(events: Any, by: str, until: Any) -> Any:
    if by != "time":
        _refuse(by, until=until)
    end = instant("until", until)
    return _EventRows(events, np.asarray(_need_times(by, events.time)) < end)


def _check_arguments(by: str, train: Any, column: str | None, seed: int, cold_items: float) -> None:
    if by not in BY:
        hint = did_you_mean(by, BY)
        raise SplitError(f"`by` is {by!r}, but a split is by one of {', '.join(BY)}.{hint}")
    if by != "column":
        _refuse(by, train=train, column=column)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SplitError(f"`seed` is {seed!r}, but it must be a whole number, 0 or more.")
    _fraction("cold_items", cold_items)


def _refuse(by: str, **given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise SplitError(
                f"`{name}` is {value!r}, but a split by {by!r} takes no `{name}`. To resolve this, "
                f"leave it out"
                + (", or split with by: column." if name in ("train", "column") else ".")
            )


def _fraction(name: str, value: Any) -> Fraction:
    number = isinstance(value, int | float | np.floating | np.integer) and not isinstance(
        value, bool
    )
    if not number or not 0 <= value < 1:
        raise SplitError(
            f"`{name}` is {value!r}, but it must be a fraction from 0 up to, not including, 1."
        )
    # Exactly the decimal that was written: in binary floats 0.07 * 100 is above 7, and its ceiling
    # would be 8.
    return Fraction(repr(float(value))).limit_denominator(10**6)


def _fractions(by: str, valid: Any, test: Any) -> tuple[Fraction, Fraction]:
    shares = (
        _fraction("valid", 0.1 if valid is None else valid),
        _fraction("test", 0.2 if test is None else test),
    )
    if sum(shares) >= 1:
        raise SplitError(
            f"`valid` {float(shares[0]):g} and `test` {float(shares[1]):g} leave nothing to train "
            f"on. To resolve this, make their sum less than 1; the default of a split by {by!r} is "
            f"0.1 and 0.2."
        )
    return shares


def _sizes(data: Any, events: Any) -> tuple[int, int]:
    if events is not data:
        return len(data.users), len(data.items)
    largest = [int(rows.max()) + 1 if len(rows) else 0 for rows in (events.user, events.item)]
    return int(getattr(data, "n_users", largest[0])), int(getattr(data, "n_items", largest[1]))


def _ceil_share(share: Fraction, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return -((-share.numerator * counts.astype(np.int64)) // share.denominator)


def _raw(seed: int, stream: int, size: int) -> NDArray[np.uint64]:
    # NumPy fixes the raw stream of a bit generator for good; a Generator's methods it may change.
    return np.random.PCG64([int(seed), stream]).random_raw(size)


def _draw_cold(
    pairs: Pairs, share: float, seed: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    with_events = np.flatnonzero(pairs.item_counts()).astype(np.int32)
    count = math.ceil(_fraction("cold_items", share) * len(with_events))
    drawn = with_events[np.argsort(_raw(seed, 1, len(with_events)), kind="stable")[:count]]
    return np.sort(drawn[: count // 2]), np.sort(drawn[count // 2 :])


def _apart(pairs: Pairs, part: NDArray[np.int8]) -> list[Pairs]:
    return [pairs.subset(part == which) for which in (TRAIN, VALID, TEST)]


def _by_user(pairs: Pairs, shares: tuple[Fraction, Fraction], seed: int) -> NDArray[np.int8]:
    """The part of each pair: a random order within each user, cut into test, validation, "
    "training."""
    counts = pairs.user_counts()
    test = _ceil_share(shares[1], counts)
    valid = np.minimum(_ceil_share(shares[0], counts), counts - test)
    order = np.argsort(_raw(seed, 0, len(pairs)), kind="stable")
    order = order[stable_order(pairs.user[order], pairs.n_users)]
    rank = np.arange(len(pairs)) - pairs.offsets[pairs.user]
    part = np.empty(len(pairs), np.int8)
    in_test = rank < test[pairs.user]
    part[order] = np.where(in_test, TEST, np.where(rank < (test + valid)[pairs.user], VALID, TRAIN))
    return part


def _need_times(by: str, time: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if time is None:
        raise SplitError(
            f"A split by {by!r} needs the time of each event, but the events have none. To resolve "
            f"this, name the time column in the shop file (events: time: ...), or split with by: "
            f"user."
        )
    return time


def _leave_one_out(pairs: Pairs) -> NDArray[np.int8]:
    _need_times("leave_one_out", pairs.time)
    counts = pairs.user_counts()
    from_end = pairs.offsets[1:][pairs.user] - 1 - np.arange(len(pairs))
    n = counts[pairs.user]
    part = np.full(len(pairs), TRAIN)
    part[(from_end == 0) & (n >= 2)] = TEST
    part[(from_end == 1) & (n >= 3)] = VALID
    return part


def _by_time(
    events: Any, warm: Pairs, valid: Any, test: Any, held: NDArray[np.int8], repeats: bool
) -> list[Pairs]:
    time = _need_times("time", warm.time)
    stamped = [isinstance(value, str | datetime.date) for value in (valid, test)]
    if any(stamped):
        if not all(stamped):
            raise SplitError(
                f"`valid` is {valid!r} and `test` is {test!r}, but a split by 'time' takes either "
                f"two fractions or two ISO times, the first instants of validation and of the test."
            )
        starts = [instant("valid", valid), instant("test", test)]
        if starts[0] > starts[1]:
            raise SplitError(
                f"`valid` {valid!r} must not be later than `test` {test!r}: validation comes "
                f"before the test."
            )
    else:
        shares = _fractions("time", valid, test)
        ordered = np.sort(time)
        last = len(ordered) - 1
        cuts = [math.floor((1 - share) * len(ordered)) for share in (sum(shares), shares[1])]
        after = int(ordered[-1]) + 1 if len(ordered) else 0
        starts = [int(ordered[cut]) if cut <= last else after for cut in cuts]
    # What is known of a pair at a cut is what its events before the cut say.
    part = np.digitize(np.asarray(events.time), starts).astype(np.int8)
    part[held[np.asarray(events.item)] > 0] = DROPPED
    return _windows(events, warm.n_users, warm.n_items, part, repeats)


def instant(name: str, value: str | datetime.date) -> int:
    """Microseconds since 1970 UTC of an ISO time; YAML hands unquoted dates over as
    `datetime.date`.

    Raises:
        SplitError: text that is none; `name` is what it was given as.
    """
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            raise SplitError(
                f"`{name}` is {value!r}, which is no ISO time. To resolve this, write it like "
                f"2020-09-21 or 2020-09-21T18:00:00+02:00."
            ) from None
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return (value - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(
        microseconds=1
    )


class _EventRows:
    """The event columns at the rows of a mask."""

    def __init__(self, events: Any, mask: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(mask)
        self.rows: NDArray[np.int64] = events.rows[rows] if isinstance(events, _EventRows) else rows
        self.user = np.asarray(events.user)[mask]
        self.item = np.asarray(events.item)[mask]
        self.time = None if events.time is None else np.asarray(events.time)[mask]
        self.weight = np.asarray(events.weight)[mask]


def _labels(events: Any, column: str | None, train: Any, valid: Any, test: Any) -> NDArray[np.int8]:
    """The part that `column` gives each event, `DROPPED` where it gives none."""
    extra: dict[str, NDArray[Any]] = getattr(events, "extra", {}) or {}
    if column is None or train is None or test is None:
        raise SplitError(
            "A split by 'column' needs `column`, `train` and `test`, and `valid` where there is a "
            "validation part: for example "
            "{by: column, column: x_label, train: 0, valid: 1, test: 2}."
        )
    if column not in extra:
        hint = did_you_mean(column, extra)
        raise SplitError(
            f"The events carry no column {column!r}; there "
            f"{'are ' + ', '.join(extra) if extra else 'is none'}.{hint} To resolve this, load the "
            f"shop with extra_event_columns=[{column!r}]."
        )
    codes, values = pd.factorize(np.asarray(extra[column]))
    names = [_as_text(value) for value in values]
    part_of = np.full(len(names) + 1, DROPPED)
    for name, which, value in (
        ("train", TRAIN, train),
        ("valid", VALID, valid),
        ("test", TEST, test),
    ):
        if value is None:
            continue
        if _as_text(value) not in names:
            raise SplitError(
                f"`{name}` is {value!r}, but the column {column!r} has no such value; it has "
                f"{', '.join(sorted(names)[:10])}{' and more' if len(names) > 10 else ''}."
            )
        part_of[[i for i, text in enumerate(names) if text == _as_text(value)]] = which
    return part_of[codes]


def _as_text(value: Any) -> str:
    """Whole floats as whole numbers: a column of 0, 1, 2 with a gap in it is read as floats."""
    return (
        str(int(value))
        if isinstance(value, float | np.floating) and float(value).is_integer()
        else str(value)
    )


def _windows(
    events: Any, n_users: int, n_items: int, labels: NDArray[np.int8], repeats: bool
) -> list[Pairs]:
    """The pairs of each part's own events; without `repeats`, those that no part before it has."""
    parts: list[Pairs] = []
    for which in (TRAIN, VALID, TEST):
        rows = _EventRows(events, labels == which)
        pairs = Pairs.from_events(rows, n_users, n_items)
        pairs = dataclasses.replace(pairs, place=rows.rows[pairs.place])
        if not repeats and parts:
            before = np.concatenate([part.numbers() for part in parts])
            pairs = pairs.subset(~np.isin(pairs.numbers(), before))
        parts.append(pairs)
    return parts


def _by_column(
    events: Any, n_users: int, n_items: int, labels: NDArray[np.int8], repeats: bool
) -> list[Pairs]:
    parts = _windows(events, n_users, n_items, labels, True)
    if repeats:
        return parts
    known = parts[0].numbers()
    return [parts[0], *(part.subset(~np.isin(part.numbers(), known)) for part in parts[1:])]
