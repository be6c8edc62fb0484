"""Which of a table's columns are meant: spaces, case and invisible characters are forgiven."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence

from tfmm.config.names import nearest
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.tables.errors import TableError
from tfmm.data.tables.file import TableFile, listed

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")

# Numbers, dates and times, which no column is called.
_NO_NAME = re.compile(r"[-+]?[\d.,:/ -]*\d[\d.,:/ -]*")
#: Rows that may stand above that of the names.
_ABOVE = 30


def plain_name(name: str) -> str:
    """A column's name without what nobody sees: spaces around it, case, byte order marks."""
    shown = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name))
    return " ".join(shown.split()).strip("\"'").strip().casefold()


def header_row(rows: Sequence[Sequence[str]], asked: Collection[str] = ()) -> int:
    """The number of rows above the one of columns' names: a report's title, its date.

    The row of names is that which has most of the columns that are asked for. Where none has any,
    or none is asked for, it is the first that is as wide as the last row and holds words, if the
    first of all holds little.

    ```python
    from tfmm.data.tables.header import header_row

    header_row([["Umsätze 2024"], ["Nr", "Artikel"], ["1", "Tasse"], ["2", "Teller"]])  # 1
    ```

    Args:
        rows: the cells of the first rows, blank ones left out.
        asked: the columns that are to be read.
    """
    head = rows[:_ABOVE]
    wanted = {plain_name(name) for name in asked}
    named = [len(wanted & {plain_name(cell) for cell in row}) for row in head]
    if any(named):
        return named.index(max(named))
    width = len(rows[-1]) if rows else 0
    for place, row in enumerate(head if width > 1 else ()):
        filled = [cell for cell in row if cell.strip()]
        full = 2 * len(filled) >= width
        if len(row) == width and full and not any(map(_NO_NAME.fullmatch, filled)):
            return place
        if place == 0 and full and len(filled) > 1:
            return 0
    return 0


def match_columns(
    file: TableFile, names: Sequence[str], columns: Mapping[str, str] | None
) -> dict[str, str]:
    """The table's own name of every column that is asked for.

    Args:
        file: the table; told where a name is forgiven.
        names: the names that its header has.
        columns: the columns asked for, each with the key of the shop file that asks; None
            for all whose names are not given twice.

    Raises:
        ShopFileError: for a column that the table lacks, with the nearest that it has.
        TableError: for a column that it has several of.
    """
    if columns is None:
        return {name: name for name in names if names.count(name) == 1}
    found: dict[str, str] = {}
    for column, key in columns.items():
        where = f"{file.source}: {key}: {file.shown}"
        like = [name for name in names if name == column]
        if not like:
            like = [name for name in names if plain_name(name) == plain_name(column)]
        if not like:
            near = nearest(column, names)
            told = f"did you mean {near!r}? " if near else ""
            raise ShopFileError(
                f"{where} has no column {column!r}; {told}Its columns: {listed(names, 20)}"
            )
        if len(like) > 1:
            raise TableError(f"{where} has several columns named {column!r}: {listed(like)}")
        found[column] = like[0]
        if like[0] != column:
            file.note(f"the column {like[0]!r} is read for {column!r}")
    taken: dict[str, str] = {}
    for column, name in found.items():
        if name in taken:
            raise ShopFileError(
                f"{file.source}: {columns[column]}: {column!r} and {taken[name]!r} are the same "
                f"column {name!r} of {file.shown}; write it in one way"
            )
        taken[name] = column
    return found
