"""TLS on both ports, and certificates asked of clients."""

from __future__ import annotations

import asyncio

import pytest

from tests.serving.certificates import Certificates, make_certificates
from tfmm.serving import AsyncClient, Client, Server, ServingConfigError, ServingError
from tfmm.serving.server.fronts.tls import ServerTls


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=[False, True], ids=["server only", "client too"])
def secured(request, exports, certificates, tmp_path_factory):
    """A server with TLS, and whether it asks for the client's certificate."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "shop").mkdir()
    (folder / "shop/1").symlink_to(exports["shop1"])
    config = certificates.write_config(folder / "ssl.config", client_verify=request.param)
    with Server(folder, grpc_port=0, rest_port=0, ssl_config=config) as server:
        yield server, request.param


def _client(server, transport, **options) -> Client:
    address = server.grpc_address if transport == "grpc" else server.rest_address
    return Client(address, "shop", transport=transport, timeout=5, **options)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_who_shows_the_right_certificates_is_answered(secured, certificates, transport):
    server, asks = secured
    mine = {"key": certificates.client_key, "certificate": certificates.client_certificate}
    with _client(server, transport, ca=certificates.ca, **(mine if asks else {})) as client:
        assert client.recommend("ann").item_id == ["boot", "clog", "hat"]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_asynchronous_client_shows_them_too(secured, certificates, transport):
    server, asks = secured
    mine = {"key": certificates.client_key, "certificate": certificates.client_certificate}
    address = server.grpc_address if transport == "grpc" else server.rest_url

    async def ask() -> list[str]:
        options = {"ca": certificates.ca, **(mine if asks else {})}
        async with AsyncClient(address, "shop", transport=transport, **options) as client:
            return (await client.recommend("ann")).item_id

    assert asyncio.run(ask()) == ["boot", "clog", "hat"]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_others_are_refused(secured, certificates, transport):
    server, asks = secured
    options: list[dict] = [{}, {"ca": certificates.stranger_certificate}]
    if asks:
        strange = {
            "key": certificates.stranger_key,
            "certificate": certificates.stranger_certificate,
        }
        options += [{"ca": certificates.ca}, {"ca": certificates.ca, **strange}]
    for tried in options:
        with (
            _client(server, transport, retries=0, **tried) as client,
            pytest.raises(ServingError) as caught,
        ):
            client.recommend("ann")
        assert caught.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN")


def test_a_config_that_cannot_work_is_refused_without_quoting_the_key(certificates, tmp_path):
    file = certificates.write_config(tmp_path / "ssl.config", client_verify=True)
    whole = file.read_text()
    key = certificates.server_key.splitlines()[1]
    for text, words in (
        ("client_verify: true", "needs server_key and server_cert"),
        ("".join(whole.splitlines(True)[:2]) + "client_verify: true", "names no custom_ca"),
        (whole.replace("BEGIN CERTIFICATE", "BEGIN NOTHING"), "fit together"),
        (whole.replace("server_cert", "certificate"), "does not parse"),
    ):
        file.write_text(text)
        with pytest.raises(ServingConfigError, match=words) as caught:
            ServerTls.from_file(file)
        assert key not in str(caught.value)
