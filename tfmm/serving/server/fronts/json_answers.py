"""Answers in TensorFlow Serving's JSON, as `tensorflow_model_server` 2.20 was recorded to write it.

A float has six digits where they suffice, nine otherwise (seventeen for a double), and always a
point or an exponent; strings go out raw unless the output's name ends in `_bytes`; errors quote
JSON indented by four with arrays on one line.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from tensorflow_serving.apis import classification_pb2, regression_pb2

from tfmm.serving.server import tensors
from tfmm.serving.server.errors import StatusError


def _invalid(message: str) -> StatusError:
    return StatusError("INVALID_ARGUMENT", message)


class _Raw(str):
    """Text that is JSON already."""


def quote(value: Any) -> str:
    """A parsed JSON value as TensorFlow Serving quotes it in errors."""
    return _render(value, 0, True)


def _render(value: Any, depth: int, single_line: bool) -> str:
    if isinstance(value, _Raw):
        return value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return _decimal_text(value, ".17g", value)
    if isinstance(value, dict):
        if not value:
            return "{}"
        indent = "\n" + "    " * (depth + 1)
        members = (
            f"{indent}{_render(key, depth, single_line)}: {_render(item, depth + 1, single_line)}"
            for key, item in value.items()
        )
        return "{" + ",".join(members) + "\n" + "    " * depth + "}"
    if isinstance(value, list):
        if not value:
            return "[]"
        items = [_render(item, depth + 1, single_line) for item in value]
        if single_line:
            return "[" + ", ".join(items) + "]"
        indent = "\n" + "    " * (depth + 1)
        return "[" + indent + ("," + indent).join(items) + "\n" + "    " * depth + "]"
    return json.dumps(value)


def _decimal_text(value: float, full: str, back: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("-Infinity" if value < 0 else "Infinity")
    text = format(value, "g" if back == value else full)
    return text if "." in text or "e" in text else text + ".0"


def _float_texts(values: np.ndarray) -> list[_Raw]:
    """JSON of each float: six digits if they say which float it is, else all that are needed."""
    full = ".9g" if values.dtype == np.float32 else ".17g"
    listed = values.tolist()
    with np.errstate(over="ignore"):
        back = np.array([float(f"{value:g}") for value in listed]).astype(values.dtype).tolist()
    return [
        _Raw(_decimal_text(value, full, again)) for value, again in zip(listed, back, strict=True)
    ]


def _leaves(name: str, array: np.ndarray) -> list[Any]:
    if array.dtype in (np.float32, np.float64):
        return _float_texts(array.ravel())
    if array.dtype == object:
        if name.endswith("_bytes"):
            return [{"b64": base64.b64encode(item).decode("ascii")} for item in array.ravel()]
        return [item.decode("utf-8", "surrogateescape") for item in array.ravel()]
    if array.dtype == bool or array.dtype.name in (
        "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64",
    ):  # fmt: skip
        return array.ravel().tolist()
    raise _invalid(f"Failed to write JSON value for tensor type: {tensors.array_dtype_name(array)}")


def _nested(leaves: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(leaves)
    return [_nested(leaves, shape[1:]) for _ in range(shape[0])]


def predict_answer(outputs: Mapping[str, np.ndarray], by_row: bool) -> bytes:
    """The body of an answer to predict, in the request's format.

    Raises:
        StatusError: in row format, outputs that are not one row for each instance.
    """
    if not outputs:
        raise _invalid("Cannot convert empty tensor map to JSON")
    if by_row:
        _check_rows(outputs)
    values = {n: _nested(iter(_leaves(n, array)), array.shape) for n, array in outputs.items()}
    only = next(iter(values.values())) if len(values) == 1 else None
    if not by_row:
        return _body({"outputs": values if only is None else only}, single_line=False)
    rows = only
    if only is None:
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        texts = ["\n        " + _render(row, 2, True) for row in rows]
        return _encode_body('{\n    "predictions": [' + ",".join(texts) + "\n    ]\n}")
    return _rows_body("predictions", rows)


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    batch = 0
    for name, array in outputs.items():
        if array.ndim == 0:
            raise _invalid(f"Tensor name: {name} has no shape information ")
        if len(array) < 1:
            raise _invalid(f"Tensor name: {name} has invalid batch size: {len(array)}")
        if batch and len(array) != batch:
            raise _invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}"
            )
        batch = len(array)


def _rows_body(key: str, rows: Any) -> bytes:
    items = ", ".join(_render(row, 2, True) for row in rows)
    return _encode_body(f'{{\n    "{key}": [{items}\n    ]\n}}')


def classify_answer(result: classification_pb2.ClassificationResult) -> bytes:
    """The body of an answer to classify."""
    rows = []
    for entry in result.classifications:
        scores = _float_texts(np.array([c.score for c in entry.classes], np.float32))
        labels = [c.label for c in entry.classes]
        rows.append([[label, score] for label, score in zip(labels, scores, strict=True)])
    return _rows_body("results", rows)


def regress_answer(result: regression_pb2.RegressionResult) -> bytes:
    """The body of an answer to regress."""
    values = np.array([entry.value for entry in result.regressions], np.float32)
    return _body({"results": list(_float_texts(values))}, single_line=True)


def error_answer(message: str) -> bytes:
    """The body of an error."""
    return _body({"error": message}, single_line=False)


def _body(value: Any, single_line: bool) -> bytes:
    return _encode_body(_render(value, 0, single_line))


def _encode_body(text: str) -> bytes:
    # Bytes that are no UTF-8 go out as they are, which is what TensorFlow Serving does with
    # strings.
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
