"""Files that are parts of one table: the orders of each year, say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.guess.sample import ROWS, Sample
from tfmm.data.tables import TableError
from tfmm.data.tables.header import plain_name
from tfmm.data.tables.parts import joined

_NUMBER = re.compile(r"\d+")
#: The share of a file's rows that another has too, from which on they are no parts.
_COPIED = 0.5


def join_parts(samples: Sequence[Sample], folder: Path) -> tuple[list[Sample], list[str]]:
    """Samples with those of files that are parts of one table in one, and what is said of others.

    Parts have the same columns, and names that differ in their numbers alone; a copy of another
    file is none.
    """
    groups: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        groups.setdefault(_kind(sample, folder), []).append(sample)
    said: list[str] = []
    made = []
    for group in groups.values():
        pattern = _pattern([one.table for one in group], folder) if group[1:] else ""
        copies = _copies(group) if pattern else ""
        if copies:
            said.append(f"{copies}, so {listed_names(group)} are not read as one table")
        one = None if copies or not pattern else _joined(group, pattern)
        made += group if one is None else [one]
    return made, said


def listed_names(samples: Sequence[Sample], most: int = 6) -> str:
    """The tables' names, the first few of many."""
    names = [sample.table for sample in samples]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _kind(sample: Sample, folder: Path) -> tuple[str, ...]:
    """What the parts of a table have in common; its name of what is no file of its own."""
    if not (folder / sample.table).is_file():
        return (sample.table,)
    columns = sorted(map(plain_name, sample.cells.column_names))
    return (_NUMBER.sub("0", sample.table), *columns)


def _pattern(names: Sequence[str], folder: Path) -> str:
    """The pattern that names these files alone; "" where others have such names."""
    texts = _NUMBER.split(names[0])
    numbers = zip(*map(_NUMBER.findall, names), strict=True)
    told = [one[0] if len({*one}) == 1 else "*" for one in numbers]
    pattern = "".join(text + mark for text, mark in zip(texts, [*told, ""], strict=True))
    there = {path.name for path in folder.iterdir() if path.is_file()}
    fitting = {name for name in there if fnmatchcase(name, pattern.replace("[", "[[]"))}
    return pattern if fitting == {*names} else ""


def _joined(group: Sequence[Sample], pattern: str) -> Sample | None:
    """One sample of all; None where their types have none in common."""
    columns = {plain_name(name): name for name in group[0].cells.column_names}
    tables = []
    for sample in group:
        own = {plain_name(name): name for name in sample.cells.column_names}
        table = sample.cells.select([own[plain] for plain in columns])
        tables.append(table.rename_columns(list(columns.values())))
    try:
        cells = joined(tables, [one.table for one in group], pattern)
    except (TableError, pa.ArrowException):
        return None
    whole = all(sample.whole for sample in group) and cells.num_rows < ROWS
    notes = [f"{one.table}: {note}" for one in group for note in one.notes]
    told = ", ".join(f"{one.table} ({one.of_rows})" for one in group[:6])
    told += f" and {len(group) - 6} more" if len(group) > 6 else ""
    notes.insert(0, f"{len(group)} files of the same columns are one table: {told}")
    return Sample(pattern, cells.slice(0, ROWS), whole, tuple(notes), group[0].format)


def _copies(group: Sequence[Sample]) -> str:
    """The first two that share most of their rows, in words."""
    marks = [_marks(sample) for sample in group]
    for place, (sample, own) in enumerate(zip(group, marks, strict=True)):
        for other, theirs in zip(group[:place], marks[:place], strict=True):
            few = min(len(own), len(theirs))
            shared = len(np.intersect1d(own, theirs))
            if few and shared > _COPIED * few:
                return f"{shared:,} rows of {sample.table} are in {other.table} too"
    return ""


def _marks(sample: Sample) -> NDArray[np.uint64]:
    """A mark of each distinct row."""
    cells = sorted(sample.cells.column_names, key=plain_name)
    frame = pd.DataFrame({n: sample.cells.column(n).to_pandas().astype(str) for n in cells})
    return np.unique(pd.util.hash_pandas_object(frame, index=False).to_numpy(np.uint64))
