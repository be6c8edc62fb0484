"""Reading Parquet: a file, or a folder of them that is one table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet

from tfmm.data.progress import Bar
from tfmm.data.tables.delimited import first_rows
from tfmm.data.tables.file import TableFile, listed
from tfmm.data.tables.header import match_columns
from tfmm.data.tables.typed.kinds import cast_column, common_kind, plain_kind

PARQUET = (".parquet", ".pq")
# What Hive writes for a partition of rows that have no value.
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_BATCH = 1 << 16
# Rows that are read before a bar is told.
_STEP = 1 << 20


@dataclass(frozen=True)
class _Part:
    """A file of a table.

    Args:
        path: where it is.
        shown: what messages call it.
        schema: what it stores.
        rows: how many rows it has.
        keys: what the names of its folders say of all its rows, by column.
    """

    path: Path
    shown: str
    schema: pa.Schema
    rows: int
    keys: dict[str, str | None]

    def kind(self, name: str) -> pa.DataType | None:
        """A column's type; None where it lacks the column, or has no row that would tell."""
        if not self.rows:
            return None
        if name in self.schema.names:
            return self.schema.field(name).type
        return pa.string() if name in self.keys else None

    def read(self, names: Sequence[str], rows: int, bar: Bar) -> dict[str, pa.ChunkedArray]:
        """Its first so many rows, of those columns that it has; tells a bar of them."""
        stored = [name for name in names if name in self.schema.names]
        schema = pa.schema([self.schema.field(name) for name in stored])
        with pa.parquet.ParquetFile(self.path) as file:
            if rows >= self.rows:
                table = _whole(file, stored, bar)
            else:
                batches = file.iter_batches(min(rows, _BATCH), columns=stored)
                table = first_rows((batch.select(stored) for batch in batches), schema, rows)
        cells = {name: table.column(name) for name in stored}
        for name in set(names).difference(stored).intersection(self.keys):
            value = pa.scalar(self.keys[name], pa.string())
            cells[name] = pa.chunked_array([pa.repeat(value, min(rows, self.rows))])
        return cells


def _whole(file: pa.parquet.ParquetFile, names: Sequence[str], bar: Bar) -> pa.Table:
    """All rows, some millions of cells at a time, which is what threads share."""
    about = file.metadata
    tables, groups, rows = [], list[int](), 0
    for group in range(about.num_row_groups):
        groups.append(group)
        rows += about.row_group(group).num_rows
        if rows >= _STEP or group == about.num_row_groups - 1:
            tables.append(file.read_row_groups(groups, columns=list(names)))
            bar.advance(rows)
            groups, rows = [], 0
    return pa.concat_tables(tables) if tables else file.read(columns=list(names))


def read_parquet(
    file: TableFile, columns: Mapping[str, str] | None, rows: int | None = None
) -> pa.Table:
    """The columns, in their own types; those that parts store in several come in a common one.

    The names of folders such as `year=2024` are columns of text, as cells of CSV are.

    Raises:
        TableError: for a file that is no Parquet, and a column whose types have none in common.
        ShopFileError: for a column that the table lacks.
    """
    parts = list(_parts(file))
    if not parts:
        raise file.error("it holds no file of Parquet")
    names = dict.fromkeys(name for part in parts for name in (*part.schema.names, *part.keys))
    found = match_columns(file, _repeated(parts, list(names)), columns)
    kinds = {name: _kind(file, parts, name) for name in found.values()}
    schema = pa.schema([*kinds.items()])
    tables, left = [], sum(part.rows for part in parts) if rows is None else rows
    with Bar(left, f"reading {file.shown}", unit="rows") as bar:
        for part in parts:
            if left and part.rows:
                tables.append(_shaped(file, part, kinds, left, bar))
                left -= tables[-1].num_rows
    return pa.concat_tables(tables or [schema.empty_table()]).rename_columns(list(found))


def is_parquet_folder(folder: Path) -> bool:
    """Whether a folder is a table: files of Parquet, in it or in folders such as `year=2024`."""
    return any(
        is_parquet_folder(path) if path.is_dir() and "=" in path.name else path.suffix in PARQUET
        for path in folder.iterdir()
    )


def _parts(file: TableFile) -> Iterator[_Part]:
    if not file.path.is_dir():
        yield _part(file, file.path, file.shown, {})
        return
    for top, folders, names in os.walk(file.path, followlinks=True):
        # What Spark and others leave beside their parts: _SUCCESS, .part-0.parquet.crc.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        inside = Path(top).relative_to(file.path)
        keys = dict(_key(name) for name in inside.parts if "=" in name)
        for name in sorted(name for name in names if not name.startswith((".", "_"))):
            yield _part(file, Path(top) / name, str(Path(file.shown) / inside / name), keys)


def _part(file: TableFile, path: Path, shown: str, keys: dict[str, str | None]) -> _Part:
    try:
        about = pa.parquet.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise file.error(f"{shown} is no file of Parquet: {error}") from error
    return _Part(path, shown, about.schema.to_arrow_schema(), about.num_rows, keys)


def _key(folder: str) -> tuple[str, str | None]:
    name, _, value = folder.partition("=")
    return unquote(name), None if value == _NO_VALUE else unquote(value)


def _repeated(parts: Sequence[_Part], names: list[str]) -> list[str]:
    """The names, those as often as a part has them that has several of one."""
    return [
        name
        for name in names
        for _ in range(max(max(p.schema.names.count(name), 1) for p in parts))
    ]


def _kind(file: TableFile, parts: Sequence[_Part], name: str) -> pa.DataType:
    """The type that a column is read in; what that does to parts of it goes into the report."""
    first: dict[pa.DataType, _Part] = {}
    lacking = []
    for part in parts:
        kind = part.kind(name)
        if kind is not None:
            first.setdefault(plain_kind(kind), part)
        elif part.rows:
            lacking.append(part.shown)
    common = common_kind(first)
    told = ", ".join(f"{kind} in {part.shown}" for kind, part in first.items())
    if common is None:
        raise file.error(f"the column {name!r} is {told}; write it in one type")
    if lacking:
        file.note(
            f"{len(lacking):,} of {len(parts):,} files have no column {name!r}, such as "
            f"{listed(lacking, 1)}; it is empty there"
        )
    if len({*first} - {pa.null()}) > 1:
        file.note(f"the column {name!r} is read as {common}: {told}")
    return common


def _shaped(
    file: TableFile, part: _Part, kinds: Mapping[str, pa.DataType], rows: int, bar: Bar
) -> pa.Table:
    """The first rows of a part, in the types of the table."""
    cells = part.read(list(kinds), rows, bar)
    count = min(rows, part.rows)
    shaped = []
    for name, kind in kinds.items():
        where = f"{file.source}: {part.shown}: the column {name!r}"
        if name not in cells:
            shaped.append(pa.chunked_array([pa.nulls(count, kind)]))
            continue
        try:
            shaped.append(cast_column(cells[name], kind, where))
        except pa.ArrowException as error:
            raise file.error(
                f"{part.shown}: the column {name!r} cannot be read as {kind}: {error}"
            ) from error
    return pa.table(shaped, schema=pa.schema([*kinds.items()]))
