"""NumPy arrays to `TensorProto` and back, with the sizes that a stranger's message may claim
bounded."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

# What one tensor of a request may expand to: a few bytes can claim a shape of gigabytes.
MAX_TENSOR_BYTES = 1 << 28

_FIELD = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
}
_AS_BITS = (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
_CC_NAME = {"float32": "float", "float64": "double", "float16": "half"}
_NUMPY = {number: tf.as_dtype(number).as_numpy_dtype for number in _FIELD}


def dtype_name(number: int) -> str:
    """TensorFlow's C++ name of a `DataType` number: `float`, `int32`, `string`, …"""
    try:
        name = tf.as_dtype(number).name
    except TypeError:
        return "invalid"
    return _CC_NAME.get(name, name)


def numpy_dtype(number: int) -> np.dtype:
    """NumPy dtype of a `DataType` number (object for strings); KeyError if no tensor may have
    it."""
    return np.dtype(_NUMPY[number])


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in TensorFlow's C++ words: `[2,3]`."""
    return "[" + ",".join(map(str, shape)) + "]"


class TensorTooLargeError(ValueError):
    """A tensor that this server takes no room for; TensorFlow Serving has no such limit."""


def from_proto(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """The array in a `TensorProto`; strings become an object array of bytes.

    As in TensorFlow, too few values repeat the last one and none at all means zeros or "".

    Raises:
        ValueError: unknown dtype or shape, or bytes that do not fit the shape.
        TensorTooLargeError: a shape that would need more than `MAX_TENSOR_BYTES`.
    """
    if proto.dtype not in _FIELD or proto.tensor_shape.unknown_rank:
        raise ValueError(f"no tensor of dtype {dtype_name(proto.dtype)} and this shape can be sent")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape) or len(shape) > 254:
        raise ValueError(f"shape {shape_text(shape)} is not a tensor's shape")
    count = math.prod(shape)
    dtype = numpy_dtype(proto.dtype)
    if count * dtype.itemsize > MAX_TENSOR_BYTES:
        raise TensorTooLargeError(
            f"shape {shape_text(shape)} is larger than {MAX_TENSOR_BYTES} bytes"
        )
    if proto.tensor_content:
        if (
            proto.dtype == types_pb2.DT_STRING
            or len(proto.tensor_content) != count * dtype.itemsize
        ):
            raise ValueError(f"tensor_content does not hold a tensor of shape {shape_text(shape)}")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    values = getattr(proto, _FIELD[proto.dtype])
    if len(values) > count:
        values = values[:count]
    elif len(values) < count:
        empty: object = b"" if proto.dtype == types_pb2.DT_STRING else 0
        values = [*values] + [values[-1] if values else empty] * (count - len(values))
    if proto.dtype in _AS_BITS:
        return np.array(values, np.uint16).view(dtype).reshape(shape)
    if proto.dtype == types_pb2.DT_STRING:
        array = np.empty(count, object)
        array[:] = list(values)
        return array.reshape(shape)
    try:
        return np.array(values, dtype).reshape(shape)
    except OverflowError as error:
        raise ValueError(f"a value does not fit {dtype_name(proto.dtype)}: {error}") from None


def to_proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    """The `TensorProto` of an array, values in the field of their type as TensorFlow Serving sends
    them.

    Raises:
        ValueError: a dtype that no field holds.
    """
    number = types_pb2.DT_STRING if array.dtype == object else _number(array.dtype)
    if number not in _FIELD:
        raise ValueError(f"a tensor of dtype {array.dtype} cannot be sent")
    proto = tensor_pb2.TensorProto(dtype=number)
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    flat = array.ravel()
    if number in _AS_BITS:
        flat = flat.view(np.uint16)
    getattr(proto, _FIELD[number]).extend(flat.tolist())
    return proto


def _number(dtype: np.dtype) -> int:
    try:
        return tf.as_dtype(dtype).as_datatype_enum
    except TypeError:
        return types_pb2.DT_INVALID


def array_dtype_name(array: np.ndarray) -> str:
    """TensorFlow's C++ name of an array's dtype; object arrays hold strings."""
    return "string" if array.dtype == object else dtype_name(_number(array.dtype))
