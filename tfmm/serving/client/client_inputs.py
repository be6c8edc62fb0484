"""Arguments of the client's methods as the arrays that a signature takes; needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfmm.serving.client.transport import Signature

Ids = Iterable[str] | Iterable[Iterable[str]]


def listed(name: str, ids: str | Sequence[str]) -> list[str]:
    """One id or several as a list. Raises TypeError for ids that are no strings."""
    found = [ids] if isinstance(ids, str) else several(name, ids)
    _check_ids(name, found)
    return found


def several(name: str, values: Any) -> list[Any]:
    """The values of something to go through, which text and bytes are not."""
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        raise _no_id(name, values)
    return list(values)


def _check_ids(name: str, ids: Iterable[object]) -> None:
    for value in ids:
        if not isinstance(value, str):
            raise _no_id(name, value)


def _no_id(name: str, value: object) -> TypeError:
    kind, advice = type(value).__name__, ""
    if isinstance(value, bytes):
        advice = " Decode it: value.decode()."
    elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        advice = f" Write {str(value)!r}."
    return TypeError(f"`{name}`: ids are strings, got {value!r} ({kind}).{advice}")


def rows(name: str, values: Any, count: int) -> list[list[str]]:
    """One list of strings for each of `count` requests; a flat list counts for every request.

    Raises:
        ValueError: neither a list of strings nor one for each request.
        TypeError: ids that are no strings.
    """
    given = [values] if isinstance(values, str) else several(name, values)
    if all(isinstance(value, str) for value in given):
        return [[value for value in given if value]] * count
    for value in given:
        if isinstance(value, bytes) or not isinstance(value, Iterable):
            raise _no_id(name, value)
    if any(isinstance(v, str) for v in given):
        raise ValueError(
            f"`{name}`: expected a list of strings, or one list of strings for each request, got "
            f"{given!r}."
        )
    if len(given) != count:
        raise ValueError(
            f"`{name}`: expected one list for each of {count} requests, got {len(given)}."
        )
    made = [several(name, row) for row in given]
    for row in made:
        _check_ids(name, row)
    return [[value for value in row if value] for row in made]


def padded(name: str, given: Sequence[Sequence[str | bytes]], width: int | None) -> np.ndarray:
    """Rows as object[B, width], filled up with ""; without a width as wide as the longest.

    Raises:
        ValueError: a row that is longer.
    """
    longest = max(map(len, given), default=0)
    if width is None:
        width = max(1, longest)
    if longest > width:
        raise ValueError(
            f"`{name}`: the signature takes at most {width} entries a request, a limit fixed at "
            f"export; got {longest}. Send fewer, or export with more room."
        )
    array = np.full((len(given), width), "", object)
    for position, row in enumerate(given):
        array[position, : len(row)] = row
    return array


def _is_rows(value: Any) -> bool:
    """Whether a value is lists of strings, of any lengths."""
    found = value if isinstance(value, (list, tuple)) else ()
    lists = all(isinstance(row, (list, tuple)) for row in found)
    return lists and any(isinstance(one, (str, bytes)) for row in found for one in row)


def as_array(name: str, value: Any, signature: Signature) -> np.ndarray:
    """An input in the signature's dtype, strings as objects of bytes; lists of strings are filled
    up with "" to the width that the signature takes.

    Raises:
        ValueError, TypeError: it cannot become that.
    """
    spec = signature.inputs.get(name)
    dtype = None if spec is None else spec.numpy_dtype
    if spec is not None and spec.shape is not None and len(spec.shape) == 2 and _is_rows(value):
        value = padded(name, value, max(spec.shape[1], 0) or None)
    try:
        array = np.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"input {name!r} cannot become {spec.dtype if spec else 'a tensor'}: {error}"
        ) from None
    if array.dtype.kind not in "USO":
        return array
    encoded = np.empty(array.size, object)
    for position, item in enumerate(array.ravel()):
        if not isinstance(item, (str, bytes)):
            raise TypeError(
                f"input {name!r} must hold strings, got {item!r} ({type(item).__name__}); rows of "
                'different lengths must be padded with "".'
            )
        encoded[position] = (
            item if isinstance(item, bytes) else item.encode("utf-8", "surrogateescape")
        )
    return encoded.reshape(array.shape)
