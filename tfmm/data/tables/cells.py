"""Cells of Arrow columns as text, numbers and codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.tables.errors import TableError

# Integers beyond this are not exact as the floats that JSON readers fall back to.
EXACT = 2.0**53


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
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), EXACT))
        digits = pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(digits, values.cast(pa.string()))
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise TableError(f"{where} holds {kind}, which cannot be read as text") from error


def one_array(texts: pa.ChunkedArray) -> pa.Array:
    """The cells in one piece."""
    made = texts.combine_chunks()
    return pa.concat_arrays(made.chunks) if isinstance(made, pa.ChunkedArray) else made


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
