"""The checks that every index makes of the candidates it is given."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index.padding import NO_ROW

_SHOWN = 5
_CHECK_ROWS = 65_536


def check_vectors(vectors: Any, name: str = "candidates") -> NDArray[np.float32]:
    """Returns vectors as float32 `[N, D]`, N and D at least 1, every value finite.

    Args:
        vectors: `[N, D]` array or tensor of a floating type, 16 to 64 bits (bfloat16 included).
        name: what to call them in errors.

    Raises:
        ValueError: wrong rank, no rows or no columns, or NaN or infinite values; the message says
            how many rows are affected and names the first.
        TypeError: not numbers of a floating type.
    """
    array = vectors.numpy() if tf.is_tensor(vectors) else np.asarray(vectors)
    floating = array.dtype == tf.bfloat16.as_numpy_dtype or array.dtype.kind == "f"
    if not floating:
        raise TypeError(
            f"`{name}` must be floating-point vectors (float16 to float64), but their dtype is "
            f"{array.dtype}. To resolve this, pass embeddings, and ids as identifiers."
        )
    if array.ndim != 2:
        raise ValueError(
            f"`{name}` must be a matrix [N, D], one row for each vector, but their shape is "
            f"{list(array.shape)}."
        )
    if not array.size:
        raise ValueError(
            f"`{name}` are empty (shape {list(array.shape)}): at least one vector of at least one "
            "dimension is needed."
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    bad = np.concatenate(
        [
            start + np.flatnonzero(~np.isfinite(array[start : start + _CHECK_ROWS]).all(axis=1))
            for start in range(0, len(array), _CHECK_ROWS)
        ]
    )
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(array)} rows of `{name}` hold NaN, infinity or a number past "
            f"float32; the first rows are {_listed(bad.tolist())}. To resolve this, look at what "
            "made these vectors: a diverged training and missing input are the usual causes."
        )
    return array


def check_identifiers(identifiers: Any, n: int) -> tf.Tensor:
    """Returns identifiers as a string or integer tensor `[n]`, all distinct.

    Raises:
        ValueError: wrong rank or length, identifiers that occur twice, or one that is kept for
            padding ("" or -1); the message names them.
        TypeError: neither strings nor integers.
    """
    array = identifiers.numpy() if tf.is_tensor(identifiers) else np.asarray(identifiers)
    if array.ndim != 1:
        raise ValueError(
            f"`identifiers` must be one for each candidate, shape [N], but their shape is "
            f"{list(array.shape)}."
        )
    if len(array) != n:
        raise ValueError(
            f"`candidates` and `identifiers` must be of the same length, but there are {n} "
            f"candidates and {len(array)} identifiers."
        )
    values: list[Any] = array.tolist()
    strings = all(isinstance(value, (str, bytes)) for value in values)
    if not strings and array.dtype.kind not in "iu":
        wrong = next(value for value in values if not isinstance(value, (str, bytes)))
        raise TypeError(
            f"`identifiers` must be strings or integers, but one is {wrong!r} "
            f"({type(wrong).__name__})."
        )
    if strings:
        values = [value.encode() if isinstance(value, str) else value for value in values]
    reserved: Any = b"" if strings else NO_ROW
    if reserved in values:
        shown = '""' if strings else NO_ROW
        raise ValueError(
            f"Row {values.index(reserved)} of `identifiers` is {shown}, which is kept for padding "
            "where fewer than k candidates are left. To resolve this, give that candidate another "
            "identifier."
        )
    check_distinct(values, "identifiers")
    if strings:
        return tf.constant(values, tf.string)
    return tf.constant(array, tf.int32 if array.dtype == np.int32 else tf.int64)


def check_distinct(values: list[Any], name: str) -> None:
    """Refuses values that occur more than once, naming them.

    Raises:
        ValueError: with the number of such values and the first ones.
    """
    if len(set(values)) == len(values):
        return
    repeated = [
        value.decode(errors="replace") if isinstance(value, bytes) else value
        for value, count in Counter(values).items()
        if count > 1
    ]
    raise ValueError(
        f"`{name}` must be distinct, but {len(repeated)} occur more than once: "
        f"{_listed(repeated)}. To resolve this, drop the repeated rows."
    )


def _listed(values: list[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown}, …"
