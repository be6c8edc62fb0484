"""The event log: who met which item, when, with what weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from tfmm.config.names import hint
from tfmm.data.cells.amounts import UNCLEAR, parse_amounts
from tfmm.data.cells.ids import NO_ID, tidy_ids
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.columns import as_rows
from tfmm.data.events.dislikes import set_apart, undo_returns
from tfmm.data.events.times import parse_times
from tfmm.data.shop_file.specs import EventSpec, ShopFileError
from tfmm.data.tables import as_text, encode, objects

# A vocabulary is a text file of one id a line, and TensorFlow's line reader drops "\r" too.
_NOT_IN_ID = r"[\n\r\x00]"
# Odd multipliers that spread the bits of a 64-bit hash.
_FACTORS = tuple(
    np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
)


@dataclass(frozen=True, eq=False)
class Events:
    """Events of known users on known items, in file order.

    Args:
        user: int32[m] rows of the users' catalogue.
        item: int32[m] rows of the items' catalogue.
        time: int64[m] microseconds since 1970 UTC, or None when the shop has no times.
        weight: float32[m], above 0.
        extra: further columns of the table by name, [m] each.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64] | None
    weight: NDArray[np.float32]
    extra: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: ArrayLike) -> Events:
        """The events at these positions, in this order."""
        rows = as_rows(rows, len(self))
        return Events(
            self.user[rows],
            self.item[rows],
            None if self.time is None else self.time[rows],
            self.weight[rows],
            {name: values[rows] for name, values in self.extra.items()},
        )


def is_bad_id(ids: pa.Array) -> NDArray[np.bool_]:
    """Which are no ids: empty, a mark of a missing one (NaN), or with a line break or NUL."""
    marks = pc.is_in(ids, value_set=pa.array(NO_ID))
    broken = pc.fill_null(pc.match_substring_regex(ids, _NOT_IN_ID), True)
    return np.asarray(pc.or_(marks, broken).to_numpy(zero_copy_only=False), dtype=bool)


class KnownIds(NamedTuple):
    """A catalogue's ids.

    Args:
        whole: True where those written as `17.0` are `17` now; None where there were none such.
        ids: the ids.
    """

    whole: bool | None
    ids: pa.Array


