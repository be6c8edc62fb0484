"""The type that parts of one column come down to, where they were stored in several."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pyarrow as pa

from tfmm.data.tables.cells import as_text


def plain_kind(kind: pa.DataType) -> pa.DataType:
    """The type that the many ways of storing text and lists come down to."""
    if pa.types.is_dictionary(kind):
        return plain_kind(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if is_list(kind):
        return pa.list_(plain_kind(kind.value_type))
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether cells are lists of any of Arrow's types of lists."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in lists)


def common_kind(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    """The type that holds the cells of all these; None where there is none.

    Numbers widen, and are text beside text; times are UTC in microseconds where units or zones
    differ. Times with a zone and without do not mix: which moment the latter are is not known.

    ```python
    import pyarrow as pa

    from tfmm.data.tables.typed.kinds import common_kind

    common_kind([pa.int32(), pa.string()])  # string
    ```
    """
    distinct = list(dict.fromkeys(map(plain_kind, kinds)))
    start: pa.DataType | None = pa.null()
    return reduce(lambda one, other: one and _both(one, other), distinct, start)


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if one == other:
        return one
    if pa.types.is_null(one) or pa.types.is_null(other):
        return other if pa.types.is_null(one) else one
    if is_list(one) and is_list(other):
        inner = _both(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    if pa.types.is_nested(one) or pa.types.is_nested(other):
        return None
    if _is_moment(one) and _is_moment(other):
        zones = [getattr(kind, "tz", None) for kind in (one, other)]
        if (zones[0] is None) != (zones[1] is None):
            return None
        return pa.timestamp("us", zones[0] and "UTC")
    if pa.types.is_string(one) or pa.types.is_string(other):
        # What text writes of a time or of bytes is not what Arrow writes of them.
        apart = [kind for kind in (one, other) if _is_moment(kind) or pa.types.is_binary(kind)]
        return None if apart else pa.string()
    fields = [pa.schema([("", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _is_moment(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def cast_column(column: pa.ChunkedArray, kind: pa.DataType, where: str) -> pa.ChunkedArray:
    """The cells in a type of `common_kind`.

    Args:
        column: the cells.
        kind: the type.
        where: the file and column, for errors.

    Raises:
        ArrowException: for a number that the type does not hold exactly.
    """
    plain = column.cast(plain_kind(column.type))
    if pa.types.is_string(kind):
        return as_text(plain, where)
    # Below a microsecond, which is what times are read to, nothing is looked at.
    return plain.cast(kind, safe=not pa.types.is_timestamp(kind))
