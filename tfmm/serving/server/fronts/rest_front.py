"""The REST front: TensorFlow Serving's paths, verbs and statuses over HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from tensorflow_serving.apis import model_pb2

from tfmm.serving.server.errors import HTTP_STATUS, ServingConfigError, StatusError
from tfmm.serving.server.fronts.backend import Backend
from tfmm.serving.server.fronts.json_answers import error_answer
from tfmm.serving.server.limits import ByteHold, hidden_failures
from tfmm.serving.server.metrics import CONTENT_TYPE

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
# As in TensorFlow Serving the prefix's case does not matter; that of the method does.
_POST = re.compile(
    rf"(?i:/v1/models)/(?P<name>[^/:]+)(?i:{_WHICH}):(?P<method>classify|regress|predict)"
)
_GET = re.compile(rf"(?i:/v1/models)(?:/(?P<name>[^/:]+))?(?i:{_WHICH})(?P<metadata>/metadata)?")
_PREFIX = re.compile(r"(?i:/v1/).*")
_NOT_FOUND = (
    "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n"
    "<H1>Not Found</H1>\n</BODY></HTML>\n"
)
_INT64_MAX = (1 << 63) - 1
_BODY_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_IDLE_SECONDS = 75.0
_HANDSHAKE_SECONDS = 10.0
# What strangers send amiss is answered; a traceback for each would fill the log.
_strangers = logging.getLogger("tfmm.serving.http")
_strangers.setLevel(logging.CRITICAL)


class _NoNumberError(StatusError):
    """A version beyond int64: TensorFlow Serving answers 400 without a word."""

    def __init__(self) -> None:
        super().__init__("INVALID_ARGUMENT", "")


class _TooLargeError(StatusError):
    """A body over the limit; HTTP has a status of its own for it."""

    def __init__(self, limit: int):
        super().__init__(
            "RESOURCE_EXHAUSTED", f"The request is larger than the limit of {limit} bytes."
        )


def _spec(found: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=unquote(found["name"], errors="replace"))
    if found["version"]:
        if int(found["version"]) > _INT64_MAX:
            raise _NoNumberError
        spec.version.value = int(found["version"])
    elif found["label"]:
        spec.version_label = unquote(found["label"], errors="replace")
    return spec


class _Refusal(asyncio.Protocol):
    """Takes the place of a connection too many: says so and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        body = error_answer("The server has all the connections it takes. Try again later.")
        head = (
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        assert isinstance(transport, asyncio.Transport)
        transport.write(head.encode() + body)
        transport.close()


class RestFront:
    """An HTTP server on one address; made, started and stopped on the event loop.

    Args:
        backend: answers the requests and says what its limits are.
        host, port: where to listen; port 0 takes a free one, see `port`.
        metrics_path: where to answer with the Prometheus metrics; None for nowhere.
    """

    def __init__(self, backend: Backend, *, host: str, port: int, metrics_path: str | None):
        self._backend = backend
        self._core = backend.core
        self._host = host
        self._metrics_path = metrics_path
        self.port = port
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._listener: asyncio.Server | None = None
        self._methods = {
            "predict": self._core.predict_json,
            "classify": self._core.classify_json,
            "regress": self._core.regress_json,
        }

    async def start(self) -> None:
        """Listen; `stop` will wait for what is being answered, up to the backend's grace.

        Raises:
            ServingConfigError: the port is taken.
        """
        # A bare server, since a router would answer some odd paths itself.
        self._server = web.Server(
            self._handle,
            access_log=None,
            logger=_strangers,
            # A client that hung up leaves the queue.
            handler_cancellation=True,
            # Also the time that a connection may take for a request's head.
            keepalive_timeout=_IDLE_SECONDS,
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=self._backend.grace_seconds)
        await self._runner.setup()
        tls = self._backend.tls
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connection,
                self._host,
                self.port,
                ssl=tls.context() if tls else None,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
            )
        except OSError as error:
            raise ServingConfigError(
                f"REST cannot listen on {self._host}:{self.port}: {error.strerror or error}. "
                "Choose another port, or 0 for any free one."
            ) from None
        self.port = self._listener.sockets[0].getsockname()[1]

    def _connection(self) -> asyncio.BaseProtocol:
        assert self._server is not None
        if len(self._server.connections) >= self._backend.max_connections:
            return _Refusal()
        return self._server()

    async def stop(self) -> None:
        """Take no more requests and finish those taken."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if path == self._metrics_path and request.method == "GET":
            body = self._backend.metrics.text()
            response = web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
        elif not _PREFIX.fullmatch(path):
            response = web.Response(status=404, text=_NOT_FOUND, content_type="text/html")
        else:
            body, status = await self._json(request, path)
            response = web.Response(status=status, body=body, content_type="application/json")
        return await _sent(response, request)

    async def _json(self, request: web.BaseRequest, path: str) -> tuple[bytes, int]:
        try:
            with hidden_failures(), self._backend.budget.hold() as held:
                return await self._answer(request, path, held), 200
        except _TooLargeError as error:
            return error_answer(error.message), 413
        except _NoNumberError:
            return b"", 400
        except StatusError as error:
            return error_answer(error.message), HTTP_STATUS.get(error.code, 500)

    async def _answer(self, request: web.BaseRequest, path: str, held: ByteHold) -> bytes:
        if request.method == "POST" and (found := _POST.fullmatch(path)):
            body = await self._body(request, held)
            spec, method = _spec(found), found["method"]
            return await self._backend.answer(
                spec.name, method, "REST", self._methods[method], spec, body
            )
        if request.method == "GET" and (found := _GET.fullmatch(path)):
            if not found["name"]:
                raise StatusError("INVALID_ARGUMENT", "Missing model name in request.")
            if found["metadata"]:
                return self._core.metadata_json(_spec(found))
            # As there, a status by label is the status of all versions.
            spec = _spec(found)
            spec.ClearField("version_label")
            return self._core.status_json(spec)
        raise StatusError("INVALID_ARGUMENT", f"Malformed request: {request.method} {path}")

    async def _body(self, request: web.BaseRequest, held: ByteHold) -> bytes:
        limit = self._backend.max_message_bytes
        if (request.content_length or 0) > limit:
            raise _TooLargeError(limit)
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for part in request.content.iter_any():
                    # Counted as it arrives: what a client only announces holds nothing.
                    held.take(len(part))
                    if held.size > limit:
                        raise _TooLargeError(limit)
                    parts.append(part)
        except TimeoutError:
            raise StatusError(
                "DEADLINE_EXCEEDED",
                f"The request's body did not arrive within {_BODY_SECONDS:g} s.",
            ) from None
        except (aiohttp.ClientPayloadError, aiohttp.http_exceptions.HttpProcessingError):
            raise StatusError("INVALID_ARGUMENT", "The request's body is broken off.") from None
        return b"".join(parts)


async def _sent(response: web.Response, request: web.BaseRequest) -> web.StreamResponse:
    """Send an answer; a client that does not take it in time is hung up on."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