@dataclass
class RawEvents:
    """Events while they are being checked: codes into the distinct ids of the file.

    Attributes:
        user, item: int32[m] codes into `user_ids` and `item_ids`.
        rows: int64[m], each event's row in the file.
        counts: bool[m], whether the event tells a taste, see `tfmm.data.events.examples.Examples`.
        dropped: events left out so far, by reason; those that stay but do not count among them.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64] | None
    weight: NDArray[np.float32]
    rows: NDArray[np.int64]
    user_ids: pa.Array
    item_ids: pa.Array
    counts: NDArray[np.bool_]
    dropped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def keep(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Leaves out the events where `mask` is False, counted under `reason`."""
        if not self._told(self.counts & ~mask, reason) and mask.all():
            return
        self.user, self.item, self.counts = self.user[mask], self.item[mask], self.counts[mask]
        self.weight, self.rows = self.weight[mask], self.rows[mask]
        self.time = None if self.time is None else self.time[mask]

    def discount(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Says of the events where `mask` is True that they do not count, under `reason`."""
        self._told(self.counts & mask, reason)
        self.counts = self.counts & ~mask

    def _told(self, left: NDArray[np.bool_], reason: str) -> int:
        """Counts the events that no longer count."""
        count = int(left.sum())
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count
        return count

    def apply(
        self,
        report: CheckReport,
        check: str,
        bad: NDArray[np.bool_],
        shown: Callable[[int], str],
        column: str | None = None,
    ) -> None:
        """Records the events where `bad`, and leaves them out under the policy `drop`."""
        count, examples = int(bad.sum()), self.examples(bad, shown)
        if report.record(check, "events", count, examples, column=column) == "drop":
            self.keep(~bad, check)

    def shown(self, cells: pa.ChunkedArray) -> Callable[[int], str]:
        """What to show of an event: its cell of a column of the table."""
        return lambda event: repr(cells[int(self.rows[event])].as_py())

    def examples(self, events: NDArray[np.bool_], shown: Callable[[int], str]) -> list[str]:
        """The first few of the events where the mask is True, each with its row in the file."""
        places = np.flatnonzero(events)[:MAX_EXAMPLES].tolist()
        return [f"row {self.rows[event] + 1}: {shown(event)}" for event in places]


def read_events(
    table: pa.Table,
    spec: EventSpec,
    report: CheckReport,
    source: str = "the shop",
    known: Mapping[str, KnownIds] | None = None,
) -> RawEvents:
    """Checks ids, types, ratings and times of a table of events and encodes them.

    Args:
        table: with the columns of `spec.columns()`.
        spec: what the columns mean.
        report: takes the findings.
        source: the shop file's name, for errors.
        known: the catalogues' ids by role, "user" and "item", where there are tables of them.

    Raises:
        ShopFileError: for an event type without a weight, naming it.
        CheckError: for a check set to raise.
    """
    where = f"{source}: {spec.table}, column"
    codes, ids = {}, {}
    for role, name in (("user", spec.user), ("item", spec.item)):
        texts = as_text(table.column(name), f"{where} {name!r}")
        codes[name], ids[name] = _tidy(*encode(texts), report, name, (known or {}).get(role))
    n = table.num_rows
    raw = RawEvents(
        codes[spec.user],
        codes[spec.item],
        None,
        np.ones(n, np.float32),
        np.arange(n),
        ids[spec.user],
        ids[spec.item],
        np.ones(n, bool),
    )
    below, no_weight = np.zeros(n, bool), np.zeros(n, bool)
    bad_time = np.zeros(n, bool)
    if spec.type is not None:
        raw.weight = _type_weights(table.column(spec.type), spec, f"{where} {spec.type!r}")
        no_weight = raw.weight == 0
    if spec.rating is not None:
        ratings = _ratings(table.column(spec.rating), spec, report, where)
        if spec.threshold is not None:
            below = ratings < spec.threshold
        with np.errstate(over="ignore"):
            raw.weight = ratings.astype(np.float32)
    if spec.time is not None:
        read = parse_times(table.column(spec.time), f"{where} {spec.time!r}", spec.times)
        raw.time, bad_time = read.times, read.bad
        for said in read.notes:
            report.note("events", said, column=spec.time)

    raw.keep(~no_weight, "weight 0")
    raw.discount(below[raw.rows], "below threshold")
    for role, name, at in (("user", spec.user, raw.user_ids), ("item", spec.item, raw.item_ids)):
        # The last entry is what a code of -1, a null id, reads.
        is_bad = np.append(is_bad_id(at), True)
        bad = is_bad[getattr(raw, role)]
        raw.apply(report, "bad_ids", bad, raw.shown(table.column(name)), name)
    if spec.rating is not None:
        shown = raw.shown(table.column(spec.rating))
        raw.apply(report, "bad_ratings", ~np.isfinite(raw.weight), shown, spec.rating)
        # A rating of 0 or below tells a dislike, which is no taste but no error of the table.
        set_apart(raw, raw.weight <= 0, report, shown, spec.rating)
    if spec.quantity is not None:
        undo_returns(raw, table.column(spec.quantity), spec, report, f"{where} {spec.quantity!r}")
    if spec.time is not None:
        shown = raw.shown(table.column(spec.time))
        raw.apply(report, "bad_times", bad_time[raw.rows], shown, spec.time)
    return raw


def _tidy(
    codes: NDArray[np.int32],
    ids: pa.Array,
    report: CheckReport,
    column: str,
    known: KnownIds | None,
) -> tuple[NDArray[np.int32], pa.Array]:
    """Codes of ids that were put right, which several spellings may share."""
    tidy = tidy_ids(ids, *known) if known else tidy_ids(ids)
    if not tidy.said:
        return codes, ids
    for said, count, examples in tidy.said:
        report.note("events", f"distinct {said}", count, examples, column=column)
    shared, distinct = encode(pa.chunked_array([tidy.ids]))
    return np.append(shared, np.int32(-1))[codes], distinct


def _ratings(
    cells: pa.ChunkedArray, spec: EventSpec, report: CheckReport, where: str
) -> NDArray[np.float64]:
    read = parse_amounts(cells, f"{where} {spec.rating!r}", spec.format.decimal)
    for said in read.notes:
        report.note("events", said, column=spec.rating)
    unclear = np.flatnonzero(read.unclear)
    examples = [f"row {row + 1}: {cells[row].as_py()!r}" for row in unclear[:MAX_EXAMPLES].tolist()]
    report.record(
        "unclear_numbers", "events", len(unclear), examples, column=spec.rating, detail=UNCLEAR
    )
    return read.values


def _type_weights(cells: pa.ChunkedArray, spec: EventSpec, where: str) -> NDArray[np.float32]:
    codes, kinds = encode(pc.fill_null(as_text(cells, where), ""))
    weights = np.zeros(len(kinds), np.float32)
    for code, kind in enumerate(kinds.to_pylist()):
        if kind not in spec.weights:
            raise ShopFileError(
                f"{where}: the event type {kind!r} has no weight; {hint(kind, spec.weights)} "
                "Add it to events.weights, with 0 to leave such events out"
            )
        weights[code] = spec.weights[kind]
    return weights[codes]


def find_repeats(raw: RawEvents, *, weighted: bool) -> NDArray[np.bool_]:
    """bool[m]: events equal to an earlier one in user, item, time and, if `weighted`, weight."""
    pair = raw.user.astype(np.int64) * max(len(raw.item_ids), 1) + raw.item
    columns: dict[str, NDArray[Any]] = {"pair": pair}
    if raw.time is not None:
        columns["time"] = raw.time
    if weighted:
        columns["weight"] = raw.weight.view(np.int32)
    # Sorting a hash is several times faster than hashing the rows, and most tables repeat little:
    # only events whose hash repeats are compared.
    key = np.zeros(len(raw), np.uint64)
    for values, factor in zip(columns.values(), _FACTORS, strict=False):
        key += values.astype(np.uint64) * factor
        key ^= key >> np.uint64(29)
    ordered = np.sort(key)
    again = pd.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    repeats = np.zeros(len(raw), bool)
    if len(again):
        near = np.flatnonzero(pd.Series(key).isin(again).to_numpy())
        compared = pd.DataFrame({name: values[near] for name, values in columns.items()})
        repeats[near] = compared.duplicated().to_numpy()
    return repeats


def extra_columns(
    table: pa.Table, names: Sequence[str], rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Further columns of these rows: integers or floats where every cell is one, else text."""
    kept = {}
    for name in names:
        cells = table.column(name)
        if len(rows) < len(cells):
            cells = cells.take(pa.array(rows))
        for target in (pa.int64(), pa.float64()):
            if not pa.types.is_string(cells.type):
                break
            try:
                cells = cells.cast(target)
            except pa.ArrowInvalid:
                continue
        kept[name] = objects(cells) if pa.types.is_string(cells.type) else cells.to_numpy()
    return kept
