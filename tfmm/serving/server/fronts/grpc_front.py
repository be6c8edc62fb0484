"""The gRPC front: PredictionService, ModelService and the standard health service."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tfmm.serving.server.errors import ServingConfigError, StatusError
from tfmm.serving.server.fronts.backend import Backend
from tfmm.serving.server.limits import Admission, hidden_failures
from tfmm.serving.server.steps import Steps

# TensorFlow Serving cuts its error texts here, since they travel in HTTP/2 headers.
_MAX_DETAILS = 1024
_CUT = "...TRUNCATED"
_WAITING_RELOADS = 8
_PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
_MODEL_SERVICE = "tensorflow.serving.ModelService"


class _Methods:
    """The methods of both services, each from a request's bytes to its response."""

    def __init__(self, backend: Backend):
        self._backend = backend
        # One reload at a time; a flood of them must not pile up.
        self._reloads = Admission(1, _WAITING_RELOADS)

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        core = self._backend.core
        pooled = {
            "Predict": (predict_pb2.PredictRequest, core.predict),
            "Classify": (classification_pb2.ClassificationRequest, core.classify),
            "Regress": (regression_pb2.RegressionRequest, core.regress),
            "MultiInference": (inference_pb2.MultiInferenceRequest, core.multi_inference),
        }
        metadata = get_model_metadata_pb2.GetModelMetadataRequest
        prediction = {
            name: _handler(functools.partial(self._pooled, name, request_type, steps))
            for name, (request_type, steps) in pooled.items()
        }
        prediction["GetModelMetadata"] = _handler(
            functools.partial(self._at_once, metadata, core.metadata)
        )
        # Status stays out of the pool: a full server must still say how it is.
        status = get_model_status_pb2.GetModelStatusRequest
        models = {
            "GetModelStatus": _handler(functools.partial(self._at_once, status, core.status)),
            "HandleReloadConfigRequest": _handler(self._reload),
        }
        return [
            grpc.method_handlers_generic_handler(_PREDICTION_SERVICE, prediction),
            grpc.method_handlers_generic_handler(_MODEL_SERVICE, models),
        ]

    async def _pooled(
        self, api: str, request_type: Any, steps: Callable[[Any], Steps[Any]], data: bytes
    ) -> Any:
        request = _parsed(request_type, data)
        if api == "MultiInference":
            name = request.tasks[0].model_spec.name if request.tasks else ""
        else:
            name = request.model_spec.name
        with self._backend.budget.hold() as held:
            held.take(len(data))
            return await self._backend.answer(name, api, "GRPC", steps, request)

    async def _at_once(self, request_type: Any, answer: Callable[[Any], Any], data: bytes) -> Any:
        request = _parsed(request_type, data)
        with hidden_failures():
            return answer(request)

    async def _reload(self, data: bytes) -> Any:
        request = _parsed(model_management_pb2.ReloadConfigRequest, data)
        self._reloads.enter()
        try:
            with hidden_failures():
                # Loading may take minutes; it has a thread of its own.
                return await asyncio.to_thread(self._backend.core.reload, request)
        finally:
            self._reloads.leave()


def _parsed(request_type: Any, data: bytes) -> Any:
    try:
        return request_type.FromString(data)
    except DecodeError:
        # gRPC's own parsing would answer UNKNOWN and write a traceback to the log each time.
        raise StatusError(
            "INVALID_ARGUMENT",
            f"The request does not parse as {request_type.DESCRIPTOR.full_name}.",
        ) from None


def _handler(answer: Callable[[bytes], Coroutine[Any, Any, Any]]) -> grpc.RpcMethodHandler:
    async def respond(data: bytes, context: Any) -> bytes:
        try:
            return (await answer(data)).SerializeToString()
        except StatusError as error:
            details = error.message
            if len(details) > _MAX_DETAILS:
                details = details[:_MAX_DETAILS] + _CUT
            await context.abort(getattr(grpc.StatusCode, error.code), details)
            raise AssertionError("abort raises") from None

    return grpc.unary_unary_rpc_method_handler(respond)


class _Health(grpc_health.aio.HealthServicer):
    """The standard health service, which refuses a service that it does not know in words."""

    async def Check(self, request: Any, context: Any) -> Any:
        if request.service:
            await context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
        return await super().Check(request, context)


class GrpcFront:
    """A gRPC server on one address; made, started and stopped on the event loop.

    Args:
        backend: answers the requests and says what its limits are.
        host, port: where to listen; port 0 takes a free one, see `port`.

    Raises:
        ServingConfigError: the port is taken.
    """

    def __init__(self, backend: Backend, *, host: str, port: int):
        self._grace = backend.grace_seconds
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", backend.max_message_bytes),
                ("grpc.max_send_message_length", backend.max_message_bytes),
                # Otherwise two servers share one port and each gets half of the requests.
                ("grpc.so_reuseport", 0),
                # A client whose machine died is noticed, and what it held is given back.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.server_handshake_timeout_ms", 10_000),
            ],
            maximum_concurrent_rpcs=backend.max_connections,
        )
        self._health = _Health()
        self._server.add_generic_rpc_handlers(_Methods(backend).handlers())
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if backend.tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, backend.tls.credentials())
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise ServingConfigError(
                f"gRPC cannot listen on {address}: port {port} is taken, or the host is not this "
                "machine's. Choose another port, or 0 for any free one."
            )

    async def start(self) -> None:
        """Answer from now on; health says NOT_SERVING until `ready`."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def ready(self) -> None:
        """Let the health service say SERVING."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Take no more requests; finish those taken, for as long as the backend's grace."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._grace)

    async def _set_health(self, status: Any) -> None:
        # As there, the server as a whole alone has a health: a named service is unknown.
        await self._health.set("", status)
