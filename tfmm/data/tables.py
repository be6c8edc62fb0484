"""Reading tables: CSV, TSV (also compressed), JSONL and Parquet, only the columns asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from numpy.typing import NDArray

from tfmm.config.names import hint
from tfmm.data.shop_file.specs import ShopFileError

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".inter": "\t"}
_JSONL = (".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")
_COMPRESSED = (".gz", ".bz2")
# A row may not be longer than a block; 16 MiB holds any description a shop writes.
_BLOCK = 1 << 24
# Integers beyond this are not exact as the floats that JSON readers fall back to.
_EXACT = 2.0**53


class TableError(ShopFileError):
    """A table that is missing or cannot be read."""


def read_table(
    path: Path, columns: Mapping[str, str], source: str = "the shop"
) -> tuple[pa.Table, list[str]]:
    """Reads the columns of a table, rows in file order.

    Cells of CSV and TSV come as text, "" where empty; JSONL and Parquet keep their types.

    Args:
        path: the file; its ending says the format (.csv, .tsv, .tab, .inter, .jsonl, .ndjson, each
            also with .gz or .bz2; .parquet, .pq or a folder of Parquet files).
        columns: the columns to read, each with the key of the shop file that asks for it.
        source: the shop file's name, for errors.

    Returns:
        The table, and the lines left out because they hold too many or too few cells.

    Raises:
        TableError: when the file is missing or broken.
        ShopFileError: for a column that the table lacks, naming the nearest that it has.
    """
    if not path.exists():
        raise TableError(
            f"{source}: there is no table {path}; tables are relative to `root`, and environment "
            "variables in it, such as TFMM_DATA, must point to where the data is"
        )
    endings = [ending.lower() for ending in path.suffixes]
    compression = endings.pop() if endings and endings[-1] in _COMPRESSED else ""
    ending = endings[-1] if endings else ""
    try:
        if path.is_dir() or ending in _PARQUET:
            return _read_parquet(path, columns, source), []
        if ending in _DELIMITERS:
            return _read_delimited(path, _DELIMITERS[ending], columns, source)
        if ending in _JSONL:
            return _read_jsonl(path, compression, columns, source), []
    except (pa.ArrowException, OSError, EOFError) as error:
        raise TableError(f"{source}: cannot read {path}: {error}") from error
    raise TableError(
        f"{source}: cannot tell the format of {path} from its ending; known: "
        f"{', '.join((*_DELIMITERS, *_JSONL))}, also with .gz or .bz2; {', '.join(_PARQUET)}"
    )


def _check_columns(path: Path, names: list[str], columns: Mapping[str, str], source: str) -> None:
    for column, key in columns.items():
        if column not in names:
            raise ShopFileError(
                f"{source}: {key}: {path.name} has no column {column!r}; {hint(column, names)}"
            )
        if names.count(column) > 1:
            raise TableError(f"{source}: {key}: {path.name} has several columns named {column!r}")


def _read_parquet(path: Path, columns: Mapping[str, str], source: str) -> pa.Table:
    names = pa.parquet.ParquetDataset(path).schema.names
    _check_columns(path, names, columns, source)
    table = pa.parquet.read_table(path, columns=list(columns))
    return table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that the many ways in which Parquet stores text and lists come down to."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if _is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in lists)


def _read_delimited(
    path: Path, delimiter: str, columns: Mapping[str, str], source: str
) -> tuple[pa.Table, list[str]]:
    bad: list[str] = []

    def skip(row: Any) -> str:
        bad.append(
            f"{row.actual_columns} cells for {row.expected_columns} columns: {row.text[:80]!r}"
        )
        return "skip"

    read = pa.csv.ReadOptions(block_size=_BLOCK)
    parse = pa.csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
    )
    with pa.csv.open_csv(path, read, parse, pa.csv.ConvertOptions()) as reader:
        names = reader.schema.names
    bad.clear()
    _check_columns(path, names, columns, source)
    # Ids, dates and categories lose their form (leading zeros, "1.0") to type inference.
    convert = pa.csv.ConvertOptions(
        include_columns=list(columns),
        column_types={column: pa.string() for column in columns},
        strings_can_be_null=False,
    )
    return pa.csv.read_csv(path, read, parse, convert), bad


def _read_jsonl(path: Path, compression: str, columns: Mapping[str, str], source: str) -> pa.Table:
    read = pa.json.ReadOptions(block_size=_BLOCK)
    try:
        table = pa.json.read_json(path, read)
        _check_columns(path, table.schema.names, columns, source)
        # Arrow reads text that looks like a time as a time, which an id or a name must survive.
        times = [
            f.name for f in table.schema if f.name in columns and pa.types.is_timestamp(f.type)
        ]
        if times:
            schema = pa.schema([(name, pa.string()) for name in times])
            table = pa.json.read_json(path, read, pa.json.ParseOptions(explicit_schema=schema))
        table = table.select(list(columns))
        if not any(_is_inexact(table.column(column)) for column in columns):
            return table
    except pa.ArrowInvalid:
        pass
    # Columns of mixed types and integers past 64 bits: slower, a line at a time, all cells as text.
    return _read_jsonl_by_line(path, compression, columns, source)


def _is_inexact(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(column.type):
        return False
    largest = pc.max(pc.abs(column)).as_py()
    return largest is not None and largest >= _EXACT


def _read_jsonl_by_line(
    path: Path, compression: str, columns: Mapping[str, str], source: str
) -> pa.Table:
    cells: dict[str, list[Any]] = {column: [] for column in columns}
    names: set[str] = set()
    for number, entry in _json_lines(path, compression, source):
        names.update(entry)
        for column, values in cells.items():
            try:
                values.append(_json_text(entry.get(column)))
            except TypeError as error:
                raise TableError(
                    f"{source}: {path}, line {number}: column {column!r} holds {error}"
                ) from error
    _check_columns(path, sorted(names), columns, source)
    arrays = {}
    for column, values in cells.items():
        if any(isinstance(value, list) for value in values):
            lists = [
                value if value is None or isinstance(value, list) else [value] for value in values
            ]
            arrays[column] = pa.array(lists, pa.list_(pa.string()))
        else:
            arrays[column] = pa.array(values, pa.string())
    return pa.table(arrays)


def _json_lines(path: Path, compression: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with _open(path, compression) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise TableError(f"{source}: {path}, line {number} is not JSON: {error}") from error
            if not isinstance(entry, dict):
                raise TableError(f"{source}: {path}, line {number} is not a JSON object")
            yield number, entry


def _open(path: Path, compression: str) -> io.BufferedIOBase:
    if compression == ".gz":
        return gzip.open(path, "rb")
    return bz2.open(path, "rb") if compression == ".bz2" else path.open("rb")


def _json_text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        return [_json_text(entry) for entry in value if entry is not None]
    raise TypeError("an object, where text, a number or a list was expected")


def as_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """The cells as text; whole floats lose their ".0", NaN and null become null.

    Args:
        column: cells of any scalar type.
        where: the file and column, for errors.

    Raises:
        TableError: for cells that are lists or objects.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        values = column.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), _EXACT))
        digits = pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(digits, values.cast(pa.string()))
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise TableError(f"{where} holds {kind}, which cannot be read as text") from error


