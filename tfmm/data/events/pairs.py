"""Pairs: the distinct user-item pairs of an event log, in arrays."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: Microseconds of a day.
DAY = 86_400_000_000


class EventColumns(Protocol):
    """What `Pairs.from_events` reads: parallel columns, one entry an event, in file "
    "order."""

    @property
    def user(self) -> Int32s: ...

    @property
    def item(self) -> Int32s: ...

    @property
    def time(self) -> Int64s | None: ...

    @property
    def weight(self) -> Floats: ...


class Log(NamedTuple):
    """Events in order of time, one entry each: what pairs were made of.

    Attributes:
        user, item: int32 `[m]`.
        time: int64 `[m]`, microseconds since 1970 UTC, or None.
        weight: float32 `[m]`.
    """

    user: Int32s
    item: Int32s
    time: Int64s | None
    weight: Floats

    def take(self, rows: NDArray[Any]) -> Log:
        """The events at these places, or where a mask holds."""
        time = None if self.time is None else self.time[rows]
        return Log(self.user[rows], self.item[rows], time, self.weight[rows])


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct user-item pairs, sorted by user, then time, then place in the event log.

    Attributes:
        user: int32 `[P]`, user rows, ascending.
        item: int32 `[P]`, item rows.
        time: int64 `[P]`, microseconds since 1970 UTC, or None for a log without times.
        weight: float32 `[P]`, the summed weights of the pair's events.
        n_users: number of users, those without pairs included.
        n_items: number of items, those without pairs included.
        place: int64 `[P]`, the row in the event log of the pair's first event; it breaks ties in
            time. By default the order in which the pairs stand.
        source: what `log` is read from: the log itself, or the pairs that these were taken from;
            None where each pair is an event of its own.

    Build them with `Pairs.from_events`; the constructor trusts that pairs are distinct and
    sorted.
    """

    user: Int32s
    item: Int32s
    time: Int64s | None
    weight: Floats
    n_users: int
    n_items: int
    place: Int64s = field(default_factory=lambda: np.empty(0, np.int64))
    source: Log | Pairs | tuple[Pairs, Pairs] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.place) != len(self.user):
            object.__setattr__(self, "place", np.arange(len(self.user), dtype=np.int64))

    @classmethod
    def from_events(cls, events: EventColumns, n_users: int, n_items: int) -> Pairs:
        """Counts repeated pairs once: the earliest event gives time and place, weights are summed.

        "Earliest" is by time, ties by file order; by file order alone where the log has no times.

        Args:
            events: columns `user`, `item`, `time` (or None) and `weight` of equal length, in file
                order.
            n_users: number of users; every user row is below it.
            n_items: number of items; every item row is below it.

        Raises:
            ValueError: columns of unequal length, or rows outside `[0, n_users)` or `[0, n_items)`.
        """
        user = np.asarray(events.user, np.int32)
        item = np.asarray(events.item, np.int32)
        weight = np.asarray(events.weight, np.float32)
        time = None if events.time is None else np.asarray(events.time, np.int64)
        _check_columns(user, item, time, weight, n_users, n_items)
        by_time: Int64s | None = None
        if time is not None and np.any(time[1:] < time[:-1]):
            by_time = np.argsort(time, kind="stable")
            user, item, weight, time = user[by_time], item[by_time], weight[by_time], time[by_time]
        order = _pair_order(user, item, n_users, n_items)
        starts = np.flatnonzero(_first_of_pair(user[order], item[order]))
        summed = np.add.reduceat(weight[order], starts, dtype=np.float64) if len(starts) else starts
        # Back in the order of the events, which is that of time, only users are to be grouped.
        at_first = np.zeros(len(user), np.float32)
        at_first[order[starts]] = summed
        is_first = np.zeros(len(user), np.bool_)
        is_first[order[starts]] = True
        first = np.flatnonzero(is_first)
        first = first[stable_order(user[first], n_users)]
        return cls(
            user[first],
            item[first],
            None if time is None else time[first],
            at_first[first],
            n_users,
            n_items,
            first if by_time is None else by_time[first],
            Log(user, item, time, weight),
        )

    @classmethod
    def empty(cls, n_users: int, n_items: int, timed: bool = False) -> Pairs:
        """No pairs at all, between `n_users` users and `n_items` items."""
        rows = np.empty(0, np.int32)
        time = np.empty(0, np.int64) if timed else None
        return cls(rows, rows, time, np.empty(0, np.float32), n_users, n_items)

    @classmethod
    def concat(cls, a: Pairs, b: Pairs) -> Pairs:
        """The pairs of both, sorted again; a pair in both counts once, its weights summed.

        Raises:
            ValueError: the two differ in their numbers of users or items.
        """
        if (a.n_users, a.n_items) != (b.n_users, b.n_items):
            raise ValueError(
                f"Only pairs between the same users and items can be joined, but these are "
                f"of {a.n_users} x {a.n_items} and of {b.n_users} x {b.n_items} users and items."
            )
        time = None if a.time is None or b.time is None else np.r_[a.time, b.time]
        user, item, weight = np.r_[a.user, b.user], np.r_[a.item, b.item], np.r_[a.weight, b.weight]
        place = np.r_[a.place, b.place]
        order: NDArray[Any] = np.argsort(place, kind="stable")
        if time is not None:
            order = order[np.argsort(time[order], kind="stable")]
        order = order[stable_order(user[order], a.n_users)]
        time = None if time is None else time[order]
        user, item, weight, place = user[order], item[order], weight[order], place[order]
        both = cls(user, item, time, weight, a.n_users, a.n_items, place, (a, b))
        order = _pair_order(user, item, a.n_users, a.n_items)
        if _first_of_pair(user[order], item[order]).all():
            return both
        once = cls.from_events(both, a.n_users, a.n_items)
        return replace(once, place=place[once.place], source=(a, b))

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def offsets(self) -> Int64s:
        """int64 `[n_users + 1]`: the pairs of user `u` are `offsets[u]:offsets[u + 1]`."""
        counts = np.bincount(self.user, minlength=self.n_users)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def log(self) -> Log:
        """The events that these pairs sum up, in order of time, repeats and all."""
        source = self.source
        if source is None:
            found = Log(self.user, self.item, self.time, self.weight)
            return found if self.time is None else found.take(np.argsort(self.time, kind="stable"))
        if isinstance(source, Log):
            return source
        if isinstance(source, Pairs):
            whole = source.log
            numbers = whole.user.astype(np.int64) * self.n_items + whole.item
            return whole.take(np.isin(numbers, self.numbers()))
        a, b = source[0].log, source[1].log
        time = None if a.time is None or b.time is None else np.r_[a.time, b.time]
        joined = Log(np.r_[a.user, b.user], np.r_[a.item, b.item], time, np.r_[a.weight, b.weight])
        return joined if time is None else joined.take(np.argsort(time, kind="stable"))

    def decayed(self, half_life: float, *, weighted: bool = False) -> sp.csr_matrix:
        """The pairs' events by age: float32 `[n_users, n_items]`, each event worth 1, or its
        weight, halved for every `half_life` days that it lies before the latest one.

        Raises:
            ValueError: the pairs have no times, or a half-life that is not above 0.
        """
        user, item, _, weight = self.log
        worth = self.worth(half_life)
        if weighted:
            worth = worth * weight
        shape = (self.n_users, self.n_items)
        matrix = sp.coo_matrix((worth, (user, item)), shape=shape, dtype=np.float32).tocsr()
        matrix.sort_indices()
        return matrix

    def worth(self, half_life: float) -> Floats:
        """What an event of `log` is worth by its age, float32 `[m]`: 1 for the latest, see
        `decayed`."""
        time = self.log.time
        if time is None:
            raise ValueError(
                "Events can only be weighed by their age where they have times: name the time "
                "column in the shop file (events: time: ...)."
            )
        if not half_life > 0:
            raise ValueError(f"`half_life` must be above 0 days, got {half_life}.")
        if not len(time):
            return np.empty(0, np.float32)
        return np.exp2((time - time[-1]) / (half_life * DAY)).astype(np.float32)

    def numbers(self) -> Int64s:
        """int64 `[P]`: `user * n_items + item`, one number for each pair."""
        return self.user.astype(np.int64) * self.n_items + self.item

    def user_counts(self) -> Int64s:
        """int64 `[n_users]`: distinct items of each user."""
        return np.diff(self.offsets)

    def item_counts(self) -> Int64s:
        """int64 `[n_items]`: distinct users of each item."""
        return np.bincount(self.item, minlength=self.n_items).astype(np.int64)

    def latest(self, users: NDArray[np.integer], size: int) -> NDArray[np.int32]:
        """The latest `size` item rows of each user, int32 `[b, T]`, oldest first, -1 for padding.

        Args:
            users: int `[b]`, user rows.
            size: the most items of a user.
        """
        start, stop = self.offsets[users], self.offsets[users + 1]
        length = np.minimum(stop - start, size)
        step = np.arange(max(1, int(length.max(initial=0))))
        inside = step[None, :] < length[:, None]
        where = np.where(inside, (stop - length)[:, None] + step[None, :], 0)
        if len(self.item) == 0:
            return np.full(inside.shape, -1, np.int32)
        return np.where(inside, self.item[where], -1).astype(np.int32)

    def csr(self) -> sp.csr_matrix:
        """Float32 matrix `[n_users, n_items]` of weights, column indices ascending in each row."""
        matrix = sp.csr_matrix(
            (self.weight.copy(), self.item.copy(), self.offsets), shape=(self.n_users, self.n_items)
        )
        matrix.sort_indices()
        return matrix

    def of_items(self, items: NDArray[np.integer]) -> Pairs:
        """The pairs of these distinct items, which are numbered anew in this order."""
        place = np.full(self.n_items, -1, np.int32)
        place[items] = np.arange(len(items), dtype=np.int32)
        kept, log = self.subset(place[self.item] >= 0), self.log
        log = log.take(place[log.item] >= 0)
        return replace(
            kept,
            item=place[kept.item],
            n_items=len(items),
            source=log._replace(item=place[log.item]),
        )

    def subset(self, mask: NDArray[Any]) -> Pairs:
        """The pairs where `mask` (bool `[P]`) holds, still between all users and all items.

        Raises:
            ValueError: the mask is not a bool array with one entry a pair.
        """
        if mask.dtype != np.bool_ or mask.shape != (len(self),):
            raise ValueError(
                f"`mask` must be a bool array with one entry for each of the {len(self)} pairs, "
                f"but it is {mask.dtype} of shape {mask.shape}."
            )
        return Pairs(
            self.user[mask],
            self.item[mask],
            None if self.time is None else self.time[mask],
            self.weight[mask],
            self.n_users,
            self.n_items,
            self.place[mask],
            self,
        )


def stable_order(rows: Int32s, size: int) -> Int32s:
    """Stable argsort of `rows`, which lie in `[0, size)`, by counting: linear in both.

    Returns:
        int32 `[len(rows)]`, or int64 past 2**31 rows.
    """
    # Transposing a sparse matrix is the counting sort that SciPy has: one entry a column.
    entries = sp.csc_matrix(
        (np.ones(len(rows), np.bool_), rows, np.arange(len(rows) + 1)), shape=(size, len(rows))
    )
    return entries.tocsr().indices


def _pair_order(user: Int32s, item: Int32s, n_users: int, n_items: int) -> Int32s:
    """Stable order by user, then item."""
    order = stable_order(item, n_items)
    return order[stable_order(user[order], n_users)]


def _first_of_pair(user: Int32s, item: Int32s) -> Bools:
    """Where, in pairs sorted by user and item, each distinct pair begins."""
    first = np.ones(len(user), np.bool_)
    first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    return first


def _check_columns(
    user: Int32s,
    item: Int32s,
    time: Int64s | None,
    weight: Floats,
    n_users: int,
    n_items: int,
) -> None:
    lengths = {"user": len(user), "item": len(item), "weight": len(weight)}
    if time is not None:
        lengths["time"] = len(time)
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The event columns must be of one length, but they are {lengths}.")
    if n_users * n_items >= 2**63:
        raise ValueError(
            f"{n_users} users x {n_items} items are more pairs than 64 bits can number."
        )
    for name, rows, size in (("user", user, n_users), ("item", item, n_items)):
        if len(rows) and (rows.min() < 0 or rows.max() >= size):
            raise ValueError(
                f"The events' {name} rows must lie in [0, {size}), but they run from {rows.min()} "
                f"to {rows.max()}. To resolve this, drop events of unknown {name}s first "
                f"(tfmm.data.load does)."
            )


def __getattr__(name: str) -> Any:
    if name != "Interactions":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "Interactions is now tfmm.data.Pairs; the old name goes with the next release.",
        DeprecationWarning,
        stacklevel=2,
    )
    return Pairs
