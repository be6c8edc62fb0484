"""The REST front: TensorFlow Serving's paths, verbs and statuses over HTTP."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote

from aiohttp import web
from tensorflow_serving.apis import model_pb2

from tfmm.serving.core import ServingCore
from tfmm.serving.errors import HTTP_STATUS, ServingConfigError, StatusError
from tfmm.serving.json_answers import error_answer
from tfmm.serving.pool import InferencePool

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


def _spec(found: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=unquote(found["name"], errors="replace"))
    if found["version"]:
        if int(found["version"]) > _INT64_MAX:
            raise StatusError(
                "INVALID_ARGUMENT", f"Failed to convert version: {found['version']} to numeric."
            )
        spec.version.value = int(found["version"])
    elif found["label"]:
        spec.version_label = unquote(found["label"], errors="replace")
    return spec


class RestFront:
    """An HTTP server on one address; made, started and stopped on the event loop.

    Args:
        core: answers the requests.
        pool: where they are answered.
        host, port: where to listen; port 0 takes a free one, see `port`.
        max_message_bytes: the largest body taken.
    """

    def __init__(
        self,
        core: ServingCore,
        pool: InferencePool,
        *,
        host: str,
        port: int,
        max_message_bytes: int,
    ):
        self._core = core
        self._pool = pool
        self._host = host
        self._max_bytes = max_message_bytes
        self.port = port
        self._runner: web.AppRunner | None = None
        self._methods = {
            "predict": core.predict_json,
            "classify": core.classify_json,
            "regress": core.regress_json,
        }

    async def start(self, grace: float) -> None:
        """Listen; `stop` will wait up to `grace` seconds for what is being answered.

        Raises:
            ServingConfigError: the port is taken.
        """
        app = web.Application(client_max_size=self._max_bytes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A client that hung up leaves the queue.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=grace
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        try:
            await site.start()
        except OSError as error:
            raise ServingConfigError(
                f"REST cannot listen on {self._host}:{self.port}: {error.strerror or error}. "
                "Choose another port, or 0 for any free one."
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Take no more requests and finish those taken."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        if not _PREFIX.fullmatch(path):
            return web.Response(status=404, text=_NOT_FOUND, content_type="text/html")
        try:
            body, status = await self._answer(request, path), 200
        except StatusError as error:
            body, status = error_answer(error.message), HTTP_STATUS.get(error.code, 500)
        except web.HTTPRequestEntityTooLarge:
            status = 413
            body = error_answer(f"The request is larger than the limit of {self._max_bytes} bytes.")
        return web.Response(status=status, body=body, content_type="application/json")

    async def _answer(self, request: web.Request, path: str) -> bytes:
        if request.method == "POST" and (found := _POST.fullmatch(path)):
            body = await self._body(request)
            return await self._pool.run(self._methods[found["method"]], _spec(found), body)
        if request.method == "GET" and (found := _GET.fullmatch(path)):
            if not found["name"]:
                raise StatusError("INVALID_ARGUMENT", "Missing model name in request.")
            if found["metadata"]:
                return self._core.metadata_json(_spec(found))
            return self._core.status_json(_spec(found))
        raise StatusError("INVALID_ARGUMENT", f"Malformed request: {request.method} {path}")

    async def _body(self, request: web.Request) -> bytes:
        try:
            return await asyncio.wait_for(request.read(), _BODY_SECONDS)
        except TimeoutError:
            raise StatusError(
                "DEADLINE_EXCEEDED",
                f"The request's body did not arrive within {_BODY_SECONDS:g} s.",
            ) from None
