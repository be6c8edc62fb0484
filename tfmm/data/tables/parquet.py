"""Reading Parquet: a file, or a folder of them that is one table."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from tfmm.data.tables.file import TableFile
from tfmm.data.tables.header import match_columns


def read_parquet(
    file: TableFile, columns: Mapping[str, str] | None, rows: int | None = None
) -> pa.Table:
    """The columns, in their own types.

    Raises:
        ShopFileError: for a column that the table lacks.
    """
    found = match_columns(file, pa.parquet.ParquetDataset(file.path).schema.names, columns)
    if rows is None:
        table = pa.parquet.read_table(file.path, columns=list(found.values()))
    else:
        table = pa.dataset.dataset(file.path).head(rows, columns=list(found.values()))
    table = table.select(list(found.values())).rename_columns(list(found))
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
