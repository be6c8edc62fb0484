"""`TensorProto` to arrays and back, and what a message may not claim."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from tfmm.serving.server import tensors


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "int64",
        "uint32",
        "uint64",
        "bool",
    ],
)
def test_numbers_round_trip_and_agree_with_tensorflow(dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(tf.as_dtype(dtype).as_numpy_dtype)
    for proto in (tensors.to_proto(array), tf.make_tensor_proto(array)):
        again = tensors.from_proto(proto)
        assert again.dtype == array.dtype
        assert again.tolist() == array.tolist()
    assert tf.make_ndarray(tensors.to_proto(array)).tolist() == array.tolist()


def test_strings_round_trip_in_every_shape():
    for shape in ((), (0, 3), (2, 2)):
        array = np.full(shape, b"\xff\x00", object)
        again = tensors.from_proto(tensors.to_proto(array))
        assert again.shape == shape
        assert again.tolist() == array.tolist()


def test_missing_values_repeat_the_last_as_in_tensorflow():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, int_val=[1, 2])
    proto.tensor_shape.dim.add().size = 4
    assert tensors.from_proto(proto).tolist() == [1, 2, 2, 2]
    del proto.int_val[:]
    assert tensors.from_proto(proto).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": types_pb2.DT_RESOURCE}, "no tensor of dtype resource"),
        ({"dtype": 999}, "no tensor of dtype"),
        ({"tensor_content": b"123"}, "tensor_content does not hold"),
        ({"dtype": types_pb2.DT_STRING, "tensor_content": b"x"}, "tensor_content does not hold"),
    ],
)
def test_messages_that_hold_no_tensor_are_refused(change, words):
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT)
    proto.tensor_shape.dim.add().size = 1
    proto.MergeFrom(tensor_pb2.TensorProto(**change))
    with pytest.raises(ValueError, match=words):
        tensors.from_proto(proto)


@pytest.mark.parametrize("sizes", [[1 << 40], [1 << 20, 1 << 20], [-1]])
def test_a_small_message_cannot_claim_a_huge_tensor(sizes):
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    with pytest.raises(ValueError, match=r"larger than|not a tensor's shape"):
        tensors.from_proto(proto)
