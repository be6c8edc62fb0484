"""Several values in one cell: what parts them, what stands beside an escape or in quotes stays."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.tables import encode

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def split_cell(text: str, separator: str, path: str = "") -> list[list[str]]:
    """The values of a cell, each as its levels (one where `path` is "").

    A separator after a backslash, or in quotes around a whole level, is part of a name.

    ```python
    from tfmm.data.cells.several import split_cell

    split_cell("Home > Beds\\\\, cots, Sale", ",", " > ")
    ```

    Args:
        text: the cell.
        separator: what parts values.
        path: what parts the levels of a value; "" where values have none.
    """
    marks = sorted(filter(None, (separator, path)), key=len, reverse=True)
    values: list[list[str]] = [[]]
    level, at = "", 0
    while at < len(text):
        if not level.strip() and (quoted := _quoted(text, at, marks)):
            level, at = quoted[1].replace('""', '"'), quoted.end()
            continue
        if text[at] == "\\" and (escaped := _mark(text, at + 1, marks, bare=True)):
            level, at = level + escaped, at + 1 + len(escaped)
            continue
        mark = _mark(text, at, marks)
        if not mark:
            level, at = level + text[at], at + 1
            continue
        values[-1].append(level.strip())
        level, at = "", at + len(mark)
        if mark == separator:
            values.append([])
    values[-1].append(level.strip())
    named = [[level for level in levels if level] for levels in values]
    return [levels for levels in named if levels]


def _mark(text: str, at: int, marks: list[str], *, bare: bool = False) -> str:
    """The mark that stands here; `bare` without the spaces around it."""
    for mark in marks:
        mark = (mark.strip() or mark) if bare else mark
        if text.startswith(mark, at):
            return mark
    return ""


def _quoted(text: str, at: int, marks: list[str]) -> re.Match[str] | None:
    """A level in quotes that starts here and ends where a mark or the text's end follows."""
    found = _QUOTED.match(text, at)
    if found is None:
        return None
    rest = text[found.end() :].lstrip()
    closed = not rest or any(rest.startswith(mark.strip() or mark) for mark in marks)
    return found if closed else None


def ancestors(levels: list[str], path: str) -> Iterator[str]:
    """A value and all above it: "Home" and "Home > Beds" of "Home > Beds"."""
    for depth in range(1, len(levels) + 1):
        yield path.join(levels[:depth])


def split_cells(
    texts: pa.ChunkedArray, separator: str, path: str = ""
) -> tuple[NDArray[np.int64], pa.ChunkedArray]:
    """The values of every cell, and with `path` those above them.

    Returns:
        int64[m] the cell that each value is of, and the values; both by cells, in order.
    """
    filled = pc.fill_null(texts, "")
    plain = not path and not pc.any(pc.match_substring_regex(filled, r'[\\"]')).as_py()
    if plain:
        lists = pc.split_pattern(filled, separator)
        lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
        return np.repeat(np.arange(len(lengths)), lengths), pc.list_flatten(lists)
    codes, distinct = encode(filled)
    values = [
        [value for levels in split_cell(text, separator, path) for value in ancestors(levels, path)]
        for text in distinct.to_pylist()
    ]
    lengths = np.array([len(of) for of in values], np.int64)[codes]
    flat = [value for code in codes.tolist() for value in values[code]]
    rows = np.repeat(np.arange(len(codes)), lengths)
    return rows, pa.chunked_array([pa.array(flat, pa.string())])
