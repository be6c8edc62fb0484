"""Reading delimited tables: CSV and its kin, in the dialect that they are in."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv

from tfmm.data.tables.dialect import Dialect, find_dialect, rows_of
from tfmm.data.tables.encoding import HEAD, check_encoding, find_encoding, is_utf8, sample
from tfmm.data.tables.file import TableFile
from tfmm.data.tables.header import match_columns

# A row may not be longer than a block; 16 MiB holds any description a shop writes.
BLOCK = 1 << 24


def read_delimited(
    file: TableFile, columns: Mapping[str, str] | None, rows: int | None = None
) -> tuple[pa.Table, list[str]]:
    """The columns as text, "" where a cell is empty, and the lines of too many or too few cells.

    Raises:
        TableError: for an empty file, and for a byte that is not of the file's encoding.
        ShopFileError: for a column that the table lacks.
    """
    data = sample(file)
    encoding = find_encoding(file, data)
    # UTF-16's decoder takes off the mark that says its order; so does that of marked UTF-8.
    text = codecs.getincrementaldecoder(encoding)("replace").decode(data[:HEAD])
    if not text.strip():
        raise file.error("it is empty; expected a line of column names and a row a line")
    dialect = find_dialect(file, text, columns or ())
    try:
        return _read(file, columns, dialect, encoding, rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if not (isinstance(error, UnicodeDecodeError) or "UTF8" in str(error)):
            raise
        if encoding == "utf-8" and data.isascii() and file.format.encoding is None:
            return _read_late(file, columns, dialect, rows)
        check_encoding(file, encoding)
        raise


def _read_late(
    file: TableFile, columns: Mapping[str, str] | None, dialect: Dialect, rows: int | None
) -> tuple[pa.Table, list[str]]:
    """Reads a file whose sample was ASCII alone, by the first lines that are not."""
    telling: list[bytes] = []
    with file.open() as stream:
        for line in stream:
            if not line.isascii():
                telling.append(line)
                if len(telling) == 1000:
                    break
    encoding = find_encoding(file, b"".join(telling))
    try:
        return _read(file, columns, dialect, encoding, rows)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        check_encoding(file, encoding)
        raise


def _read(
    file: TableFile,
    columns: Mapping[str, str] | None,
    dialect: Dialect,
    encoding: str,
    rows: int | None,
) -> tuple[pa.Table, list[str]]:
    if dialect.spaced:
        return _read_by_row(file, columns, dialect, encoding, rows)
    bad: list[str] = []

    def skip(row: Any) -> str:
        bad.append(
            f"{row.actual_columns} cells for {row.expected_columns} columns: {row.text[:80]!r}"
        )
        return "skip"

    read = pa.csv.ReadOptions(
        block_size=BLOCK,
        column_names=file.format.header,
        skip_rows=dialect.skip,
        encoding="utf8" if is_utf8(encoding) else encoding,
    )
    parse = pa.csv.ParseOptions(
        delimiter=dialect.delimiter,
        quote_char=dialect.quote or False,
        escape_char=dialect.escape or False,
        newlines_in_values=bool(dialect.quote),
        invalid_row_handler=skip,
    )
    with pa.csv.open_csv(file.path, read, parse, pa.csv.ConvertOptions()) as reader:
        names = reader.schema.names
    bad.clear()
    found = match_columns(file, names, columns)
    # Ids, dates and categories lose their form (leading zeros, "1.0") to type inference.
    convert = pa.csv.ConvertOptions(
        include_columns=list(found.values()),
        column_types={name: pa.string() for name in found.values()},
        strings_can_be_null=False,
    )
    if rows is None:
        with file.counted() as source:
            table = pa.csv.read_csv(source, read, parse, convert)
    else:
        with pa.csv.open_csv(file.path, read, parse, convert) as reader:
            table = first_rows(reader, reader.schema, rows)
    return table.rename_columns(list(found)), bad


def first_rows(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> pa.Table:
    """The first so many rows; no batch is asked for after they are there."""
    read: list[pa.RecordBatch] = []
    for batch in batches:
        read.append(batch)
        if sum(map(len, read)) >= rows:
            break
    return pa.Table.from_batches(read, schema).slice(0, rows)


def _read_by_row(
    file: TableFile,
    columns: Mapping[str, str] | None,
    dialect: Dialect,
    encoding: str,
    most: int | None,
) -> tuple[pa.Table, list[str]]:
    """Reads what Arrow does not: tables with spaces before their quotes."""
    with io.TextIOWrapper(file.open(), encoding, newline="") as stream:
        rows = (row for row in rows_of(islice(stream, dialect.skip, None), dialect) if row)
        names = list(file.format.header or next(rows))
        found = match_columns(file, names, columns)
        places = [names.index(name) for name in found.values()]
        cells: list[list[str]] = [[] for _ in places]
        bad = []
        for row in islice(rows, most):
            if len(row) != len(names):
                text = dialect.delimiter.join(row)[:80]
                bad.append(f"{len(row)} cells for {len(names)} columns: {text!r}")
                continue
            for values, place in zip(cells, places, strict=True):
                values.append(row[place])
    arrays = [pa.array(values, pa.string()) for values in cells]
    return pa.table(arrays, names=list(found)), bad
