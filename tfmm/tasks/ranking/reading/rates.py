"""Rates: how often, or how much, labels were given before, by user, item and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.config.names import unknown
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, Column, TagsColumn
from tfmm.data.events.pairs import DAY
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.reading.examples import Shown
from tfmm.tasks.ranking.reading.labels import Label

JOIN = " x "
USER, ITEM, CONTEXT = "user", "item", "context"
#: Parts of examples without times, each of whose rates are of the others alone.
FOLDS = 10
#: The most tags of a row that are read.
TAGS = 8


@dataclass(frozen=True, eq=False)
class Codes:
    """What an example is counted under, by a row of users, items or events.

    Attributes:
        source: "user", "item" or "context".
        name: of the feature; that of the source for rows themselves.
        table: int64 `[n, W]`, codes of each row, -1 for none; None where the row is the code.
        names: what the codes stand for, object `[size]`.
    """

    source: str
    name: str
    table: NDArray[np.int64] | None
    names: NDArray[np.object_]

    @property
    def size(self) -> int:
        """Codes that there may be."""
        return len(self.names)

    def of(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """The codes int64 `[m, W]` of rows."""
        return rows.astype(np.int64)[:, None] if self.table is None else self.table[rows]


class Rates:
    """How labels were given to what an example is: its user, its item, its user with its brand.

    Of each it tells, for every label, by how much the mean so far differs from that of all (of yes
    and no in log odds), and how many examples that was. The mean of all joins as `smoothing`
    examples, so that what was met once says little (Micci-Barreca, SIGKDD Explorations 3(1), 2001).
    An example that is learned from reads what was known strictly before it, or, without times, what
    the other tenths of the examples say, never its own label.

    Args:
        shown: the examples.
        keys: what they are counted under, each of one `Codes` or of two that are joined.
        sources: the examples that are counted, int64, ascending.
        labels: what they say.
        smoothing: see above.
        ordered: whether what comes later is left out; else by tenths.
        recent: days back, within each of which examples are counted too, where they are ordered.
    """

    def __init__(
        self,
        shown: Shown,
        keys: Mapping[str, Sequence[Codes]],
        sources: NDArray[np.int64],
        labels: Sequence[Label],
        *,
        smoothing: float,
        ordered: bool,
        recent: Sequence[float] = (),
    ) -> None:
        self.recent = tuple(recent) if ordered else ()
        self.shown, self.keys, self.smoothing = shown, dict(keys), smoothing
        self.labels, self.ordered = tuple(labels), ordered
        values = shown.labels[sources]
        self.known = np.isfinite(values)
        told = np.where(self.known, values, 0.0).astype(np.float64)
        self.mean = told.sum(axis=0) / np.maximum(self.known.sum(axis=0), 1)
        if ordered:
            assert shown.time is not None
            self.instants = np.unique(shown.time[sources])
        self.slots = len(self.instants) + 1 if ordered else FOLDS
        slot = self._slots(sources)
        #: By key: the codes that were met, and running sums over (code, slot) in order.
        self.counted = {name: self._count(one, sources, slot, told) for name, one in keys.items()}

    @property
    def width(self) -> int:
        """Numbers that `of` gives for an example."""
        return len(self.keys) * self._each

    @property
    def _each(self) -> int:
        return len(self.labels) + 1 + len(self.recent)

    def of(self, rows: NDArray[np.int64], *, before: bool) -> NDArray[np.float32]:
        """The numbers of examples, float32 `[m, width]`.

        Args:
            rows: the examples.
            before: whether they are learned from, and read what was known before them alone.
        """
        slot = self._slots(rows, judged=True) if before else None
        found = np.empty((len(rows), self.width), np.float32)
        at = 0
        for name, codes in self.keys.items():
            sums = self._sums(name, self._codes(codes, rows), slot)
            found[:, at : at + self._each] = self.told(sums)
            at += self._each
        return found

    def told(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums and counts of each label, of all examples and of recent ones, `[m, 2 L + 1 + D]`, as
        numbers."""
        count = len(self.labels)
        total, seen = sums[:, :count], sums[:, count : 2 * count]
        rate = (total + self.smoothing * self.mean) / (seen + self.smoothing)
        numeric = np.array([label.numeric for label in self.labels])
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = _logit(rate) - _logit(self.mean)
        return np.hstack(
            [np.where(numeric, rate - self.mean, odds), np.log1p(sums[:, 2 * count :])]
        )

    def totals(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The codes that were met under a key, int64 `[K]` ascending, and their sums and counts."""
        known = self.counted[name][0]
        return known, self._sums(name, known[:, None], None)

    def _slots(self, rows: NDArray[np.int64], judged: bool = False) -> NDArray[np.int64]:
        if self.ordered:
            time = self.shown.judged if judged else self.shown.time
            assert time is not None
            return np.searchsorted(self.instants, time[rows])
        # By the event, so that what was drawn for it goes with it.
        mixed = self.shown.event[rows].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return ((mixed >> np.uint64(33)) % np.uint64(FOLDS)).astype(np.int64)

    def _codes(self, codes: Sequence[Codes], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        places: dict[str, NDArray[Any]] = {
            "user": self.shown.user,
            "item": self.shown.item,
            "context": self.shown.event,
        }
        found = codes[0].of(places[codes[0].source][rows])
        for one in codes[1:]:
            found = joined(found, one.of(places[one.source][rows]), one.size)
        return found

    def _count(
        self,
        codes: Sequence[Codes],
        sources: NDArray[np.int64],
        slot: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        found = self._codes(codes, sources)
        row, place = np.nonzero(found >= 0)
        known, code = np.unique(found[row, place], return_inverse=True)
        numbers = code * self.slots + slot[row]
        order = np.argsort(numbers, kind="stable")
        said = np.hstack([values, self.known, np.ones((len(values), 1))])[row[order]]
        running = np.vstack([np.zeros((1, said.shape[1])), np.cumsum(said, axis=0)])
        return known, numbers[order], running

    def _sums(
        self, name: str, codes: NDArray[np.int64], slot: NDArray[np.int64] | None
    ) -> NDArray[np.float64]:
        """Sums and counts `[m, 2 L + 1 + D]` of codes `[m, W]`, of all or as a slot may know
        them."""
        known, numbers, running = self.counted[name]
        wide = running.shape[1]
        total = np.zeros((len(codes), wide + len(self.recent)))
        if not len(known):
            return total
        for column in codes.T:
            at = np.minimum(np.searchsorted(known, column), len(known) - 1)
            met = known[at] == column
            first = at * self.slots
            last = first + self.slots
            if slot is not None and self.ordered:
                last = first + slot
            sums = running[np.searchsorted(numbers, last)]
            sums = sums - running[np.searchsorted(numbers, first)]
            if slot is not None and not self.ordered:
                own = first + slot
                sums -= running[np.searchsorted(numbers, own + 1)]
                sums += running[np.searchsorted(numbers, own)]
            total[:, :wide] += sums * met[:, None]
            for place, days in enumerate(self.recent, wide):
                since = np.maximum(first, first + self._back(slot, days))
                there = running[np.searchsorted(numbers, last), -1]
                there = there - running[np.searchsorted(numbers, since), -1]
                total[:, place] += there * met
        return total

    def _back(self, slot: NDArray[np.int64] | None, days: float) -> NDArray[np.int64]:
        """The first slot within so many days before each; before the end, for all."""
        ends = np.append(self.instants, self.instants[-1:] + 1)
        end = ends[-1:] if slot is None else ends[slot]
        return np.searchsorted(self.instants, end - int(days * DAY))


def joined(one: NDArray[np.int64], other: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The codes int64 `[m, W * V]` of every two of `[m, W]` and `[m, V]`, of which there are `size`
    of the second kind."""
    both = one[:, :, None] * size + other[:, None, :]
    both = np.where((one[:, :, None] >= 0) & (other[:, None, :] >= 0), both, -1)
    return both.reshape(len(one), one.shape[1] * other.shape[1])


def joined_tensors(one: tf.Tensor, other: tf.Tensor, size: int) -> tf.Tensor:
    """As `joined`, in a graph."""
    both = one[:, :, None] * size + other[:, None, :]
    both = tf.where((one[:, :, None] >= 0) & (other[:, None, :] >= 0), both, -1)
    return tf.reshape(both, [-1, one.shape[1] * other.shape[1]])


def _logit(share: NDArray[np.float64]) -> NDArray[np.float64]:
    held = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(held) - np.log1p(-held)


def keys_of(
    asked: Sequence[str] | None,
    users: Catalog,
    items: Catalog,
    context: Mapping[str, Column],
) -> dict[str, tuple[Codes, ...]]:
    """What examples are counted under, by name; see `RatesConfig.of`.

    Raises:
        RunFileError: a name that there is not, with the nearest.
    """
    known: dict[str, Codes] = {}
    by_source: dict[str, list[str]] = {USER: [], ITEM: [], CONTEXT: []}
    for (source, name), made in _codes(users, items, context).items():
        known.setdefault(name, made)
        if made.table is not None:
            known[f"{source}.{name}"] = made
            if made.size > 1:
                by_source[source].append(name if known[name] is made else f"{source}.{name}")
    if asked is None:
        joins = [*by_source[ITEM], *by_source[CONTEXT]]
        asked = [
            USER,
            ITEM,
            *by_source[ITEM],
            *(f"{USER}{JOIN}{name}" for name in joins),
            *(f"{ITEM}{JOIN}{name}" for name in by_source[CONTEXT]),
        ]
    found = {}
    for name in asked:
        parts = name.split(JOIN)
        for part in parts:
            if part not in known:
                raise RunFileError(f"`rates.of`: {unknown('feature', part, list(known))}")
        if len(parts) > 2:
            raise RunFileError(f"`rates.of` joins two at most, got {name!r}.")
        found[name] = tuple(known[part] for part in parts)
    return found


def same_keys(
    saved: Sequence[Sequence[tuple[str, str]]],
    users: Catalog,
    items: Catalog,
    context: Mapping[str, Column],
) -> dict[str, tuple[Codes, ...]]:
    """What examples were counted under in training, each of sources and names of `Codes`.

    Raises:
        RunFileError: a feature that the shop does not have any more.
    """
    known = _codes(users, items, context)
    for key in saved:
        for source, name in key:
            if (source, name) not in known:
                raise RunFileError(
                    f"The model counts labels by the {source} feature {name!r}, which the shop "
                    "does not have as a category or tags. Name it in the shop file as it was in "
                    "training, or train a new model."
                )
    return {
        JOIN.join(".".join(one) for one in key): tuple(known[one] for one in key) for key in saved
    }


def _codes(
    users: Catalog, items: Catalog, context: Mapping[str, Column]
) -> dict[tuple[str, str], Codes]:
    """All that examples may be counted under, by source and name."""
    found = {
        (USER, USER): Codes(USER, USER, None, users.ids),
        (ITEM, ITEM): Codes(ITEM, ITEM, None, items.ids),
    }
    for source, features in ((USER, users.features), (ITEM, items.features), (CONTEXT, context)):
        for name, column in features.items():
            if isinstance(column, CategoryColumn | TagsColumn):
                made = Codes(source, name, _table(column), column.vocabulary)
                found.setdefault((source, name), made)
    return found


def _table(column: CategoryColumn | TagsColumn) -> NDArray[np.int64]:
    if isinstance(column, CategoryColumn):
        return column.codes.astype(np.int64)[:, None]
    counts = np.diff(column.offsets)
    width = int(min(TAGS, counts.max(initial=1)))
    table = np.full((len(counts), max(width, 1)), -1, np.int64)
    for place in range(width):
        has = counts > place
        table[has, place] = column.values[column.offsets[:-1][has] + place]
    return table
