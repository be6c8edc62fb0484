"""Predict, Classify, Regress and MultiInference on one loaded version, with TensorFlow Serving's
rules, each as steps (`tfmm.serving.server.steps`).

Errors are `StatusError` with the codes and texts that `tensorflow_model_server` 2.20 answers with,
so that a client written against either meets the other's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf import text_format
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tfmm.serving.server import tensors
from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.steps import Run, Steps
from tfmm.serving.server.versions.servable import Servable

DEFAULT_SIGNATURE = "serving_default"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
_METHODS = ("tensorflow/serving/predict", CLASSIFY_METHOD, REGRESS_METHOD)


def run_signature(
    servable: Servable,
    signature: meta_graph_pb2.SignatureDef,
    inputs: Mapping[str, np.ndarray],
    output_filter: Sequence[str] = (),
) -> Steps[dict[str, np.ndarray]]:
    """Run a signature on arrays by input name; ends in arrays by output name, all or those asked
    for.

    Raises:
        StatusError: wrong names, wrong dtypes, or what TensorFlow answered.
    """
    for info in signature.outputs.values():
        if info.dtype == types_pb2.DT_INVALID:  # an op to run, such as __saved_model_init_op
            raise StatusError(
                "OUT_OF_RANGE",
                f"Node '{info.name}' (type: 'NoOp', num of outputs: 0) does not have output 0",
            )
    if signature.method_name not in _METHODS:
        raise StatusError(
            "INTERNAL",
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(_METHODS)}}}. Was: {signature.method_name}",
        )
    _check_count(signature, inputs)
    feeds, values = [], []
    for position, alias in enumerate(sorted(signature.inputs)):
        info = signature.inputs[alias]
        value = inputs.get(alias)
        if value is None:
            value = _default(signature, alias, inputs)
        _check_dtype(position, value, info.dtype)
        feeds.append(info.name)
        values.append(value)
    aliases = _outputs(signature, output_filter)
    fetches = tuple(signature.outputs[alias].name for alias in aliases)
    answer = yield Run(servable, "Predict", tuple(feeds), tuple(values), fetches)
    return dict(zip(aliases, answer, strict=True))


def _names(names: object) -> str:
    return ",".join(sorted(names))  # type: ignore[call-overload]


def _check_count(signature: meta_graph_pb2.SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    sent, wanted = set(inputs), set(signature.inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise StatusError(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({{{_names(sent)}}}) != len({{{_names(wanted)}}}). "
            f"Sent extra: {{{_names(sent - wanted)}}}. "
            f"Missing but required: {{{_names(wanted - sent)}}}.",
        )


def _default(
    signature: meta_graph_pb2.SignatureDef, alias: str, inputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    if alias in signature.defaults:
        return tensors.from_proto(signature.defaults[alias])
    raise StatusError(
        "INVALID_ARGUMENT",
        f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in "
        "request and no default value provided. Inputs expected to be in the request "
        f"{{{_names(inputs)}}}, or default input alias set: {_names(signature.defaults)}",
    )


def _check_dtype(position: int, value: np.ndarray, dtype: int) -> None:
    wanted = tensors.numpy_dtype(dtype)
    if value.dtype != wanted:
        sent = tensors.array_dtype_name(value)
        raise StatusError(
            "INVALID_ARGUMENT",
            f"Expects arg[{position}] to be {tensors.dtype_name(dtype)} but {sent} is provided",
        )


def _outputs(signature: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {{{_names(signature.outputs)}}}.",
            )
        if alias in seen:
            raise StatusError("INVALID_ARGUMENT", f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return sorted(seen or signature.outputs)


def fill_spec(spec: model_pb2.ModelSpec, servable: Servable, signature_name: str) -> None:
    """Say in a response which model, version and signature answered."""
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature_name


def predict(
    servable: Servable, request: predict_pb2.PredictRequest
) -> Steps[predict_pb2.PredictResponse]:
    """Answer a `PredictRequest`."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(name)
    if signature is None:
        raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
    inputs = {}
    for alias, proto in request.inputs.items():
        try:
            inputs[alias] = tensors.from_proto(proto)
        except tensors.TensorTooLargeError as error:
            raise StatusError(
                "INVALID_ARGUMENT", f"tensor parsing error: {alias}: {error}"
            ) from None
        except ValueError:
            raise StatusError("INVALID_ARGUMENT", f"tensor parsing error: {alias}") from None
    outputs = yield from run_signature(servable, signature, inputs, request.output_filter)
    response = predict_pb2.PredictResponse()
    fill_spec(response.model_spec, servable, name)
    for alias, array in outputs.items():
        response.outputs[alias].CopyFrom(tensors.to_proto(array))
    return response


