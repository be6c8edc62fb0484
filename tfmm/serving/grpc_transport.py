"""The client's way over gRPC: one channel, reused by every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
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

from tfmm.serving import tensors
from tfmm.serving.errors import code_name
from tfmm.serving.transport import (
    ModelMetadata,
    Signature,
    Target,
    TensorSpec,
    TransportError,
    VersionStatus,
    decode_strings,
)

_LOOPBACK = ("localhost:", "127.", "[::1]:")


class GrpcTransport:
    """Calls PredictionService and ModelService at `host:port`.

    Args:
        address: `host:port`.
        target: the model to ask.
        timeout: deadline of each call, seconds.
        max_message_bytes: largest answer taken; gRPC's own default of 4 MB is soon too small.
    """

    def __init__(self, address: str, target: Target, *, timeout: float, max_message_bytes: int):
        options: list[tuple[str, int]] = [
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
        ]
        if address.startswith(_LOOPBACK):
            # A proxy from the environment cannot know this machine's ports.
            options.append(("grpc.enable_http_proxy", 0))
        self._channel = grpc.insecure_channel(address, options)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._target = target
        self._timeout = timeout

    def _spec(self, signature: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self._target.model, signature_name=signature)
        if self._target.version is not None:
            spec.version.value = self._target.version
        elif self._target.label is not None:
            spec.version_label = self._target.label
        return spec

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise TransportError(error.code().name, error.details() or "") from None

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], spec: Signature
    ) -> tuple[dict[str, np.ndarray], int | None]:
        request = predict_pb2.PredictRequest(model_spec=self._spec(signature))
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tensors.to_proto(array))
        response = self._call(self._prediction.Predict, request)
        outputs = {
            name: decode_strings(name, tensors.from_proto(proto))
            for name, proto in response.outputs.items()
        }
        return outputs, response.model_spec.version.value

    def metadata(self) -> ModelMetadata:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec(), metadata_field=["signature_def"]
        )
        response = self._call(self._prediction.GetModelMetadata, request)
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

    def status(self) -> list[VersionStatus]:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec())
        response = self._call(self._models.GetModelStatus, request)
        name_of = get_model_status_pb2.ModelVersionStatus.State.Name
        return [
            VersionStatus(
                entry.version,
                name_of(entry.state),
                code_name(entry.status.error_code),
                entry.status.error_message,
            )
            for entry in response.model_version_status
        ]

    def close(self) -> None:
        self._channel.close()


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
