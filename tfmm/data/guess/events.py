"""What a table of events says beside who met which item: when, how, how many, for how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tfmm.data.guess.column import Column
from tfmm.data.guess.roles import Pairs
from tfmm.data.guess.words import parts_of, says, weight_of
from tfmm.data.tables import as_text, read_table


def describe(pairs: Pairs, folder: Path) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    """The shop file's `events`, what was seen of each key, and the run file's `split`."""
    sample = pairs.sample
    form: dict[str, Any] = {"table": sample.table}
    seen = {"table": f"{sample.of_rows} looked at"}
    if sample.format:
        form["format"] = sample.format
    for key, column in (("user", pairs.user), ("item", pairs.item)):
        form[key], seen[key] = column.name, column.seen()
    rest = [c for c in sample.columns.values() if c not in (pairs.user, pairs.item)]
    times = [column for column in rest if column.time is not None]
    if times:
        # Of a date and a time the finer.
        time = max(times, key=lambda column: column.distinct)
        how = time.time or {}
        form["time"] = time.name if len(how) == 1 else how
        seen["time"] = time.seen()
        if "format" in how:
            seen["time"] += "; it fits another format as well, look whether this is right"
        rest = [column for column in rest if column not in times]
    _worth(form, seen, rest, pairs, folder)
    return form, seen, _parts(rest)


def _worth(
    form: dict[str, Any], seen: dict[str, str], rest: list[Column], pairs: Pairs, folder: Path
) -> None:
    for column in rest:
        # `setdefault` keeps the first of several columns that could be meant.
        if says(column.name, "type") and not column.is_number and column.distinct <= 20:
            if "type" in form:
                continue
            form["type"], seen["type"] = column.name, column.seen()
            kinds = _all_kinds(column, pairs, folder)
            form["weights"] = {kind: weight_of(kind) for kind in kinds}
            seen["weights"] = "guessed by name; 0 leaves a type out"
        elif says(column.name, "quantity") and column.is_whole:
            form.setdefault("quantity", column.name)
            seen.setdefault("quantity", column.seen())
        elif says(column.name, "price") and column.is_number:
            form.setdefault("price", column.name)
            seen.setdefault("price", column.seen())
    if "type" not in form:
        for column in rest:
            below = column.is_number and says(column.name, "rating") and column.numbers.min() <= 0
            flag = column.is_flag and column.distinct > 1 and says(column.name, "taste")
            if below or flag:
                form["rating"] = column.name
                seen["rating"] = f"{column.seen()}; 0 and below tell no taste"
                break


def _all_kinds(column: Column, pairs: Pairs, folder: Path) -> list[str]:
    """Every type there is: one that `weights` lacks is an error."""
    if pairs.sample.whole:
        cells = column.cells
    else:
        sample = pairs.sample
        read = read_table(
            folder / sample.table, {column.name: "events.type"}, "tfmm init", sample.spec
        )
        cells = read.table.column(column.name)
    kinds = pc.unique(pc.fill_null(as_text(cells, column.where), ""))
    if isinstance(kinds, pa.ChunkedArray):
        kinds = kinds.combine_chunks()
    return [str(kind) for kind in kinds.to_pylist()]


def _parts(rest: list[Column]) -> dict[str, Any]:
    """A split by a column that says each event's part."""
    for column in rest:
        if not any(says(part, "part") for part in parts_of(column.name)):
            continue
        if set(column.texts) == {"0", "1", "2"}:
            return {"by": "column", "column": column.name, "train": 0, "valid": 1, "test": 2}
    return {}
