"""Tables in several files, which a pattern such as `orders_*.csv` names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from tfmm.data.tables.errors import TableError
from tfmm.data.tables.file import listed
from tfmm.data.tables.typed.kinds import cast_column, common_kind

_PATTERN = re.compile(r"[*?]")


def part_files(path: Path) -> list[Path]:
    """The files that a pattern names, by their names; none where the path is a file's own.

    A star in the last part of the path stands for any letters, a question mark for one.
    """
    if not _PATTERN.search(path.name) or path.exists():
        return []
    # What else has a meaning in patterns, a bracket, stands for itself.
    pattern = re.sub(r"\[", "[[]", path.name)
    found = path.parent.glob(pattern) if path.parent.is_dir() else []
    return sorted(one for one in found if one.is_file() and not one.name.startswith("."))


def joined(tables: Sequence[pa.Table], names: Sequence[str], where: str) -> pa.Table:
    """Tables of the same columns below each other, in the types that they come down to.

    Args:
        tables: one for each file.
        names: what the files are called.
        where: the shop file and the table, for errors.

    Raises:
        TableError: for a column whose types have none in common.
    """
    columns = {}
    for name in tables[0].column_names:
        kinds = [table.column(name).type for table in tables]
        kind = common_kind(kinds)
        if kind is None:
            told = listed([f"{one} in {file}" for one, file in zip(kinds, names, strict=True)])
            raise TableError(f"{where}: the column {name!r} is {told}; write it in one type")
        chunks = [
            chunk
            for table in tables
            for chunk in cast_column(table.column(name), kind, f"{where}, column {name!r}").chunks
        ]
        columns[name] = pa.chunked_array(chunks, kind)
    return pa.table(columns)
