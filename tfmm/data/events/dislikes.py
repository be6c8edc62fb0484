"""Negative events: ratings of 0 or below, and returns, which undo what was bought."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.cells.amounts import parse_amounts
from tfmm.data.checks import CheckReport

if TYPE_CHECKING:
    from tfmm.data.events.event_log import RawEvents
    from tfmm.data.events.examples import Examples
    from tfmm.data.shop_file.specs import EventSpec


def set_apart(
    raw: RawEvents,
    bad: NDArray[np.bool_],
    report: CheckReport,
    shown: Callable[[int], str],
    of: str,
) -> None:
    """Says of events that they are kept and tell no taste.

    Args:
        raw: the events.
        bad: bool[m], those of a rating of 0 or below.
        report: is told.
        shown: what to show of an event.
        of: the column of ratings.
    """
    told = bad & raw.counts
    raw.discount(told, "disliked")
    _note(raw, told, report, "ratings of 0 or below are kept, and tell no taste", shown, of)


def undo_returns(
    raw: RawEvents, cells: pa.ChunkedArray, spec: EventSpec, report: CheckReport, where: str
) -> None:
    """Has returns count as no taste, and neither what was bought where all of it went back.

    Args:
        raw: the events.
        cells: the column of pieces bought, by the table's rows; negative where they went back.
        spec: what the columns mean.
        report: is told.
        where: the file and column, for errors.
    """
    pieces = parse_amounts(cells, where, spec.format.decimal).values[raw.rows]
    back = pieces < 0
    if not back.any():
        return
    pair = raw.user.astype(np.int64) * max(len(raw.item_ids), 1) + raw.item
    pairs, place = np.unique(pair, return_inverse=True)
    # A missing number of pieces is one piece.
    kept = np.bincount(place, weights=np.where(np.isnan(pieces), 1, pieces), minlength=len(pairs))
    returned = np.zeros(len(pairs), bool)
    returned[place[back]] = True
    undone = (returned & (kept <= 0))[place] & ~back & raw.counts
    shown = raw.shown(cells)
    for events, said in (
        (back & raw.counts, "returns are kept as negative events"),
        (undone, "purchases are undone by a return"),
    ):
        raw.discount(events, "returned")
        _note(raw, events, report, said, shown, str(spec.quantity))


def disliked_pairs(examples: Examples) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Users and items of negative ratings and of returns."""
    negative = np.zeros(len(examples), bool)
    for values in (examples.rating, examples.quantity):
        if values is not None:
            negative |= np.nan_to_num(values) < 0
    negative &= ~examples.counts
    return examples.user[negative], examples.item[negative]


def _note(
    raw: RawEvents,
    events: NDArray[np.bool_],
    report: CheckReport,
    said: str,
    shown: Callable[[int], str],
    column: str,
) -> None:
    if events.any():
        report.note("events", said, int(events.sum()), raw.examples(events, shown), column=column)
