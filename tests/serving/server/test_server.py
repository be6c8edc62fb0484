"""The server as a process: addresses, limits, overload, and how it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import pytest

from tests.serving.http_tools import ask, post
from tfmm.serving import Client, Server, ServingConfigError, ServingError
from tfmm.serving.server.versions.servable import Servable


@pytest.fixture
def held(monkeypatch):
    """Every inference waits until `release` is set; `entered` counts those that wait or waited."""

    class Held:
        release = threading.Event()
        entered = threading.Semaphore(0)

    real = Servable.run

    def run(self, *arguments):
        Held.entered.release()
        assert Held.release.wait(20)
        return real(self, *arguments)

    monkeypatch.setattr(Servable, "run", run)
    yield Held
    Held.release.set()


def _in_background(calls):
    """Run each call in a thread; returns the threads and the list their results or errors go to."""
    results: list[object] = []

    def run(call) -> None:
        try:
            results.append(call())
        except ServingError as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    return threads, results


def test_it_listens_on_loopback_and_reports_its_ports(embedded_server):
    server = embedded_server
    for address in (server.grpc_address, server.rest_address):
        host, port = address.split(":")
        assert host == "127.0.0.1"
        assert int(port) > 0


def test_a_server_needs_one_source_of_models():
    with pytest.raises(ServingConfigError, match="either `models`"):
        Server()
    with pytest.raises(ServingConfigError, match="either `models`"):
        Server("a", models_config="b")


def test_a_server_that_is_not_started_has_no_address(install):
    with pytest.raises(RuntimeError, match="not started"):
        _ = Server(install("shop1", "shop/1")).grpc_address


@pytest.mark.parametrize("front", ["grpc_port", "rest_port"])
def test_a_taken_port_is_named_and_the_other_front_is_let_go(install, front):
    models = install("shop1", "shop/1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServingConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            Server(models, **{"grpc_port": 0, "rest_port": 0, front: port}).start()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_beyond_the_queue_requests_are_refused_at_once(install, held, transport):
    models = install("shop1", "shop/1")
    with Server(models, grpc_port=0, rest_port=0, threads=1, waiting=1) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "shop", transport=transport) as client:
            client.metadata()
            threads, results = _in_background([lambda: client.recommend("ann")])
            assert held.entered.acquire(timeout=10)
            more, _ = _in_background([lambda: client.recommend("ann")])
            time.sleep(0.2)
            with pytest.raises(ServingError, match="The server is full: 1 requests") as caught:
                client.recommend("ann")
            assert caught.value.code == "RESOURCE_EXHAUSTED"
            if transport == "rest":
                body = {"instances": ["ann"]}
                assert post(server.rest_address, "/v1/models/shop:predict", body)[0] == 429
            # A full server still says how it is.
            assert client.status()[0].state == "AVAILABLE"
            held.release.set()
            for thread in threads + more:
                thread.join()
            assert results[0].item_id == ["boot", "clog", "hat"]


def test_stopping_finishes_what_was_accepted(install, held):
    models = install("shop1", "shop/1")
    server = Server(models, grpc_port=0, rest_port=0, threads=1).start()
    grpc_client = Client(server.grpc_address, "shop")
    rest_client = Client(server.rest_address, "shop", transport="rest")
    with grpc_client, rest_client:
        grpc_client.metadata()
        rest_client.metadata()
        threads, results = _in_background(
            [lambda: grpc_client.recommend("ann"), lambda: rest_client.recommend("ann")]
        )
        assert held.entered.acquire(timeout=10)
        time.sleep(0.2)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.2)
        held.release.set()
        for thread in [*threads, stopping]:
            thread.join(20)
        assert [hits.item_id for hits in results] == [["boot", "clog", "hat"]] * 2
        with pytest.raises(ServingError, match="UNAVAILABLE"):
            grpc_client.recommend("ann")
    server.stop()


def test_a_deadline_that_passes_in_the_queue_leaves_it(install, held):
    models = install("shop1", "shop/1")
    with (
        Server(models, grpc_port=0, rest_port=0, threads=1, waiting=1) as server,
        Client(server.grpc_address, "shop") as patient,
        Client(server.grpc_address, "shop", timeout=0.3) as hasty,
    ):
        patient.metadata()
        hasty.metadata()
        threads, results = _in_background([lambda: patient.recommend("ann")])
        assert held.entered.acquire(timeout=10)
        for _ in range(3):
            with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
                hasty.recommend("ann")
        held.release.set()
        threads[0].join()
        assert results[0].item_id


def test_messages_over_the_limit_are_refused(install):
    models = install("shop1", "shop/1")
    with Server(models, grpc_port=0, rest_port=0, max_message_bytes=10_000) as server:
        status, answer = post(server.rest_address, "/v1/models/shop:predict", " " * 20_000)
        assert status == 413
        assert "larger than the limit of 10000 bytes" in answer["error"]
        with (
            Client(server.grpc_address, "shop") as client,
            pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"),
        ):
            client.recommend(["x" * 20_000])


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\nContent-Length: nope\r\n\r\n",
        b"POST /v1/models/shop:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(200),
    ],
)
def test_junk_on_either_port_leaves_the_server_up(embedded_server, junk):
    server = embedded_server
    for address in (server.rest_address, server.grpc_address):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(junk)
    assert ask(server.rest_address, "GET", "/v1/models/shop")[0] == 200
    with Client(server.grpc_address, "shop") as client:
        assert client.recommend("ann").item_id


def test_a_truncated_message_is_an_error_to_its_sender_only(embedded_server):
    server = embedded_server
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError):
            call(b"\x0a\xff\xff\xff\x0f123", timeout=10)
    assert ask(server.rest_address, "GET", "/v1/models/shop")[0] == 200


def test_an_error_inside_names_nothing_to_the_client(embedded_server, monkeypatch, caplog):
    server = embedded_server

    def explode(self, *arguments):
        raise RuntimeError("secret path /etc/shadow")

    monkeypatch.setattr(Servable, "run", explode)
    status, answer = post(server.rest_address, "/v1/models/shop:predict", {"instances": ["a"]})
    assert status == 500
    assert answer == {"error": "The server failed while it answered; its log says why."}
    assert "secret path" in caplog.text


def test_serve_forever_says_what_it_loads_and_stops_on_a_signal(install):
    models = install("shop1", "shop/1")
    code = (
        "from tfmm.serving import serve_forever\n"
        f"serve_forever({str(models)!r}, grpc_port=0, rest_port=0)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"loaded shop version 1 from {models}/shop/1 in ")
    addresses = process.stdout.readline()
    assert addresses.startswith("gRPC on 127.0.0.1:")
    rest = addresses.split("http://")[1].split("/")[0]
    assert ask(rest, "GET", "/v1/models/shop")[0] == 200
    process.send_signal(signal.SIGTERM)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 0, complained
    assert "stopping" in said
    assert "unloaded shop version 1" in said
    assert "deprecated" not in complained
