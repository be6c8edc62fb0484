"""What a client of TensorFlow Serving expects, asked of the running server over gRPC and REST."""

from __future__ import annotations

import json

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.http_tools import ask, post


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc_address) as opened:
        yield opened


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def _request(signature="", inputs=None, model="shop", version=None, label=None, only=()):
    request = predict_pb2.PredictRequest(output_filter=only)
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for name, value in (inputs or {}).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def _refused(call, request) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=20)
    return caught.value.code().name, caught.value.details()


ANN = {"user_id": ["ann"]}


def test_predict_answers_with_the_newest_version(prediction):
    response = prediction.Predict(_request(inputs=ANN))
    assert response.model_spec.version.value == 2
    assert response.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(response.outputs["item_id"]).tolist() == [[b"boot", b"clog", b"hat"]]
    assert tf.make_ndarray(response.outputs["score"]).tolist() == [[0.0, -2.0, -4.0]]


def test_versions_and_labels_choose(prediction, server):
    for chosen in ({"version": 1}, {"label": "stable"}):
        response = prediction.Predict(_request(inputs=ANN, **chosen))
        assert response.model_spec.version.value == 1
    for path in ("versions/1", "versions/01", "labels/stable"):
        status, answer = post(
            server.rest_address, f"/v1/models/shop/{path}:predict", {"instances": ["ann"]}
        )
        assert status == 200
        assert answer["predictions"][0]["score"] == [0.0, -1.0, -2.0]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"model": "nope"}, "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        ({"model": "../shop"}, "NOT_FOUND", "Servable not found for request: Latest(../shop)"),
        ({"model": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ({"version": 7}, "NOT_FOUND", "Servable not found for request: Specific(shop, 7)"),
        ({"label": "gone"}, "NOT_FOUND", "Servable not found for request: Specific(shop, 9)"),
        ({"label": "x"}, "INVALID_ARGUMENT", "Unrecognized servable version label: x"),
        ({"signature": "x"}, "FAILED_PRECONDITION", 'Serving signature key "x" not found.'),
        ({"signature": "__saved_model_init_op"}, "OUT_OF_RANGE", "does not have output 0"),
        ({"inputs": {}}, "INVALID_ARGUMENT", "input size does not match signature: 0!=1"),
        (
            {"inputs": {"user_id": ["a"], "b": [1]}},
            "INVALID_ARGUMENT",
            "2!=1 len({b,user_id}) != len({user_id}). Sent extra: {b}. Missing but required: {}.",
        ),
        (
            {"inputs": {"b": ["a"]}},
            "INVALID_ARGUMENT",
            "Signature input alias: user_id(feed name: ",
        ),
        (
            {"inputs": {"user_id": [1]}},
            "INVALID_ARGUMENT",
            "Expects arg[0] to be string but int32 is provided",
        ),
        ({"only": ["x"]}, "INVALID_ARGUMENT", "expected to be in the set {item_id,score}."),
        ({"only": ["score"] * 2}, "INVALID_ARGUMENT", "duplicate output tensor alias: score"),
    ],
)
def test_refusals_carry_tensorflow_servings_code_and_words(prediction, change, code, words):
    refused = _refused(prediction.Predict, _request(**{"inputs": ANN, **change}))
    assert refused[0] == code
    assert words in refused[1]


def test_a_missing_model_spec_is_named(prediction, channel):
    empty = predict_pb2.PredictRequest()
    assert _refused(prediction.Predict, empty) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    status = get_model_status_pb2.GetModelStatusRequest()
    assert _refused(models.GetModelStatus, status)[1] == "Missing ModelSpec"


