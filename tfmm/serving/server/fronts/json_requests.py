"""Requests in TensorFlow Serving's JSON, read into arrays and examples; refusals in its words.

After the REST API's documented forms (row format `instances`, column format `inputs`, bytes as
`{"b64": …}`) and the recorded behaviour of `tensorflow_model_server` 2.20.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import input_pb2

from tfmm.serving.server import tensors
from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.fronts.json_answers import quote

# A server must not fall to a request of brackets only; no tensor is this deep.
_MAX_DEPTH = 200
_INT_RANGE = {
    types_pb2.DT_INT8: (-(2**7), 2**7 - 1),
    types_pb2.DT_UINT8: (0, 2**8 - 1),
    types_pb2.DT_INT16: (-(2**15), 2**15 - 1),
    types_pb2.DT_INT32: (-(2**31), 2**31 - 1),
    types_pb2.DT_INT64: (-(2**63), 2**63 - 1),
    types_pb2.DT_UINT32: (0, 2**32 - 1),
    types_pb2.DT_UINT64: (0, 2**64 - 1),
}
_FLOATS = {
    types_pb2.DT_FLOAT: ("float", 2**24 - 1, float(np.finfo(np.float32).max)),
    types_pb2.DT_DOUBLE: ("double", 2**53 - 1, float(np.finfo(np.float64).max)),
}
_PARSE_ERRORS = (
    ("Expecting property name", "Missing a name for object member."),
    ("Illegal trailing comma before end of object", "Missing a name for object member."),
    ("Expecting ':'", "Missing a colon after a name of object member."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid \\escape", "Invalid escape character in string."),
    ("Invalid \\uXXXX", "Incorrect hex digit after \\u escape in string."),
    ("Invalid control character", "Invalid encoding in string."),
    ("Expecting ',' delimiter", "Missing a comma or closing bracket after a member or element."),
)
_DECODER = json.JSONDecoder()


def _invalid(message: str) -> StatusError:
    return StatusError("INVALID_ARGUMENT", message)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object a body starts with; text after it is ignored, as TensorFlow Serving does.

    Raises:
        StatusError: no JSON, or no object.
    """
    text = body.decode("utf-8", "surrogateescape").lstrip(" \t\r\n")
    if not text:
        raise _invalid("JSON Parse error: The document is empty")
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        for start, words in _PARSE_ERRORS:
            if error.msg.startswith(start):
                raise _invalid(f"JSON Parse error: {words} at offset: {error.pos}") from None
        raise _invalid(f"JSON Parse error: Invalid value. at offset: {error.pos}") from None
    except (RecursionError, ValueError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _invalid(f"JSON Parse error: {words}") from None
    if not isinstance(value, dict):
        raise _invalid(f"JSON Value: {quote(value)} Is not object")
    return value


def signature_name(document: Mapping[str, Any]) -> str:
    """The request's `signature_name`, "" if it has none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise _invalid(
            f"JSON Value: {quote(document)} not formatted correctly. 'signature_name' key must be "
            "a string value."
        )
    return _encode(name).decode("utf-8", "replace")


def predict_inputs(
    document: Mapping[str, Any], inputs: Mapping[str, meta_graph_pb2.TensorInfo]
) -> tuple[dict[str, np.ndarray], bool]:
    """A predict request's arrays by input name, and whether it is in row format.

    Raises:
        StatusError: what does not fit the signature, and where.
    """
    if "instances" in document and "inputs" in document:
        raise _invalid(
            f"JSON Value: {quote(document)} Not formatted correctly expecting only one of 'inputs' "
            "or 'instances' keys to exist "
        )
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise _invalid(
                f"JSON Value: {quote(document)} Excepting 'instances' to be an list/array"
            )
        if not rows:
            raise _invalid(f"JSON Value: {quote(document)} No values in 'instances' array")
        return _from_rows(rows, inputs), True
    if "inputs" in document:
        return _from_columns(document["inputs"], inputs), False
    raise _invalid("Missing 'inputs' or 'instances' key")


def _from_columns(
    value: Any, inputs: Mapping[str, meta_graph_pb2.TensorInfo]
) -> dict[str, np.ndarray]:
    if not isinstance(value, dict) or _is_base64(value):
        if len(inputs) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        ((name, info),) = inputs.items()
        return {name: _column(value, info.dtype)}
    for name in inputs:
        if name not in value:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _column(value[name], info.dtype) for name, info in inputs.items()}


def _column(value: Any, dtype: int) -> np.ndarray:
    shape = _shape(value)
    flat: list[Any] = []
    _fill(value, 0, shape, dtype, flat)
    return _array(flat, shape, dtype)


def _from_rows(
    rows: list[Any], inputs: Mapping[str, meta_graph_pb2.TensorInfo]
) -> dict[str, np.ndarray]:
    if not isinstance(rows[0], dict) and len(inputs) > 1:
        raise _invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    named = _is_named(rows[0])
    gathered: dict[str, tuple[tuple[int, ...], list[Any]]] = {}
    for position, row in enumerate(rows):
        if named != _is_named(row):
            wanted, got = ("object", "list") if named else ("value/list", "object")
            raise _invalid(f"Expecting {wanted} but got {got} at item {position} of input list")
        for name, value in row.items() if named else ((next(iter(inputs)), row),):
            try:
                _add_row(value, name, inputs, gathered)
            except StatusError as error:
                key = f" key: {name}" if named else ""
                raise _invalid(
                    f"Failed to process element: {position}{key} of 'instances' list. "
                    f"Error: {error.code}: {error.message}"
                ) from None
        if named and row.keys() != set(inputs):
            raise _invalid(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{quote(row)} keys must be equal to: {','.join(sorted(inputs))}"
            )
    return {
        name: _array(flat, (len(rows), *shape), inputs[name].dtype)
        for name, (shape, flat) in gathered.items()
    }


def _add_row(
    value: Any,
    name: str,
    inputs: Mapping[str, meta_graph_pb2.TensorInfo],
    gathered: dict[str, tuple[tuple[int, ...], list[Any]]],
) -> None:
    if name not in inputs:
        raise _invalid(f"JSON object: does not have named input: {name}")
    shape = _shape(value)
    first, flat = gathered.setdefault(name, (shape, []))
    before = len(flat)
    _fill(value, 0, shape, inputs[name].dtype, flat)
    size, wanted = len(flat) - before, math.prod(first)
    if size != wanted:
        raise _invalid(f"Expecting tensor size: {wanted} but got: {size}")
    if shape != first:
        raise _invalid(
            f"Expecting shape {tensors.shape_text(first)} but got: {tensors.shape_text(shape)}"
        )


def _shape(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > _MAX_DEPTH:
            raise _invalid(f"a tensor of more than {_MAX_DEPTH} dimensions cannot be sent")
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _fill(value: Any, level: int, shape: tuple[int, ...], dtype: int, flat: list[Any]) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise _invalid(
                f"JSON Value: {quote(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {rank}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise _invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise _invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for element in value:
        _fill(element, level + 1, shape, dtype, flat)


def _leaf(value: Any, dtype: int) -> Any:
    kind = type(value)
    if dtype == types_pb2.DT_STRING:
        if kind is str:
            return _encode(value)
        if kind is dict:
            return _base64(value)
    elif dtype in _INT_RANGE:
        low, high = _INT_RANGE[dtype]
        if kind is int and low <= value <= high:
            return value
    elif dtype in _FLOATS:
        if kind is int or kind is float:
            return _decimal(value, *_FLOATS[dtype])
    elif dtype == types_pb2.DT_BOOL:
        if kind is bool:
            return value
    else:
        name = tensors.dtype_name(dtype)
        raise StatusError(
            "UNIMPLEMENTED", f"Conversion of JSON Value: {quote(value)} to type: {name}"
        )
    raise _invalid(
        f"JSON Value: {quote(value)} Type: {_type_name(value)} is not of expected type: "
        f"{tensors.dtype_name(dtype)}"
    )


def _decimal(value: float, name: str, largest_int: int, largest: float) -> float:
    if isinstance(value, int):
        lossless = abs(value) <= largest_int
    else:
        lossless = not math.isfinite(value) or abs(value) <= largest
    if not lossless:
        raise _invalid(
            f"Cannot convert JSON value: {quote(value)} to {name} without loss of precision."
        )
    return float(value)


def _array(flat: list[Any], shape: tuple[int, ...], dtype: int) -> np.ndarray:
    if dtype == types_pb2.DT_STRING:
        array = np.empty(len(flat), object)
        array[:] = flat
        return array.reshape(shape)
    return np.array(flat, tensors.numpy_dtype(dtype)).reshape(shape)


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _invalid("JSON Parse error: The surrogate pair in string is invalid.") from None


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _base64(value: dict[str, Any]) -> bytes:
    if not _is_base64(value):
        raise _invalid(f"JSON Value: {quote(value)} not formatted correctly for base64 data")
    text = value["b64"]
    try:
        # Padding may be left out, as TensorFlow Serving allows.
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("Unable to base64 decode") from None


def _type_name(value: Any) -> str:
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "True" if value else "False"
    for kind, name in ((dict, "Object"), (list, "Array"), (str, "String")):
        if isinstance(value, kind):
            return name
    return "Number"


def examples_input(document: Mapping[str, Any]) -> input_pb2.Input:
    """The `Input` of a classify or regress request: `examples`, with `context` or without.

    Raises:
        StatusError: what cannot be a `tf.Example`.
    """
    message = input_pb2.Input()
    target: Any = message.example_list
    if "context" in document:
        target = message.example_list_with_context
        _fill_example(document["context"], target.context)
    if "examples" not in document:
        raise _invalid(
            f"JSON Value: {quote(document)} When method is classify, key 'examples' is expected "
            "and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise _invalid(
            f"JSON Value: {quote(document)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise _invalid(f"JSON Value: {quote(document)} 'examples' value is an empty array")
    for example in examples:
        _fill_example(example, target.examples.add())
    return message


def _fill_example(value: Any, example: tf.train.Example) -> None:
    if not isinstance(value, dict):
        raise _invalid(f"Example must be JSON object but got JSON {_type_name(value)}")
    # An example without features must still be a message that is there.
    example.features.SetInParent()
    for name, content in value.items():
        feature = example.features.feature[_encode(name).decode("utf-8", "replace")]
        for element in content if isinstance(content, list) else [content]:
            _add_to_feature(element, name, feature)


def _add_to_feature(value: Any, name: str, feature: tf.train.Feature) -> None:
    if isinstance(value, str) or _is_base64(value):
        kind, item = "bytes_list", _encode(value) if isinstance(value, str) else _base64(value)
    elif isinstance(value, float):
        kind, item = "float_list", _decimal(value, *_FLOATS[types_pb2.DT_FLOAT])  # type: ignore[assignment]
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise _invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        kind, item = "int64_list", int(value)  # type: ignore[assignment]
    else:
        raise _invalid(
            f"Feature: {name} has element with unexpected JSON type: {_type_name(value)}"
        )
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise _invalid(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{present.removesuffix('_list')}"
        )
    getattr(feature, kind).value.append(item)
