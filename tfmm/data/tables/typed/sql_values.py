"""Cells that a database's driver gave as Python's values, as Arrow columns."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tfmm.data.tables.cells import EXACT
from tfmm.data.tables.file import TableFile
from tfmm.data.tables.values import as_column

_BYTES = (bytes, bytearray, memoryview)
_LARGEST = 2**63


def sql_column(file: TableFile, column: str, values: Sequence[Any], start: int = 0) -> pa.Array:
    """Numbers, times, booleans or lists of them where all cells are, else text.

    Args:
        file: the table, for errors.
        column: the column, for errors.
        values: the cells.
        start: how many rows are before them, for errors.

    Raises:
        TableError: for a cell that holds an object or bytes, with its row.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {list}:
        return _lists(file, column, values, start)
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(-_LARGEST <= one < _LARGEST for one in values if one is not None):
        return pa.array(values, pa.int64())
    if kinds <= {int, float} and all(abs(one) < EXACT for one in values if type(one) is int):
        return pa.array(values, pa.float64())
    if kinds == {Decimal}:
        return _decimals(values)
    if kinds == {datetime.datetime}:
        zoned = {one.tzinfo is not None for one in values if one is not None}
        if len(zoned) == 1:
            return pa.array(values, pa.timestamp("us", "UTC" if zoned == {True} else None))
    if kinds == {datetime.date}:
        return pa.array(values, pa.date32())
    for place, value in enumerate(values):
        if isinstance(value, _BYTES):
            raise file.error(
                f"row {start + place + 1}: the column {column!r} holds bytes, where text, a number "
                "or a list was expected"
            )
    cells = [(f"row {start + place + 1}", _plain(one)) for place, one in enumerate(values)]
    return as_column(file, column, cells)


def _lists(file: TableFile, column: str, values: Sequence[Any], start: int) -> pa.Array:
    flat = [one for value in values for one in value or ()]
    inner = sql_column(file, column, [_bare(one) for one in flat], start)
    ends = [0]
    for value in values:
        ends.append(ends[-1] + len(value or ()))
    mask = pa.array([value is None for value in values])
    offsets = pa.array(ends, pa.int32())
    inner = inner.cast(pa.string()) if pa.types.is_null(inner.type) else inner
    return pa.ListArray.from_arrays(offsets, inner, mask=mask)


def _bare(value: Any) -> Any:
    """A component of a vector as the float that it is read as."""
    return float(value) if isinstance(value, Decimal) else value


def _decimals(values: Sequence[Decimal | None]) -> pa.Array:
    if all(one is None or one.is_finite() for one in values):
        try:
            return pa.array(values)
        except pa.ArrowInvalid:
            pass  # of more than the 76 digits that Arrow has
    floats = [None if one is None else float(one) for one in values]
    return pa.array([None if one is None or math.isnan(one) else one for one in floats])


def _plain(value: Any) -> Any:
    """Values that are written as text: those of UUIDs, addresses, ranges and their kin."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (dict, list, tuple, str, int, float, datetime.date, datetime.time)):
        return value
    return None if value is None else str(value)
