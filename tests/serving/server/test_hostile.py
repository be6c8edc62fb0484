"""A stranger's bytes on both ports: the server answers with a code or hangs up, stays up, and tells
nothing of its disk. Bounded and seeded, so that a failure comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import time
from pathlib import Path

import grpc
import psutil
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from tests.serving.http_tools import ask
from tfmm.serving import Client, Server

ROUNDS = 150
METHODS = [
    *(
        f"/tensorflow.serving.PredictionService/{name}"
        for name in ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")
    ),
    "/tensorflow.serving.ModelService/GetModelStatus",
    "/grpc.health.v1.Health/Check",
]


@pytest.fixture(scope="module")
def target(exports, tmp_path_factory):
    """A server whose limits are small, and the folder that no answer may name."""
    folder = tmp_path_factory.mktemp("secret-place")
    for name in ("shop1", "forms"):
        place = folder / name.rstrip("1")
        place.mkdir()
        (place / "1").symlink_to(exports[name])
    with Server(folder, grpc_port=0, rest_port=0, max_message_bytes=1 << 20) as server:
        yield server, str(folder)


@pytest.fixture(autouse=True)
def still_up(target):
    """After each test both ports answer as before."""
    yield
    server, _ = target
    assert ask(server.rest_address, "GET", "/v1/models/shop")[0] == 200
    with Client(server.grpc_address, "shop") as client:
        assert client.recommend("ann").item_id == ["boot", "clog", "hat"]


def _raw(address: str, data: bytes, seconds: float = 0.3) -> bytes:
    """What comes back for bytes as they are."""
    host, port = address.split(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                got += part
        except OSError:
            pass
    return got


def _whole_request() -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "forms", "echo"
    request.inputs["number"].dtype = 1
    request.inputs["number"].tensor_shape.dim.add().size = 1
    request.inputs["number"].tensor_shape.dim.add().size = 2
    request.inputs["number"].float_val.extend([1.0, 2.0])
    for name, dtype, field in (("count", 3, "int_val"), ("flag", 10, "bool_val")):
        request.inputs[name].dtype = dtype
        request.inputs[name].tensor_shape.dim.add().size = 1
        getattr(request.inputs[name], field).append(1)
    request.inputs["text"].dtype = 7
    request.inputs["text"].tensor_shape.dim.add().size = 1
    request.inputs["text"].string_val.append(b"x")
    return request.SerializeToString()


def _spoilt(data: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        kind = chance.randrange(4)
        place = chance.randrange(len(spoilt)) if spoilt else 0
        if kind == 0 and spoilt:
            spoilt[place] = chance.randrange(256)
        elif kind == 1:
            del spoilt[place:]
        elif kind == 2:
            spoilt[place:place] = chance.randbytes(chance.randrange(1, 20))
        else:
            spoilt += spoilt[place : place + 50]
    return bytes(spoilt)


def test_random_bytes_on_both_ports(target):
    server, folder = target
    chance = random.Random(1)
    starts = [b"", b"GET / HTTP/1.1\r\n", b"POST /v1/models/shop:predict HTTP/1.1\r\nHost: a\r\n"]
    for _ in range(20):
        data = chance.choice(starts) + chance.randbytes(chance.randrange(1, 400))
        for address in (server.rest_address, server.grpc_address):
            assert folder.encode() not in _raw(address, data, 0.1)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for _ in range(10):
        _raw(server.grpc_address, preface + chance.randbytes(200), 0.1)


def test_spoilt_messages_get_a_code(target):
    server, folder = target
    chance = random.Random(2)
    codes, words = set(), []
    with grpc.insecure_channel(server.grpc_address) as channel:
        for turn in range(ROUNDS):
            method = METHODS[0] if turn % 2 else chance.choice(METHODS)
            data = _spoilt(_whole_request(), chance)
            try:
                channel.unary_unary(method)(data, timeout=10)
            except grpc.RpcError as error:
                # The health service is the library's own, which answers what it cannot read so.
                if "health" not in method:
                    codes.add(error.code().name)
                words.append(error.details() or "")
    assert folder not in " ".join(words)
    assert codes <= {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "INTERNAL"} | {
        "UNIMPLEMENTED",
        "RESOURCE_EXHAUSTED",
    }


def test_truncated_messages_get_a_code(target):
    server, _ = target
    whole = _whole_request()
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(METHODS[0])
        for end in range(0, len(whole), 3):
            with pytest.raises(grpc.RpcError) as caught:
                call(whole[:end], timeout=10)
            assert caught.value.code() is not grpc.StatusCode.UNAVAILABLE
        assert call(whole, timeout=10)


def test_claims_of_gigabytes_cost_nothing(target):
    server, _ = target
    before = psutil.Process().memory_info().rss
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "forms", "serving_default"
    request.inputs["x"].dtype = 2
    for size in (1 << 20, 1 << 20, 1 << 20):
        request.inputs["x"].tensor_shape.dim.add().size = size
    request.inputs["x"].double_val.append(1.0)
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(METHODS[0])
        for _ in range(20):
            with pytest.raises(grpc.RpcError) as caught:
                call(request.SerializeToString(), timeout=10)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert psutil.Process().memory_info().rss - before < 100 << 20


DEEP = 100_000
BODIES = [
    "[" * DEEP,
    '{"instances":' + "[" * DEEP + "]" * DEEP + "}",
    '{"inputs":' + '{"a":' * DEEP + "1" + "}" * DEEP + "}",
    '{"instances":[' + "1," * 200_000 + "1]}",
    '{"instances":[1e999, -1e999, NaN]}',
    '{"instances":[' + "9" * 5000 + "]}",
    '{"instances":["\\ud800"]}',
    '{"instances":[{"b64":"' + "A" * 100_001 + '"}]}',
    '{"instances":' + json.dumps(["x" * 1000] * 500) + "}",
    '{"signature_name":{"a":1},"instances":[1]}',
    '{"signature_name":"' + "s" * 100_000 + '","instances":[1]}',
    '{"examples":[{"x":[[1]]}]}',
    '{"' + "k" * 100_000 + '":1}',
    b"\xff\xfe\x00" * 1000,
    b"\x00" * 1000,
    "nul",
]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_deep_and_huge_json_gets_a_code(target, number):
    server, folder = target
    for method in ("predict", "classify", "regress"):
        path = f"/v1/models/forms:{method}"
        status, _, text = ask(server.rest_address, "POST", path, BODIES[number])
        assert status in (200, 400, 413)
        assert folder not in text


def test_spoilt_json_gets_a_code(target):
    server, folder = target
    chance = random.Random(3)
    row = {"number": [1.5, 2], "count": 3, "flag": True, "text": {"b64": "eHg="}}
    whole = json.dumps({"signature_name": "echo", "instances": [row, row]}).encode()
    for _ in range(ROUNDS):
        path = "/v1/models/forms:predict"
        status, _, text = ask(server.rest_address, "POST", path, _spoilt(whole, chance))
        assert status in (200, 400)
        assert folder not in text


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../etc",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e",
        "shop/../forms",
        "shop%00",
        "%ff%fe",
        "/",
        "//etc/passwd",
        "shop\\..",
        "x" * 5000,
        "shop;ls",
        "$(id)",
        "{}",
        "%0d%0aSet-Cookie:a",
    ],
)
def test_path_tricks_find_nothing(target, name):
    server, folder = target
    for path in (
        f"/v1/models/{name}",
        f"/v1/models/{name}/metadata",
        f"/v1/models/{name}/labels/a",
    ):
        status, _, text = ask(server.rest_address, "GET", path)
        assert status in (400, 404)
        assert folder not in text
        assert "root:" not in text
    path = f"/v1/models/{name}:predict"
    status, _, text = ask(server.rest_address, "POST", path, '{"instances":["a"]}')
    assert status in (400, 404)
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = name
    with grpc.insecure_channel(server.grpc_address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(METHODS[4])(request.SerializeToString(), timeout=10)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert folder not in caught.value.details()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: abc",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Content-Encoding: gzip\r\nContent-Length: 10",
        "Content-Length: 3",
        "Content-Length: 100000",
        "X: " + "a" * 100_000,
        "\r\n".join(f"H{number}: 1" for number in range(5000)),
        "Expect: 100-continue\r\nContent-Length: 10",
        "Expect: nonsense\r\nContent-Length: 10",
    ],
)
def test_wrong_lengths_and_headers_hurt_nobody(target, head):
    server, folder = target
    start = f"POST /v1/models/shop:predict HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode()
    got = _raw(server.rest_address, start + b'{"instances":["ann"]}', 2.0)
    assert folder.encode() not in got
    assert b"Traceback" not in got
    assert not got or got.startswith((b"HTTP/1.1 ", b"HTTP/1.0 400 "))


def test_slow_clients_are_hung_up_on_and_others_are_served_meanwhile(
    exports, tmp_path, monkeypatch
):
    monkeypatch.setattr("tfmm.serving.server.fronts.rest_front._IDLE_SECONDS", 1.0)
    monkeypatch.setattr("tfmm.serving.server.fronts.rest_front._BODY_SECONDS", 1.0)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/1").symlink_to(exports["shop1"])
    heads = [
        b"",
        b"POST /v1/mod",
        b"POST /v1/models/shop:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
    ]
    with Server(tmp_path, grpc_port=0, rest_port=0, threads=1, waiting=0) as server:
        host, port = server.rest_address.split(":")
        slow = [socket.create_connection((host, int(port)), timeout=8) for _ in range(30)]
        for number, connection in enumerate(slow):
            connection.sendall(heads[number % 3])
        with Client(server.rest_address, "shop", transport="rest") as client:
            assert client.recommend("ann").item_id
        started = time.monotonic()
        for number, connection in enumerate(slow):
            got = connection.recv(65536)
            assert got.startswith(b"HTTP/1.1 504 ") if number % 3 == 2 else got == b""
            connection.close()
        assert time.monotonic() - started < 8


def test_connections_too_many_are_told_so(exports, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/1").symlink_to(exports["shop1"])
    with Server(tmp_path, grpc_port=0, rest_port=0, max_connections=5) as server:
        host, port = server.rest_address.split(":")
        held = [socket.create_connection((host, int(port)), timeout=5) for _ in range(5)]
        time.sleep(0.2)
        status, _, text = ask(server.rest_address, "GET", "/v1/models/shop")
        assert status == 429
        assert "all the connections" in text
        for connection in held:
            connection.close()
        time.sleep(0.2)
        assert ask(server.rest_address, "GET", "/v1/models/shop")[0] == 200


def test_bytes_that_wait_have_a_bound(exports, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/1").symlink_to(exports["shop1"])
    head = b"POST /v1/models/shop:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n"
    with Server(tmp_path, grpc_port=0, rest_port=0, max_pending_bytes=100_000) as server:
        host, port = server.rest_address.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as first:
            first.sendall(head + b" " * 80_000)
            time.sleep(0.3)
            body = " " * 30_000 + '{"instances":["ann"]}'
            status, _, text = ask(server.rest_address, "POST", "/v1/models/shop:predict", body)
            assert status == 429
            assert "request bytes it takes at once (100000)" in text
        time.sleep(0.3)
        assert ask(server.rest_address, "POST", "/v1/models/shop:predict", body)[0] == 200


def test_a_request_that_takes_too_long_is_answered_in_time(exports, tmp_path, monkeypatch):
    from tfmm.serving.server.versions.servable import Servable

    real = Servable.run

    def slow(self, *arguments):
        time.sleep(0.8)
        return real(self, *arguments)

    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/1").symlink_to(exports["shop1"])
    with Server(tmp_path, grpc_port=0, rest_port=0, timeout_seconds=0.3) as server:
        monkeypatch.setattr(Servable, "run", slow)
        path = "/v1/models/shop:predict"
        status, _, text = ask(server.rest_address, "POST", path, '{"instances":["ann"]}')
        assert status == 504
        assert "not answered within 0.3 s" in text


def test_the_status_of_a_broken_version_does_not_say_where_it_lies(install):
    models = install("shop1", "shop/1")
    for place in ("empty", "no-variables"):
        aside = models / "shop" / place
        if place == "no-variables":
            shutil.copytree(models / "shop/1", aside)
            shutil.rmtree(aside / "variables")
        else:
            aside.mkdir()
    with Server(models, grpc_port=0, rest_port=0, poll_seconds=0.1) as server:
        for number, place in enumerate(("empty", "no-variables"), 2):
            (models / "shop" / place).rename(models / "shop" / str(number))
            end = time.monotonic() + 20
            text = ""
            while f"shop/{number}" not in text:
                assert time.monotonic() < end
                text = ask(server.rest_address, "GET", "/v1/models/shop")[2]
                assert str(models) not in text


def test_a_stranger_cannot_learn_of_the_disk_by_reloading(target):
    from tensorflow_serving.apis import model_management_pb2

    server, folder = target
    request = model_management_pb2.ReloadConfigRequest()
    entry = request.config.model_config_list.config.add()
    entry.name, entry.base_path, entry.model_platform = "x", "../../etc", "caffe"
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        with pytest.raises(grpc.RpcError) as caught:
            call(request.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert folder not in caught.value.details()
    assert str(Path(os.getcwd())) not in caught.value.details()