def test_a_tensor_that_lies_about_its_size_is_refused(prediction):
    request = _request(inputs=ANN)
    request.inputs["user_id"].tensor_shape.dim[0].size = 1 << 40
    code, words = _refused(prediction.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert words.startswith("tensor parsing error: user_id: shape [1099511627776] is larger")


def test_a_negative_dimension_is_named_by_its_input_alone(prediction):
    request = _request(inputs=ANN)
    request.inputs["user_id"].tensor_shape.dim[0].size = -1
    refused = _refused(prediction.Predict, request)
    assert refused == ("INVALID_ARGUMENT", "tensor parsing error: user_id")


def test_output_filter_and_empty_batch(prediction):
    request = _request(inputs={"user_id": tf.constant([], tf.string)}, only=["score"])
    response = prediction.Predict(request)
    assert list(response.outputs) == ["score"]
    assert tf.make_ndarray(response.outputs["score"]).shape == (0, 3)


def test_an_ops_own_error_comes_through(prediction):
    unequal = {"user_id": ["a"] * 3, "exclude": [["a", "b"]] * 2, "allow": [["x"]]}
    request = _request("recommend", unequal)
    code, words = _refused(prediction.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert len(words) <= 1024 + len("...TRUNCATED")


def test_long_error_texts_are_cut(prediction):
    code, words = _refused(prediction.Predict, _request("x" * 5000, ANN))
    assert code == "FAILED_PRECONDITION"
    assert words == f'Serving signature key "{"x" * 1001}...TRUNCATED'


def _example(x: float) -> tf.train.Example:
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(x)
    return example


def test_classify_regress_and_both_at_once(prediction):
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name, classify.model_spec.signature_name = "forms", "classify"
    classify.input.example_list.examples.append(_example(0.25))
    (entry,) = prediction.Classify(classify).result.classifications
    assert [(c.label, c.score) for c in entry.classes] == [("yes", 0.25), ("no", 0.75)]

    regress = regression_pb2.RegressionRequest()
    regress.model_spec.name, regress.model_spec.signature_name = "forms", "regress"
    regress.input.example_list_with_context.context.CopyFrom(_example(3.5))
    regress.input.example_list_with_context.examples.extend([tf.train.Example(), _example(2.0)])
    assert [r.value for r in prediction.Regress(regress).result.regressions] == [7.0, 4.0]

    both = inference_pb2.MultiInferenceRequest(input=classify.input)
    for name in ("regress", "classify"):
        task = both.tasks.add(method_name=f"tensorflow/serving/{name}")
        task.model_spec.name, task.model_spec.signature_name = "forms", name
    first, second = prediction.MultiInference(both).results
    assert first.regression_result.regressions[0].value == 0.5
    assert second.classification_result.classifications[0].classes[0].label == "yes"
    assert second.model_spec.version.value == 1


def test_examples_that_cannot_be_answered(prediction):
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name, classify.model_spec.signature_name = "forms", "classify"
    assert _refused(prediction.Classify, classify) == ("INVALID_ARGUMENT", "Input is empty.")
    classify.input.example_list.examples.append(_example(0.5))
    classify.model_spec.signature_name = "total"
    code, words = _refused(prediction.Classify, classify)
    assert code == "INVALID_ARGUMENT"
    assert words.startswith("No classification inputs found in SignatureDef: inputs {")
    regress = regression_pb2.RegressionRequest(input=classify.input)
    regress.model_spec.name, regress.model_spec.signature_name = "forms", "classify"
    expected = ("INVALID_ARGUMENT", "Expected one output Tensor.")
    assert _refused(prediction.Regress, regress) == expected
    both = inference_pb2.MultiInferenceRequest(input=classify.input)
    for _ in range(2):
        task = both.tasks.add(method_name="tensorflow/serving/classify")
        task.model_spec.name, task.model_spec.signature_name = "forms", "classify"
    assert (
        _refused(prediction.MultiInference, both)[1]
        == "Duplicate evaluation of signature: classify"
    )


def test_metadata_holds_every_signature_on_both_fronts(prediction, server):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "shop"
    response = prediction.GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    recommend = signatures.signature_def["recommend"]
    assert [d.size for d in recommend.inputs["exclude"].tensor_shape.dim] == [-1, 2]
    status, _, text = ask(server.rest_address, "GET", "/v1/models/shop/metadata")
    answer = json.loads(text)
    assert status == 200
    assert answer["model_spec"] == {"name": "shop", "version": "2", "signature_name": ""}
    listed = answer["metadata"]["signature_def"]["signature_def"]
    assert set(listed) == set(signatures.signature_def)
    assert listed["recommend"]["inputs"]["exclude"]["dtype"] == "DT_STRING"
    request.metadata_field[:] = ["x"]
    assert _refused(prediction.GetModelMetadata, request)[1] == "Metadata field x is not supported"


def test_status_of_versions(channel, server):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "shop"
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    listed = models.GetModelStatus(request).model_version_status
    assert [(entry.version, entry.state) for entry in listed] == [(2, 30), (1, 30)]
    available = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    # A label in the path is passed over.
    for path, versions in (("versions/1", "1"), ("labels/stable", "21"), ("labels/nope", "21")):
        _, _, text = ask(server.rest_address, "GET", f"/v1/models/shop/{path}")
        assert json.loads(text)["model_version_status"] == [
            {"version": version, **available} for version in versions
        ]
    request.model_spec.version.value = 9
    assert _refused(models.GetModelStatus, request)[1] == "Could not find version 9 of model shop"


def test_health_is_serving(channel):
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    named = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
    assert _refused(health.Check, named) == ("NOT_FOUND", "service name unknown")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/", None, 404, "<TITLE>404 Not Found</TITLE>"),
        ("GET", "/v2/models/shop", None, 404, "<TITLE>404 Not Found</TITLE>"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/", None, 400, "Malformed request: GET /v1/models/"),
        ("GET", "/v1/models/..%2F..%2Fetc", None, 404, "any versions of model ../../etc"),
        ("PUT", "/v1/models/shop:predict", "{}", 400, "Malformed request: PUT"),
        ("POST", "/v1/models/shop:Predict", "{}", 400, "Malformed request: POST"),
        ("POST", "/v1/models/shop:predict", "", 400, "JSON Parse error: The document is empty"),
        ("POST", "/v1/models/shop:predict", "[1]", 400, "JSON Value: [1] Is not object"),
        ("POST", "/v1/models/shop:predict", "{}", 400, "Missing 'inputs' or 'instances' key"),
        ("POST", "/v1/models/nope:predict", '{"inputs":[]}', 404, "Latest(nope)"),
        ("POST", "/v1/models/shop/versions/9:predict", "{}", 404, "Specific(shop, 9)"),
        ("POST", "/v1/models/shop/labels/x:predict", "{}", 400, "version label: x"),
        ("POST", "/v1/models/shop:predict", '{"signature_name":1}', 400, "must be a string value"),
        (
            "POST",
            "/v1/models/shop:predict",
            '{"signature_name":"x","inputs":[]}',
            400,
            'Serving signature name: \\"x\\" not found in signature def',
        ),
    ],
)
def test_rest_refusals(server, method, path, body, status, words):
    got, content_type, text = ask(server.rest_address, method, path, body)
    assert got == status
    assert words in text
    if status != 404 or "nope" in path:
        assert content_type == "application/json"
        assert list(json.loads(text)) == ["error"]


def test_a_version_beyond_int64_gets_no_words(server):
    for method, end in (("GET", ""), ("GET", "/metadata"), ("POST", ":predict")):
        path = f"/v1/models/shop/versions/99999999999999999999{end}"
        status, _, text = ask(
            server.rest_address, method, path, "{}" if end == ":predict" else None
        )
        assert (status, text) == (400, "")


def test_every_json_type_goes_in_and_out(server):
    row = {"number": [1, 2.5], "count": -3, "flag": True, "text": {"b64": "w6k="}}
    status, answer = post(
        server.rest_address,
        "/v1/models/forms:predict",
        {"signature_name": "echo", "instances": [row, {**row, "text": "x"}]},
    )
    assert status == 200
    first, second = answer["predictions"]
    assert first == {
        "number_out": [1.0, 2.5],
        "count_out": -3,
        "flag_out": True,
        "text_out": "é",
        "raw_bytes": {"b64": "w6k="},
    }
    assert second["text_out"] == "x"


def test_scalar_outputs_go_out_in_columns_only(server):
    body = {"signature_name": "total", "inputs": [1, 2]}
    assert post(server.rest_address, "/v1/models/forms:predict", body) == (200, {"outputs": 3})
    body = {"signature_name": "total", "instances": [1, 2]}
    status, answer = post(server.rest_address, "/v1/models/forms:predict", body)
    assert status == 400
    assert "has no shape information" in answer["error"]


def test_rest_classify_and_regress(server):
    body = {"signature_name": "classify", "examples": [{"x": 0.25}]}
    assert post(server.rest_address, "/v1/models/forms:classify", body) == (
        200,
        {"results": [[["yes", 0.25], ["no", 0.75]]]},
    )
    body = {"signature_name": "regress", "context": {"x": 3.5}, "examples": [{}, {"x": 2.5}]}
    status, _, text = ask(server.rest_address, "POST", "/v1/models/forms:regress", json.dumps(body))
    assert (status, text) == (200, '{\n    "results": [7.0, 5.0]\n}')


def test_grpc_and_rest_give_the_same_numbers(prediction, server):
    values = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    inputs = {
        "number": values,
        "count": np.arange(7, dtype=np.int32),
        "flag": np.zeros(7, bool),
        "text": [b"t"] * 7,
    }
    response = prediction.Predict(_request("echo", inputs, model="forms"))
    over_grpc = tf.make_ndarray(response.outputs["number_out"])
    body = {
        "signature_name": "echo",
        "inputs": {
            "number": values.tolist(),
            "count": list(range(7)),
            "flag": [False] * 7,
            "text": ["t"] * 7,
        },
    }
    _, answer = post(server.rest_address, "/v1/models/forms:predict", body)
    over_rest = np.array(answer["outputs"]["number_out"], np.float32)
    assert (over_grpc == values).all()
    assert (over_rest == values).all()
