"""The gRPC front: PredictionService, ModelService and the standard health service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health as grpc_health
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tfmm.serving.backend import Backend
from tfmm.serving.errors import ServingConfigError, StatusError
from tfmm.serving.limits import Admission, hidden_failures
from tfmm.serving.steps import Steps

# TensorFlow Serving cuts its error texts here, since they travel in HTTP/2 headers.
_MAX_DETAILS = 1024
_WAITING_RELOADS = 8
_SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


class _Service:
    def __init__(self, backend: Backend):
        self._backend = backend
        self._core = backend.core
        # One reload at a time; a flood of them must not pile up.
        self._reloads = Admission(1, _WAITING_RELOADS)

    async def _pooled(
        self, context: Any, api: str, steps: Callable[[Any], Steps[Any]], request: Any
    ) -> Any:
        task = request.tasks[0] if api == "MultiInference" and request.tasks else request
        model = task.model_spec.name if hasattr(task, "model_spec") else ""
        try:
            with self._backend.budget.hold() as held:
                held.take(request.ByteSize())
                return await self._backend.answer(model, api, "GRPC", steps, request)
        except StatusError as error:
            await _abort(context, error)

    async def _at_once(self, context: Any, answer: Callable[[Any], Any], request: Any) -> Any:
        try:
            with hidden_failures():
                return answer(request)
        except StatusError as error:
            await _abort(context, error)

    async def _reloaded(self, context: Any, request: Any) -> Any:
        # Loading may take minutes; it has a thread of its own.
        try:
            self._reloads.enter()
            try:
                with hidden_failures():
                    return await asyncio.to_thread(self._core.reload, request)
            finally:
                self._reloads.leave()
        except StatusError as error:
            await _abort(context, error)


async def _abort(context: Any, error: StatusError) -> None:
    await context.abort(getattr(grpc.StatusCode, error.code), error.message[:_MAX_DETAILS])


class _Prediction(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    async def Predict(self, request, context):
        return await self._pooled(context, "Predict", self._core.predict, request)

    async def Classify(self, request, context):
        return await self._pooled(context, "Classify", self._core.classify, request)

    async def Regress(self, request, context):
        return await self._pooled(context, "Regress", self._core.regress, request)

    async def MultiInference(self, request, context):
        return await self._pooled(context, "MultiInference", self._core.multi_inference, request)

    async def GetModelMetadata(self, request, context):
        return await self._at_once(context, self._core.metadata, request)


class _Models(_Service, model_service_pb2_grpc.ModelServiceServicer):
    # Status stays out of the pool: a full server must still say how it is.
    async def GetModelStatus(self, request, context):
        return await self._at_once(context, self._core.status, request)

    async def HandleReloadConfigRequest(self, request, context):
        return await self._reloaded(context, request)


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
        self._health = grpc_health.aio.HealthServicer()
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Prediction(backend), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(backend), self._server)
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
        for service in _SERVICES:
            await self._health.set(service, status)
