"""The embedded server: TensorFlow Serving's two protocols from one process, no other software
needed.

For laptops, tests and small shops. `tensorflow/serving` takes the same folder and the same clients.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

from tfmm.serving.server.config import ModelSource, model_folder, read_models_config
from tfmm.serving.server.core import ServingCore
from tfmm.serving.server.errors import ServingConfigError
from tfmm.serving.server.fronts.backend import Backend
from tfmm.serving.server.fronts.grpc_front import GrpcFront
from tfmm.serving.server.fronts.rest_front import RestFront
from tfmm.serving.server.fronts.tls import ServerTls
from tfmm.serving.server.limits import ByteBudget
from tfmm.serving.server.metrics import Metrics, metrics_path
from tfmm.serving.server.pools.batching import BatchingPool
from tfmm.serving.server.pools.batching_parameters import BatchingParameters
from tfmm.serving.server.pools.pool import InferencePool, Pool
from tfmm.serving.server.versions.models import ModelManager
from tfmm.serving.server.versions.states import ModelEvent

_READY_SECONDS = 300.0


class Server:
    """Serves exported models over gRPC and REST.

    Give it either a folder that holds `NAME/VERSION/` (every NAME is served, newest version first,
    new names and versions picked up as they appear) or a models.config file.

    ```python
    with Server("models", grpc_port=0, rest_port=0) as server:
        with Client(server.grpc_address, "shop") as client:
            print(client.recommend("user-7").item_id)
    ```

    Args:
        models: the folder.
        models_config: path of a models.config (text form of `ModelServerConfig`), instead of a
            folder.
        host: address to listen on. The default takes requests from this machine only; the
            protocols know no passwords.
        grpc_port, rest_port: ports; 0 takes a free one.
        poll_seconds: time between two looks for new versions.
        batching: merge requests that come together: parameters, or the path of a file of them in
            TensorFlow Serving's form; None answers them one by one.
        monitoring_config: path of a monitoring.config, whose `path` on the REST port then answers
            with Prometheus metrics; None for no metrics.
        ssl_config: path of an ssl.config, with key and certificates for both ports; None for plain
            text.
        threads: requests answered at once, where they are not merged; by default one a core, at
            least two.
        waiting: requests that may wait for a thread; more are refused (RESOURCE_EXHAUSTED, HTTP
            429).
        max_message_bytes: largest request.
        max_pending_bytes: bytes of all requests that have arrived and are not answered; more are
            refused likewise.
        max_connections: open connections on the REST port and calls under way on the gRPC port;
            more are refused likewise.
        timeout_seconds: how long a request may take, waiting included (DEADLINE_EXCEEDED, HTTP
            504).
        grace_seconds: how long `stop` waits for requests it has accepted.
        on_event: called for every version loaded, unloaded or failed, from the loading thread.

    Raises:
        ServingConfigError: the folder or a file cannot be used.
    """

    def __init__(
        self,
        models: str | os.PathLike[str] | None = None,
        *,
        models_config: str | os.PathLike[str] | None = None,
        host: str = "127.0.0.1",
        grpc_port: int = 8500,
        rest_port: int = 8501,
        poll_seconds: float = 1.0,
        batching: BatchingParameters | str | os.PathLike[str] | None = None,
        monitoring_config: str | os.PathLike[str] | None = None,
        ssl_config: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        waiting: int = 256,
        max_message_bytes: int = 64 << 20,
        max_pending_bytes: int = 512 << 20,
        max_connections: int = 1024,
        timeout_seconds: float = 30.0,
        grace_seconds: float = 30.0,
        on_event: Callable[[ModelEvent], None] | None = None,
    ):
        if (models is None) == (models_config is None):
            raise ServingConfigError(
                "Server needs either `models` (a folder of NAME/VERSION/) or `models_config` (a "
                f"models.config file), got models={models!r}, models_config={models_config!r}."
            )
        source = _source(models, models_config)
        tls = None if ssl_config is None else ServerTls.from_file(ssl_config)
        self._metrics_path = metrics_path(monitoring_config)
        if batching is not None and not isinstance(batching, BatchingParameters):
            batching = BatchingParameters.from_file(batching)
        metrics = Metrics(batching.thread_pool_name if batching else "")

        def happened(event: ModelEvent) -> None:
            metrics.loaded(event)
            if on_event is not None:
                on_event(event)

        self._manager = ModelManager(source, poll_seconds=poll_seconds, on_event=happened)
        kwargs: dict[str, Any] = {"seconds": timeout_seconds, "metrics": metrics}
        self._pool: Pool
        if batching is not None:
            self._pool = BatchingPool(batching, waiting, **kwargs)
        else:
            self._pool = InferencePool(threads or max(2, os.cpu_count() or 2), waiting, **kwargs)
        self._backend = Backend(
            core=ServingCore(self._manager),
            pool=self._pool,
            metrics=metrics,
            budget=ByteBudget(max_pending_bytes),
            max_message_bytes=max_message_bytes,
            max_connections=max_connections,
            grace_seconds=grace_seconds,
            tls=tls,
        )
        self._host = host
        self._ports = (grpc_port, rest_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="tfmm-serving", daemon=True
        )
        self._grpc: GrpcFront | None = None
        self._rest: RestFront | None = None
        self._state = "new"
        #: What did not load when the server started, and why, a line a model.
        self.not_served: list[str] = []

    def start(self, timeout: float = _READY_SECONDS) -> Self:
        """Listen, load every model, and return once each has a version that answers.

        A model that does not load keeps none of the others from being served: `not_served` says
        which, and its state is END, with the error.

        Raises:
            ServingConfigError: a port is taken, or no model loads.
            TimeoutError: loading took longer than `timeout` seconds.
        """
        if self._state != "new":
            raise RuntimeError("A Server starts once; make another one.")
        self._state = "running"
        self._thread.start()
        try:
            self._on_loop(self._listen())
            self._manager.start()
            self.not_served = self._manager.wait_started(timeout)
            assert self._grpc is not None
            self._on_loop(self._grpc.ready())
        except BaseException:
            self.stop()
            raise
        return self

    async def _listen(self) -> None:
        # Both are bound before either answers, so that a taken port leaves nothing half open.
        self._grpc = GrpcFront(self._backend, host=self._host, port=self._ports[0])
        self._rest = RestFront(
            self._backend, host=self._host, port=self._ports[1], metrics_path=self._metrics_path
        )
        await self._rest.start()
        await self._grpc.start()

    def stop(self) -> None:
        """Take no more requests, finish those accepted, unload the models. Calling it again is
        fine."""
        if self._state != "running":
            self._state = "stopped"
            return
        self._state = "stopped"
        self._pool.hurry()
        self._on_loop(self._close())
        self._pool.close()
        self._manager.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        closing: list[Coroutine[Any, Any, None]] = []
        if self._grpc is not None:
            closing.append(self._grpc.stop())
        if self._rest is not None:
            closing.append(self._rest.stop())
        await asyncio.gather(*closing)

    def _on_loop(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def wait_ready(
        self,
        timeout: float = _READY_SECONDS,
        *,
        model: str | None = None,
        version: int | None = None,
    ) -> None:
        """Wait until every model, or the one named (in that version), has a version that answers.

        Raises:
            ServingConfigError: it does not load; the message says why.
            TimeoutError: it took longer than `timeout` seconds.
        """
        self._manager.wait_ready(timeout, model, version)

    @property
    def grpc_address(self) -> str:
        """`host:port` of the gRPC front."""
        return f"{self._host}:{self._front(self._grpc).port}"

    @property
    def rest_address(self) -> str:
        """`host:port` of the REST front."""
        return f"{self._host}:{self._front(self._rest).port}"

    @property
    def rest_url(self) -> str:
        """`http://host:port` of the REST front, or `https://…` with certificates."""
        return f"{'https' if self._backend.tls else 'http'}://{self.rest_address}"

    @property
    def model_names(self) -> list[str]:
        """The models now served."""
        return self._manager.model_names

    def _front(self, front: Any) -> Any:
        if front is None:
            raise RuntimeError("The server is not started, so it has no address yet: call start().")
        return front

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _source(
    models: str | os.PathLike[str] | None, models_config: str | os.PathLike[str] | None
) -> ModelSource:
    if models is not None:
        return model_folder(Path(models))
    assert models_config is not None
    configs = read_models_config(Path(models_config))
    return lambda: configs


def serve_forever(
    models: str | os.PathLike[str] | None = None,
    *,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
    **options: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted; for a command's main thread.

    Args:
        models: the folder of models, as `Server` takes it.
        say: gets one line for each version loaded, unloaded or failed, and for the two addresses.
        **options: as `Server` takes them.

    Raises:
        ServingConfigError, TimeoutError: as `Server` raises them.
    """

    def tell(event: ModelEvent) -> None:
        what = f"{event.name} version {event.version}"
        if event.kind == "loaded":
            say(f"loaded {what} from {event.path} in {event.seconds:.1f} s")
        elif event.kind == "failed":
            say(f"failed {what} from {event.path}: {event.message}")
        else:
            say(f"unloaded {what}")

    asked_to_stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: asked_to_stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Server(models, on_event=tell, **options) as server:
            for line in server.not_served:
                say(f"not served: {line}")
            say(f"gRPC on {server.grpc_address}, REST on {server.rest_url}/v1/models/")
            asked_to_stop.wait()
            say("stopping, requests already accepted are finished")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
