"""The tables of a folder, each by a sample of its first rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pyarrow as pa

from tfmm.data.guess.column import MEDIA_ENDINGS, Column
from tfmm.data.shop_file.formats import FormatForm
from tfmm.data.shop_file.specs import FormatSpec, ShopFileError
from tfmm.data.tables import read_table
from tfmm.data.tables.excel import WORKBOOKS, sheet_names
from tfmm.data.tables.file import TableFile
from tfmm.data.tables.read import TABLES
from tfmm.data.tables.typed.parquet import is_parquet_folder

#: Rows that are looked at.
ROWS = 200_000
_UNKNOWN = (".dat", ".data")
_NO_TABLE = re.compile(r"(?i)(readme|licen[cs]e|changelog|notice|requirements)\b")
_NO_NAME = re.compile(r"[-+]?[\d.,:/ ]+")


@dataclass(frozen=True, eq=False)
class Sample:
    """The first rows of a table.

    Args:
        table: its file, as a shop file names it.
        cells: the rows that were read, all columns.
        whole: whether those are all.
        notes: what was found out about its dialect.
        format: what a shop file has to say of its dialect.
    """

    table: str
    cells: pa.Table
    whole: bool
    notes: tuple[str, ...] = ()
    format: dict[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """By name, those that have one."""
        names = [name for name in self.cells.column_names if name.strip()]
        return {name: Column.of(name, self.cells.column(name), self.table) for name in names}

    @property
    def spec(self) -> FormatSpec:
        """Its dialect, as far as it is not found."""
        return _spec(self.format)

    @property
    def of_rows(self) -> str:
        """How many rows were looked at, in words."""
        return f"{self.cells.num_rows:,} rows" if self.whole else f"the first {ROWS:,} rows"


def find_tables(folder: Path) -> tuple[list[Sample], list[str]]:
    """The tables in a folder, and why other files that look like tables are none.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}; expected one that holds tables.")
    samples, left = [], []
    for table in _candidates(folder):
        try:
            samples.append(_sample(folder, table))
        except (ShopFileError, OSError) as error:
            left.append(f"{table}: {str(error).rpartition(': ')[2]}")
    return samples, left


def _candidates(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_", "~$")) or _NO_TABLE.match(path.name):
            continue
        if path.is_dir():
            if is_parquet_folder(path):
                yield path.name
            continue
        ending = TableFile(path, path.name, "").ending
        if ending in WORKBOOKS:
            yield from (f"{path.name}#{sheet}" for sheet in sheet_names(path))
        elif ending == ".zip":
            yield from _members(path)
        elif ending in (*TABLES, *_UNKNOWN):
            yield path.name


def _members(path: Path) -> Iterator[str]:
    try:
        with ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (BadZipFile, OSError):
        names = []
    for name in names:
        if TableFile(Path(name), name, "").ending in TABLES:
            yield f"{path.name}#{name}"


def _sample(folder: Path, table: str) -> Sample:
    ending = TableFile(folder / table, table, "").ending
    format = {"delimiter": "tab"} if ending in _UNKNOWN else {}
    read = read_table(folder / table, None, "tfmm init", _spec(format), ROWS)
    names = read.table.column_names
    if not read.table.num_rows:
        raise ShopFileError("it has no rows")
    if len(names) < 2:
        raise ShopFileError("it has a single column")
    if any(map(_is_value, names)):
        raise ShopFileError("its first line is no line of column names; add one to use it")
    whole = read.table.num_rows < ROWS
    return Sample(table, read.table, whole, tuple(read.notes), format)


def _is_value(name: str) -> bool:
    """Whether what stands in the first line is a value, not a name."""
    plain = name.strip().lower()
    return bool(_NO_NAME.fullmatch(plain)) or plain.endswith(MEDIA_ENDINGS["image"])


def _spec(format: dict[str, str]) -> FormatSpec:
    return FormatForm.model_validate(format).spec()
