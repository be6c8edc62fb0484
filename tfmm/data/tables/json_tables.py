"""Reading JSON: objects a line, an array of them, or the "loose JSON" of Python's literals."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from tfmm.data.progress import Bar, progress
from tfmm.data.tables.cells import EXACT
from tfmm.data.tables.delimited import BLOCK
from tfmm.data.tables.encoding import check_encoding, decoded, find_encoding, sample
from tfmm.data.tables.file import TableFile
from tfmm.data.tables.header import match_columns
from tfmm.data.tables.values import as_column

Entries = list[tuple[str, dict[str, Any]]]


def read_json(file: TableFile, columns: Mapping[str, str] | None) -> pa.Table:
    """The columns, in their own types.

    Raises:
        TableError: for a line or an entry that is no object, with its number.
        ShopFileError: for a column that the table lacks.
    """
    data = sample(file)
    encoding = find_encoding(file, data)
    if encoding == "utf-8" and data.lstrip().startswith(b"{"):
        table = _by_arrow(file, columns)
        if table is not None:
            return table
    # Arrays, literals, columns of mixed types, integers past 64 bits: slower, an entry at a time.
    entries = _entries(file, encoding)
    if not entries:
        raise file.error("it has no rows; expected an object a line, or an array of objects")
    names = dict.fromkeys(name for _, entry in entries for name in entry)
    found = match_columns(file, list(names), columns)
    steps = progress(found.items(), len(found), f"reading {file.shown}", unit="columns")
    cells = {
        column: as_column(file, column, [(at, entry.get(name)) for at, entry in entries])
        for column, name in steps
    }
    return pa.table(cells)


def _by_arrow(file: TableFile, columns: Mapping[str, str] | None) -> pa.Table | None:
    """A table of JSON lines; None where Arrow cannot read it, or not exactly."""
    read = pa.json.ReadOptions(block_size=BLOCK)
    try:
        table = _read_lines(file, read)
        if _holds_rows(table):
            return None
        found = match_columns(file, table.schema.names, columns)
        # Arrow reads text that looks like a time as a time, which an id or a name must survive.
        times = [
            f.name
            for f in table.schema
            if f.name in found.values() and pa.types.is_timestamp(f.type)
        ]
        if times:
            schema = pa.schema([(name, pa.string()) for name in times])
            table = _read_lines(file, read, pa.json.ParseOptions(explicit_schema=schema))
    except pa.ArrowInvalid:
        return None
    table = table.select(list(found.values())).rename_columns(list(found))
    return None if any(_is_inexact(column) for column in table.columns) else table


def _read_lines(
    file: TableFile, read: pa.json.ReadOptions, parse: pa.json.ParseOptions | None = None
) -> pa.Table:
    with file.counted() as source:
        return pa.json.read_json(source, read, parse)


def _holds_rows(table: pa.Table) -> bool:
    """Whether it is one object whose only value is the list of rows: {"products": [...]}."""
    kind = table.schema.types[0] if table.num_columns == 1 and table.num_rows == 1 else None
    return kind is not None and pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)


def _is_inexact(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(column.type):
        return False
    largest = pc.max(pc.abs(column)).as_py()
    return largest is not None and largest >= EXACT


def _entries(file: TableFile, encoding: str) -> Entries:
    """Every object with where it is in the file."""
    try:
        text = "".join(decoded(file, encoding))
    except UnicodeDecodeError:
        check_encoding(file, encoding)
        raise
    whole = _whole(file, text)
    return _lines(file, text) if whole is None else whole


def _whole(file: TableFile, text: str) -> Entries | None:
    """The entries of a file that is one JSON value; None where it is a value a line."""
    try:
        # In one piece: the bar says after two seconds that it is at work.
        with Bar(1, f"reading {file.shown}", unit="files"):
            value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not text.lstrip().startswith("["):
            return None
        value = _literal(text)
        if value is None:
            raise file.error(f"it is no JSON array: {error}") from error
        file.note("it is a Python literal, not JSON")
    if isinstance(value, dict):
        inner = list(value.values())
        if len(inner) != 1 or not _is_rows(inner[0]):
            return None
        file.note(f"the rows are those of its {next(iter(value))!r}")
        value = inner[0]
    if not isinstance(value, list):
        raise file.error("it is no JSON array of objects, nor an object a line")
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, dict):
            raise file.error(f"entry {number} of its array is no object: {str(entry)[:60]!r}")
    return [(f"entry {number}", entry) for number, entry in enumerate(value, start=1)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _lines(file: TableFile, text: str) -> Entries:
    entries = []
    literals = 0
    # Not splitlines: texts may hold the line separators of Unicode.
    lines = text.split("\n")
    steps = progress(lines, len(lines), f"reading {file.shown}", unit="lines")
    for number, line in enumerate(steps, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            entry = _literal(line)
            if entry is None:
                raise file.error(f"line {number} is not JSON: {error}") from error
            literals += 1
        if not isinstance(entry, dict):
            raise file.error(f"line {number} is not a JSON object")
        entries.append((f"line {number}", entry))
    if literals:
        file.note(f"{literals:,} lines are Python's literals, not JSON")
    return entries


def _literal(text: str) -> Any:
    """The value of a Python literal, which is never evaluated; None where it is none."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