def _examples(message: input_pb2.Input) -> np.ndarray:
    """Serialized `tf.Example`s [N]; a context goes before each, so that its own features win."""
    kind = message.WhichOneof("kind")
    context = b""
    examples: Sequence[object] = ()
    if kind == "example_list":
        examples = message.example_list.examples
    elif kind == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context = message.example_list_with_context.context.SerializeToString()
    if not examples:
        raise StatusError("INVALID_ARGUMENT", "Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]  # type: ignore[attr-defined]
    return array


def _example_signature(
    servable: Servable, name: str, task: str, outputs: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """Feed name and output tensor names by alias of a classify or regress signature."""
    signature = servable.signatures.get(name)
    if signature is None:
        raise StatusError("INVALID_ARGUMENT", f"No signature was found with the name: {name}")
    if len(signature.inputs) != 1:
        raise StatusError("INVALID_ARGUMENT", "Expected one input Tensor.")
    if len(signature.outputs) not in (1, len(outputs)):
        raise StatusError(
            "INVALID_ARGUMENT",
            "Expected one output Tensor."
            if len(outputs) == 1
            else f"Expected one or two output Tensors, found {len(signature.outputs)}",
        )
    if "inputs" not in signature.inputs:
        raise StatusError(
            "INVALID_ARGUMENT",
            f"No {task} inputs found in SignatureDef: {text_format.MessageToString(signature)}",
        )
    found = {
        alias: signature.outputs[alias].name for alias in outputs if alias in signature.outputs
    }
    if not found:
        raise StatusError(
            "FAILED_PRECONDITION",
            f"Expected {task} signature outputs to contain at least one of "
            + " or ".join(f'"{alias}"' for alias in outputs)
            + f". Signature was: {text_format.MessageToString(signature)}",
        )
    return signature.inputs["inputs"].name, found


def _run_examples(
    servable: Servable,
    api: str,
    message: input_pb2.Input,
    feeds: Sequence[str],
    fetches: Sequence[str],
) -> Steps[tuple[int, dict[str, np.ndarray]]]:
    examples = _examples(message)
    unique_feeds, unique_fetches = tuple(sorted(set(feeds))), tuple(sorted(set(fetches)))
    values = (examples,) * len(unique_feeds)
    answer = yield Run(servable, api, unique_feeds, values, unique_fetches)
    return len(examples), dict(zip(unique_fetches, answer, strict=True))


def _shape_error(expected: str, array: np.ndarray) -> StatusError:
    return StatusError("INVALID_ARGUMENT", f"{expected} but got {tensors.shape_text(array.shape)}")


def _fill_classes(
    result: classification_pb2.ClassificationResult,
    count: int,
    classes: np.ndarray | None,
    scores: np.ndarray | None,
) -> None:
    for what, array, dtype in (("classes", classes, object), ("scores", scores, np.float32)):
        if array is None:
            continue
        if array.ndim != 2:
            raise _shape_error("Expected Tensor shape: [batch_size num_classes]", array)
        if array.dtype != dtype:
            wanted = "DT_STRING" if dtype is object else "DT_FLOAT"
            got = tensors.array_dtype_name(array).upper()
            raise StatusError(
                "INVALID_ARGUMENT", f"Expected {what} Tensor of {wanted}. Got: DT_{got}"
            )
        if len(array) != count:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"Expected {what} output batch size of {count}. Got: {len(array)}",
            )
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise StatusError(
            "INVALID_ARGUMENT",
            "Tensors class and score should match in dim_size(1). Got "
            f"{classes.shape[1]} vs. {scores.shape[1]}",
        )
    for row in range(count):
        filled = result.classifications.add()
        for column in range((classes if classes is not None else scores).shape[1]):  # type: ignore[union-attr]
            entry = filled.classes.add()
            if classes is not None:
                entry.label = classes[row, column].decode("utf-8", "replace")
            if scores is not None:
                entry.score = float(scores[row, column])


def _fill_regressions(
    result: regression_pb2.RegressionResult, count: int, outputs: np.ndarray
) -> None:
    if outputs.ndim != 1 and not (outputs.ndim == 2 and outputs.shape[1] == 1):
        raise _shape_error(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1]", outputs
        )
    if len(outputs) != count:
        raise StatusError(
            "INVALID_ARGUMENT",
            f"Input batch size did not match output batch size: {count} vs. {len(outputs)}",
        )
    if outputs.dtype != np.float32:
        got = tensors.array_dtype_name(outputs).upper()
        raise StatusError("INVALID_ARGUMENT", f"Expected output Tensor of DT_FLOAT.  Got: DT_{got}")
    for value in outputs.ravel().tolist():
        result.regressions.add().value = value


