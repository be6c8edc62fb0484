"""A client's questions as TensorFlow Serving's messages, and its messages as replies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfmm.serving.client.transport import (
    Metadata,
    ModelMetadata,
    Predict,
    Prediction,
    Question,
    Signature,
    Status,
    Target,
    TensorSpec,
    Tls,
    TransportError,
    VersionStatus,
    decode_strings,
)
from tfmm.serving.server import tensors
from tfmm.serving.server.errors import code_name

_LOOPBACK = ("localhost:", "127.", "[::1]:")


def channel_options(address: str, max_message_bytes: int) -> list[tuple[str, int]]:
    """Options of a channel to `address`, whose answers are at most so many bytes."""
    options = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        # A server that is back must be found by the next attempt.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    if address.startswith(_LOOPBACK):
        # A proxy from the environment cannot know this machine's ports.
        options.append(("grpc.enable_http_proxy", 0))
    return options


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Of a channel with TLS. Raises OSError for a file that cannot be read."""
    ca, key, certificate = (
        None if file is None else Path(file).read_bytes()
        for file in (tls.ca, tls.key, tls.certificate)
    )
    return grpc.ssl_channel_credentials(ca, key, certificate)


class GrpcQuestions:
    """Questions to one model over one channel, `grpc.Channel` or `grpc.aio.Channel`."""

    def __init__(self, channel: Any, target: Target, headers: Mapping[str, str]):
        self._target = target
        self._sent = tuple(headers.items())
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._predict = prediction.Predict
        self._metadata = prediction.GetModelMetadata
        self._status = models.GetModelStatus

    def call(self, question: Question, seconds: float) -> Any:
        """The call under way: a response, or something to await for one."""
        if isinstance(question, Predict):
            request = predict_pb2.PredictRequest(model_spec=self._spec(question.signature))
            for name, array in question.inputs.items():
                request.inputs[name].CopyFrom(tensors.to_proto(array))
            return self._predict(request, timeout=seconds, metadata=self._sent)
        if isinstance(question, Metadata):
            metadata = get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=self._spec(), metadata_field=["signature_def"]
            )
            return self._metadata(metadata, timeout=seconds, metadata=self._sent)
        spec = model_pb2.ModelSpec(name=self._target.model)
        status = get_model_status_pb2.GetModelStatusRequest(
            model_spec=spec if question.every_version else self._spec()
        )
        return self._status(status, timeout=seconds, metadata=self._sent)

    def reply(self, question: Question, response: Any) -> Any:
        """What a response says."""
        if isinstance(question, Predict):
            outputs = {
                name: decode_strings(name, tensors.from_proto(proto))
                for name, proto in response.outputs.items()
            }
            return Prediction(outputs, response.model_spec.version.value)
        if isinstance(question, Status):
            return [_version_status(entry) for entry in response.model_version_status]
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        return ModelMetadata(
            response.model_spec.name,
            response.model_spec.version.value,
            {
                name: Signature(_specs(signature.inputs), _specs(signature.outputs))
                for name, signature in signatures.signature_def.items()
            },
        )

    def _spec(self, signature: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self._target.model, signature_name=signature)
        if self._target.version is not None:
            spec.version.value = self._target.version
        elif self._target.label is not None:
            spec.version_label = self._target.label
        return spec


def failure(error: Any) -> TransportError:
    """An RPC's error as the client knows it."""
    return TransportError(error.code().name, error.details() or "")


def _version_status(entry: get_model_status_pb2.ModelVersionStatus) -> VersionStatus:
    return VersionStatus(
        entry.version,
        get_model_status_pb2.ModelVersionStatus.State.Name(entry.state),
        code_name(entry.status.error_code),
        entry.status.error_message,
    )


def _specs(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            types_pb2.DataType.Name(info.dtype),
            None
            if info.tensor_shape.unknown_rank
            else tuple(dim.size for dim in info.tensor_shape.dim),
        )
        for name, info in infos.items()
    }
