"""TensorFlow Serving's JSON, without a server: what is read, what is written, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.fronts import json_answers, json_requests


def _inputs(**dtypes: int) -> dict[str, meta_graph_pb2.TensorInfo]:
    return {name: meta_graph_pb2.TensorInfo(dtype=dtype) for name, dtype in dtypes.items()}


TEXT = _inputs(text=types_pb2.DT_STRING)
NUMBER = _inputs(x=types_pb2.DT_FLOAT)
TWO = _inputs(text=types_pb2.DT_STRING, x=types_pb2.DT_INT32)


def _read(document: dict, inputs=TEXT):
    return json_requests.predict_inputs(document, inputs)


def _refused(document: dict, inputs=TEXT) -> str:
    with pytest.raises(StatusError) as caught:
        _read(document, inputs)
    assert caught.value.code == "INVALID_ARGUMENT"
    return caught.value.message


def test_rows_and_columns_give_the_same_arrays():
    rows, by_row = _read({"instances": [{"text": "a", "x": 1}, {"text": "b", "x": 2}]}, TWO)
    columns, by_column = _read({"inputs": {"text": ["a", "b"], "x": [1, 2]}}, TWO)
    assert (by_row, by_column) == (True, False)
    for name in TWO:
        assert rows[name].tolist() == columns[name].tolist()
        assert rows[name].dtype == columns[name].dtype
    assert rows["text"].tolist() == [b"a", b"b"]
    assert rows["x"].dtype == np.int32


def test_nested_rows_get_the_batch_dimension_in_front():
    arrays, _ = _read({"instances": [[[1, 2.5]], [[3, 4]]]}, NUMBER)
    assert arrays["x"].shape == (2, 1, 2)
    assert arrays["x"].dtype == np.float32


def test_base64_is_bytes_anywhere_and_may_lack_padding():
    arrays, _ = _read({"instances": [{"b64": "/+8="}, {"b64": "/+8"}, "é"]})
    assert arrays["text"].tolist() == [b"\xff\xef", b"\xff\xef", "é".encode()]
    arrays, _ = _read({"inputs": {"b64": "dTE="}})
    assert arrays["text"].shape == ()
    assert arrays["text"].item() == b"u1"


@pytest.mark.parametrize(
    ("document", "inputs", "words"),
    [
        ({"instances": ["a", ["b"]]}, TEXT, "Expecting shape [] but got: [1]"),
        ({"instances": [["a"], ["b", "c"]]}, TEXT, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [["a", ["b"]]]}, TEXT, "list at unexpected level: 1 expected < 1"),
        ({"inputs": [["a"], "b"]}, TEXT, "found at incorrect level: 2"),
        ({"inputs": [["a"], ["b", "c"]]}, TEXT, "list at unexpected size: 2 at level: 1"),
        ({"instances": [True]}, NUMBER, "true Type: True is not of expected type: float"),
        ({"instances": ["1"]}, NUMBER, '"1" Type: String is not of expected type: float'),
        ({"instances": [16777217]}, NUMBER, "16777217 to float without loss of precision"),
        ({"instances": [1e39]}, NUMBER, "to float without loss of precision"),
        ({"instances": ["a"]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"inputs": ["a"]}, TWO, "inputs is a plain value/list, but expecting an object"),
        ({"instances": [{"text": "a"}]}, TWO, "keys must be equal to: text,x"),
        ({"instances": [{"text": "a"}, "b"]}, TEXT, "Expecting object but got list at item 1"),
        ({"instances": ["a", {"text": "b"}]}, TEXT, "value/list but got object at item 1"),
        ({"instances": "a"}, TEXT, "Excepting 'instances' to be an list/array"),
        ({"inputs": {"text": ["a"], "x": [2147483648]}}, TWO, "is not of expected type: int32"),
        ({"instances": [{"b64": "a"}]}, TEXT, "Unable to base64 decode"),
        ({"inputs": [{"b65": "a"}]}, TEXT, "not formatted correctly for base64 data"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_the_servers_words(document, inputs, words):
    assert words in _refused(document, inputs)


def test_errors_quote_json_indented_with_arrays_on_one_line():
    message = _refused({"instances": ["u1", 2.5], "inputs": {"a": []}})
    assert '{\n    "instances": ["u1", 2.5],\n    "inputs": {\n        "a": []\n    }\n}' in message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The document is empty"),
        (b"  \n", "The document is empty"),
        (b"{bad", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": "b', "Missing a closing quotation mark in string."),
        (b"nope", "Invalid value. at offset: 0"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 10_000, "JSON Parse error"),
    ],
)
def test_broken_json_is_an_answer_not_a_crash(body, words):
    with pytest.raises(StatusError, match="JSON Parse error") as caught:
        json_requests.parse_object(body)
    assert words in caught.value.message


def test_text_after_the_object_is_ignored():
    assert json_requests.parse_object(b' {"a": 1} trailing') == {"a": 1}


def test_lone_surrogates_are_refused_and_raw_bytes_survive():
    assert "surrogate" in _refused(json_requests.parse_object(b'{"instances": ["\\ud800"]}'))
    arrays, _ = _read(json_requests.parse_object(b'{"instances": ["\xff"]}'))
    assert arrays["text"].tolist() == [b"\xff"]
    body = json_answers.predict_answer({"out": arrays["text"]}, by_row=True)
    assert b'["\xff"' in body


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-2.0, "-2.0"),
        (0.2, "0.2"),
        (5.33130741, "5.33130741"),
        (9e6, "9e+06"),
        (16777215.0, "16777215.0"),
        (3e-5, "3e-05"),
        (1.0000001, "1.00000012"),
        (-3.4028235e38, "-3.40282347e+38"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_floats_are_written_as_tensorflow_serving_writes_them(value, text):
    body = json_answers.predict_answer({"y": np.array([value], np.float32)}, by_row=True)
    assert body.decode() == f'{{\n    "predictions": [{text}\n    ]\n}}'


def test_doubles_keep_every_digit_they_need():
    values = np.array([0.1, 1 / 3, 1e300])
    body = json_answers.predict_answer({"y": values}, by_row=False)
    assert json.loads(body)["outputs"] == values.tolist()
    assert b"0.33333333333333331" in body


def test_one_output_is_unwrapped_and_several_are_named():
    one = {"y": np.array([[1, 2]], np.int64)}
    two = {**one, "raw_bytes": np.array([b"\xff"], object)}
    assert json.loads(json_answers.predict_answer(one, True)) == {"predictions": [[1, 2]]}
    assert json.loads(json_answers.predict_answer(one, False)) == {"outputs": [[1, 2]]}
    row = {"y": [1, 2], "raw_bytes": {"b64": "/w=="}}
    assert json.loads(json_answers.predict_answer(two, True)) == {"predictions": [row]}
    column = {"y": [[1, 2]], "raw_bytes": [{"b64": "/w=="}]}
    assert json.loads(json_answers.predict_answer(two, False)) == {"outputs": column}


def test_row_answers_need_one_row_for_each_instance():
    for outputs, words in (
        ({"y": np.float32(1.0)}, "has no shape information"),
        ({"y": np.zeros((0, 2), np.float32)}, "has invalid batch size: 0"),
        ({"a": np.zeros(2, np.int32), "b": np.zeros(3, np.int32)}, "has inconsistent batch size"),
        ({"a": np.zeros(2, np.complex64)}, "Failed to write JSON value for tensor type"),
    ):
        with pytest.raises(StatusError, match=words):
            json_answers.predict_answer({n: np.asarray(a) for n, a in outputs.items()}, by_row=True)


def test_examples_take_their_feature_type_from_the_json():
    document = {"examples": [{"a": 1.5, "b": [1, 2], "c": "x", "d": {"b64": "/w=="}, "e": True}]}
    (example,) = json_requests.examples_input(document).example_list.examples
    features = example.features.feature
    assert features["a"].float_list.value == [1.5]
    assert features["b"].int64_list.value == [1, 2]
    assert features["c"].bytes_list.value == [b"x"]
    assert features["d"].bytes_list.value == [b"\xff"]
    assert features["e"].int64_list.value == [1]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "key 'examples' is expected"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"a": None}]}, "unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "unexpected JSON type: Array"),
        ({"examples": [{"a": [1, 2.5]}]}, "expecting type: int64"),
        ({"examples": [{"a": 2**63}]}, "Only int64 is supported"),
    ],
)
def test_examples_that_are_none_are_refused(document, words):
    with pytest.raises(StatusError, match=words):
        json_requests.examples_input(document)
