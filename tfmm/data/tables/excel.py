"""Reading Excel's workbooks: one sheet is a table, its first row the names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfmm.data.progress import progress
from tfmm.data.tables.file import TableFile, listed
from tfmm.data.tables.header import header_row, match_columns, plain_name
from tfmm.data.tables.values import as_column

WORKBOOKS = (".xlsx", ".xlsm")


def read_excel(file: TableFile, columns: Mapping[str, str] | None) -> pa.Table:
    """The columns of the sheet that the table names, or of the only one that has them.

    Raises:
        TableError: for a file that is no workbook, and where it is not clear which sheet is meant.
        ShopFileError: for a column that the sheet lacks.
    """
    # Imported here: few shops need it.
    from python_calamine import CalamineError, load_workbook

    try:
        with load_workbook(file.path) as book:
            sheet = _sheet(file, book, columns)
    except CalamineError as error:
        raise file.error(f"it is no workbook of Excel's: {error}") from error
    above = _above(file, sheet, columns)
    if above and file.format.skip is None:
        first = next(_name(cell) for cell in sheet[0] if cell not in ("", None))
        file.note(f"{above} rows above the columns' names are left out, the first {first[:40]!r}")
    header = [_name(cell) for cell in sheet[above]]
    found = match_columns(file, header, columns)
    cells = {}
    for column, name in progress(
        found.items(), len(found), f"reading {file.shown}", unit="columns"
    ):
        place = header.index(name)
        values = [
            (f"row {row}", _value(line[place]))
            for row, line in enumerate(sheet[above + 1 :], above + 2)
        ]
        cells[column] = as_column(file, column, values)
    return pa.table(cells)


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook that hold rows; none of a file that is no workbook."""
    from python_calamine import CalamineError, load_workbook

    try:
        with load_workbook(path) as book:
            return [name for name in book.sheet_names if _rows(book, name)]
    except CalamineError:
        return []


def _rows(book: Any, name: str) -> list[list[Any]]:
    """A sheet's rows that are not blank."""
    rows = book.get_sheet_by_name(name).to_python()
    return [row for row in rows if any(cell not in ("", None) for cell in row)]


def _sheet(file: TableFile, book: Any, columns: Mapping[str, str] | None) -> list[list[Any]]:
    names = [file.part] if file.part else book.sheet_names
    if file.part and file.part not in book.sheet_names:
        raise file.error(f"it has no sheet {file.part!r}; its sheets: {listed(book.sheet_names)}")
    sheets = progress(names, len(names), f"reading {file.shown}", unit="sheets")
    filled = {name: rows for name in sheets if (rows := _rows(book, name))}
    if len(filled) > 1:
        asked = {plain_name(name) for name in columns or ()}
        fitting = [
            name
            for name, rows in filled.items()
            if asked <= {*map(_plain, rows[_above(file, rows, columns)])}
        ]
        if len(fitting) != 1:
            raise file.error(
                f"it is not clear which sheet is meant; say `table: {file.shown}#SHEET` with one "
                f"of {listed([*filled])}"
            )
        filled = {fitting[0]: filled[fitting[0]]}
        file.note(f"sheet {fitting[0]!r}, the only one with these columns")
    rows = next(iter(filled.values()), [])
    if not rows:
        raise file.error("it has no rows; expected a row of column names and the rows under it")
    return rows


def _above(file: TableFile, rows: list[list[Any]], columns: Mapping[str, str] | None) -> int:
    """How many rows are above that of the names."""
    if file.format.skip is not None:
        return min(file.format.skip, len(rows) - 1)
    texts = [["" if cell is None else _name(cell) for cell in row] for row in rows[:200]]
    return header_row(texts, columns or ())


def _name(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _plain(cell: Any) -> str:
    return plain_name(_name(cell))


def _value(cell: Any) -> Any:
    return None if cell == "" else cell