def as_numbers(column: pa.ChunkedArray, where: str) -> NDArray[np.float64]:
    """The cells as float64[n]; NaN where empty, null or not a number.

    Raises:
        TableError: for cells that are lists, objects or times.
    """
    kind = column.type
    if pa.types.is_string(kind):
        try:
            filled = pc.if_else(pc.equal(column, ""), None, column)
            column = filled.cast(pa.float64())
        except pa.ArrowInvalid:
            values = pd.to_numeric(pd.Series(column.to_numpy(), dtype=object), errors="coerce")
            return values.to_numpy(np.float64)
    elif pa.types.is_decimal(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        column = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise TableError(f"{where} holds {kind}, which cannot be read as numbers")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def encode(texts: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """Numbers distinct texts in order of first appearance.

    Returns:
        int32[n] codes (-1 where null), and the distinct texts by code.
    """
    encoded = texts.dictionary_encode()
    chunks = encoded.chunks
    if not chunks:
        return np.zeros(0, np.int32), pa.array([], pa.string())
    if any(len(chunk.dictionary) != len(chunks[-1].dictionary) for chunk in chunks):
        chunks = encoded.unify_dictionaries().chunks
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(codes).astype(np.int32, copy=False), chunks[-1].dictionary


def objects(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.object_]:
    """Texts as object[n] of str, "" where null."""
    filled = pc.fill_null(texts, "")
    if isinstance(filled, pa.ChunkedArray):
        return np.asarray(filled.to_numpy(), dtype=object)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=object)
