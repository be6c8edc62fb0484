"""Cells that came as Python's values, as Arrow columns."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa

from tfmm.data.tables.cells import EXACT
from tfmm.data.tables.errors import TableError
from tfmm.data.tables.file import TableFile


def as_column(file: TableFile, column: str, cells: list[tuple[str, Any]]) -> pa.Array:
    """Numbers, times or booleans where all cells are, else text or lists of text.

    Args:
        file: the table, for errors.
        column: the column, for errors.
        cells: each cell's place in the file, and its value.

    Raises:
        TableError: for a cell that holds an object, with its place.
    """
    values = [value for _, value in cells]
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {int, float} and kinds and all(abs(v) < EXACT for v in values if v is not None):
        return pa.array(values, pa.int64() if kinds == {int} else pa.float64())
    if kinds in ({datetime.datetime}, {datetime.date}, {datetime.datetime, datetime.date}):
        return pa.array(map(_moment, values), pa.timestamp("us"))
    texts = []
    for at, value in cells:
        try:
            texts.append(_text(value))
        except TypeError as error:
            raise TableError(
                f"{file.source}: {file.shown}, {at}: column {column!r} holds {error}"
            ) from error
    if list in kinds or tuple in kinds:
        lists = [text if text is None or isinstance(text, list) else [text] for text in texts]
        return pa.array(lists, pa.list_(pa.string()))
    return pa.array(texts, pa.string())


def _moment(value: Any) -> Any:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def _text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value:  # NaN, which JSON of some tools has for nothing
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_text(entry) for entry in value if entry is not None]
    raise TypeError("an object, where text, a number or a list was expected")