def classify(
    servable: Servable, request: classification_pb2.ClassificationRequest
) -> Steps[classification_pb2.ClassificationResponse]:
    """Answer a `ClassificationRequest`: `inputs` to `classes` and `scores`, either may be
    missing."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    feed, found = _example_signature(servable, name, "classification", ("classes", "scores"))
    count, answer = yield from _run_examples(
        servable, "Classify", request.input, [feed], list(found.values())
    )
    response = classification_pb2.ClassificationResponse()
    fill_spec(response.model_spec, servable, name)
    arrays = {alias: answer[tensor] for alias, tensor in found.items()}
    _fill_classes(response.result, count, arrays.get("classes"), arrays.get("scores"))
    return response


def regress(
    servable: Servable, request: regression_pb2.RegressionRequest
) -> Steps[regression_pb2.RegressionResponse]:
    """Answer a `RegressionRequest`: `inputs` to `outputs`, one float an example."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    feed, found = _example_signature(servable, name, "regression", ("outputs",))
    count, answer = yield from _run_examples(
        servable, "Regress", request.input, [feed], list(found.values())
    )
    response = regression_pb2.RegressionResponse()
    fill_spec(response.model_spec, servable, name)
    _fill_regressions(response.result, count, answer[found["outputs"]])
    return response


def multi_inference(
    servable: Servable, request: inference_pb2.MultiInferenceRequest
) -> Steps[inference_pb2.MultiInferenceResponse]:
    """Answer a `MultiInferenceRequest`: several classify and regress signatures, run once
    together."""
    plans: list[tuple[str, str, str, dict[str, str]]] = []
    for task in request.tasks:
        if not task.model_spec.name:
            raise StatusError("INVALID_ARGUMENT", "Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise StatusError(
                "INVALID_ARGUMENT",
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            )
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if any(name == other for other, *_ in plans):
            raise StatusError("INVALID_ARGUMENT", f"Duplicate evaluation of signature: {name}")
        if name not in servable.signatures:
            raise StatusError(
                "INVALID_ARGUMENT", f"Requested signature not found in model graph: {name}"
            )
        if task.method_name == CLASSIFY_METHOD:
            kind, outputs = "classification", ("classes", "scores")
        elif task.method_name == REGRESS_METHOD:
            kind, outputs = "regression", ("outputs",)  # type: ignore[assignment]
        else:
            raise StatusError(
                "UNIMPLEMENTED", f"Unsupported signature method_name: {task.method_name}"
            )
        feed, found = _example_signature(servable, name, kind, outputs)
        plans.append((name, kind, feed, found))
    count, answer = yield from _run_examples(
        servable,
        "MultiInference",
        request.input,
        [feed for _, _, feed, _ in plans],
        [tensor for *_, found in plans for tensor in found.values()],
    )
    response = inference_pb2.MultiInferenceResponse()
    for name, kind, _, found in plans:
        result = response.results.add()
        fill_spec(result.model_spec, servable, name)
        arrays = {alias: answer[tensor] for alias, tensor in found.items()}
        if kind == "classification":
            target = result.classification_result
            _fill_classes(target, count, arrays.get("classes"), arrays.get("scores"))
        else:
            _fill_regressions(result.regression_result, count, arrays["outputs"])
    return response
