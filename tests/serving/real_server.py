"""TensorFlow Serving itself, for the tests of what both servers must do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.serving.http_tools import ask

REAL_SERVER = "tensorflow_model_server"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class RealServer:
    """Where a `tensorflow_model_server` listens."""

    grpc_address: str
    rest_address: str


@contextlib.contextmanager
def real_server(models_config: Path, *flags: str) -> Iterator[RealServer]:
    """Run one; models `shop` and `forms` answer inside the block."""
    running = RealServer(f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}")
    command = [
        REAL_SERVER,
        f"--port={running.grpc_address.split(':')[1]}",
        f"--rest_api_port={running.rest_address.split(':')[1]}",
        f"--model_config_file={models_config}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_grpc_healthcheck_service=true",
        "--file_system_poll_wait_seconds=1",
        "--grpc_max_threads=128",
        *flags,
    ]
    with open(models_config.parent / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait(running: RealServer, process: subprocess.Popen) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            answers = [
                ask(running.rest_address, "GET", f"/v1/models/{m}") for m in ("shop", "forms")
            ]
            if all("AVAILABLE" in text for _, _, text in answers):
                return
        time.sleep(0.1)
    raise RuntimeError(f"{REAL_SERVER} did not come up; its last exit code is {process.poll()}.")
