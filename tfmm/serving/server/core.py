"""What both fronts ask: a request message or JSON body in, an answer out, on whichever version
serves it."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tfmm.serving.server import predict
from tfmm.serving.server.config import model_configs
from tfmm.serving.server.errors import CODES, ServingConfigError, StatusError
from tfmm.serving.server.fronts import json_answers, json_requests
from tfmm.serving.server.steps import Steps
from tfmm.serving.server.versions.models import ModelManager

SIGNATURE_DEF = "signature_def"


class ServingCore:
    """Answers requests with the versions that a `ModelManager` holds. Every method may be called
    from any thread and raises `StatusError`; what runs a model is steps
    (`tfmm.serving.server.steps`)."""

    def __init__(self, models: ModelManager):
        self.models = models

    # Messages, as gRPC brings them

    def predict(self, request: predict_pb2.PredictRequest) -> Steps[predict_pb2.PredictResponse]:
        with self._lease(request) as servable:
            return (yield from predict.predict(servable, request))

    def classify(
        self, request: classification_pb2.ClassificationRequest
    ) -> Steps[classification_pb2.ClassificationResponse]:
        with self._lease(request) as servable:
            return (yield from predict.classify(servable, request))

    def regress(
        self, request: regression_pb2.RegressionRequest
    ) -> Steps[regression_pb2.RegressionResponse]:
        with self._lease(request) as servable:
            return (yield from predict.regress(servable, request))

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest
    ) -> Steps[inference_pb2.MultiInferenceResponse]:
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        with self.models.lease(*_which(spec)) as servable:
            return (yield from predict.multi_inference(servable, request))

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        _need_spec(request)
        if not request.metadata_field:
            raise StatusError(
                "INVALID_ARGUMENT",
                "GetModelMetadataRequest must specify at least one metadata_field",
            )
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise StatusError("INVALID_ARGUMENT", f"Metadata field {field} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        signatures = get_model_metadata_pb2.SignatureDefMap()
        with self.models.lease(*_which(request.model_spec)) as servable:
            for name, signature in servable.signatures.items():
                signatures.signature_def[name].CopyFrom(signature)
            response.model_spec.name = servable.name
            response.model_spec.version.value = servable.version
        response.metadata[SIGNATURE_DEF].Pack(signatures)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        _need_spec(request)
        response = get_model_status_pb2.GetModelStatusResponse()
        for state in self.models.states(*_which(request.model_spec)):
            entry = response.model_version_status.add()
            entry.version = state.version
            entry.state = get_model_status_pb2.ModelVersionStatus.State.Value(state.state)
            entry.status.error_code = CODES[state.code]
            entry.status.error_message = state.message
        return response

    def reload(
        self, request: model_management_pb2.ReloadConfigRequest
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve other models from now on; relative base paths start from the working directory."""
        try:
            self.models.reload(model_configs(request.config, Path.cwd()))
        except ServingConfigError as error:
            raise StatusError("INVALID_ARGUMENT", str(error)) from None
        except TimeoutError as error:
            raise StatusError("DEADLINE_EXCEEDED", str(error)) from None
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response

    def _lease(self, request):
        _need_spec(request)
        return self.models.lease(*_which(request.model_spec))

    # JSON, as REST brings it

    def predict_json(self, spec: model_pb2.ModelSpec, body: bytes) -> Steps[bytes]:
        document = json_requests.parse_object(body)
        name = json_requests.signature_name(document) or predict.DEFAULT_SIGNATURE
        with self.models.lease(*_which(spec)) as servable:
            signature = servable.signatures.get(name)
            if signature is None:
                raise StatusError(
                    "INVALID_ARGUMENT",
                    f'Serving signature name: "{name}" not found in signature def',
                )
            if not signature.inputs:
                raise StatusError(
                    "INVALID_ARGUMENT", f"Failed to get input map for signature: {name}"
                )
            inputs, by_row = json_requests.predict_inputs(document, dict(signature.inputs))
            outputs = yield from predict.run_signature(servable, signature, inputs)
        return json_answers.predict_answer(outputs, by_row)

    def classify_json(self, spec: model_pb2.ModelSpec, body: bytes) -> Steps[bytes]:
        request = classification_pb2.ClassificationRequest(model_spec=spec)
        document = json_requests.parse_object(body)
        request.model_spec.signature_name = json_requests.signature_name(document)
        request.input.CopyFrom(json_requests.examples_input(document))
        response = yield from self.classify(request)
        return json_answers.classify_answer(response.result)

    def regress_json(self, spec: model_pb2.ModelSpec, body: bytes) -> Steps[bytes]:
        request = regression_pb2.RegressionRequest(model_spec=spec)
        document = json_requests.parse_object(body)
        request.model_spec.signature_name = json_requests.signature_name(document)
        request.input.CopyFrom(json_requests.examples_input(document))
        response = yield from self.regress(request)
        return json_answers.regress_answer(response.result)

    def status_json(self, spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        text = json_format.MessageToJson(
            self.status(request), always_print_fields_with_no_presence=True, indent=1
        )
        return text.encode("utf-8") + b"\n"

    def metadata_json(self, spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=[SIGNATURE_DEF]
        )
        response = self.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[SIGNATURE_DEF].Unpack(signatures)
        spec_text, signature_text = (
            json_format.MessageToJson(
                message,
                always_print_fields_with_no_presence=True,
                preserving_proto_field_name=True,
                indent=1,
            )
            for message in (response.model_spec, signatures)
        )
        text = (
            f'{{\n"model_spec":{spec_text}\n,\n'
            f'"metadata": {{"signature_def": {signature_text}\n}}\n}}\n'
        )
        return text.encode("utf-8")


def _need_spec(request) -> None:
    if not request.HasField("model_spec"):
        raise StatusError("INVALID_ARGUMENT", "Missing ModelSpec")


def _which(spec: model_pb2.ModelSpec) -> tuple[str, int | None, str | None]:
    choice = spec.WhichOneof("version_choice")
    return (
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )
