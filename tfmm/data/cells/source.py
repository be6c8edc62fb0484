"""The rows of a table that features are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.shop_file.specs import ShopFileError


class RowNames(Sequence[str]):
    """Stands for ids where rows have none: "row 1" and so on.

    Args:
        rows: int64[n], each row's place in its table, from 0.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return f"row {self.rows[place] + 1}"


@dataclass(frozen=True)
class Source:
    """The rows that features are read from.

    Args:
        name: "items", "users" or "events", for the report.
        file: the table's file name, for errors.
        shop: the shop file's name, for errors.
        root: the folder that paths are relative to.
        table: the cells, a row for each id.
        ids: object[n], or the names of rows that have none.
        positions: int64[n], each row's place in the table as read.
        n_read: rows of the table as read.
        decimal: the decimal mark of its numbers, where the shop file gives it.
        members: where a row is a product of several rows, those rows, and int64 the row here of
            each.
    """

    name: str
    file: str
    shop: str
    root: Path
    table: pa.Table
    ids: Any
    positions: NDArray[np.int64]
    n_read: int
    decimal: str | None = None
    members: tuple[pa.Table, NDArray[np.int64]] | None = None

    def cells_of_all(self, column: str) -> pa.ChunkedArray:
        """A column's cells, those of all members where rows have several."""
        return self.cells(column) if self.members is None else self.members[0].column(column)

    def cells(self, column: str) -> pa.ChunkedArray:
        if column not in self.table.column_names:
            raise ShopFileError(
                f"{self.shop}: {self.name} has no table, so only its ids "
                f"({self.table.column_names[0]!r}) are known, not the column {column!r}"
            )
        return self.table.column(column)

    def where(self, column: str) -> str:
        return f"{self.shop}: column {column!r} of {self.file}"
