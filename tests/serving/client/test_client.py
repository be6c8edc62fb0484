"""The client, over both transports: the same calls give the same answers and the same teaching
errors."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tfmm.serving import Client, Hits, Server, ServingError


@pytest.fixture(params=["grpc", "rest"])
def transport(request) -> str:
    return request.param


@pytest.fixture
def client(server, transport):
    address = server.grpc_address if transport == "grpc" else server.rest_address
    with Client(address, "shop", transport=transport, version=1) as opened:
        yield opened


def test_one_id_gives_hits_and_a_list_gives_a_list(client):
    hits = client.recommend("ann")
    assert hits == Hits(["boot", "clog", "hat"], [0.0, -1.0, -2.0])
    assert next(iter(hits)) == ("boot", 0.0)
    assert len(hits) == 3
    both = client.recommend(["ann", "bob"])
    assert [h.item_id for h in both] == [["boot", "clog", "hat"], ["sock", "scarf", "hat"]]
    assert client.recommend([]) == []


def test_unknown_users_get_an_answer(client):
    assert client.recommend("stranger").item_id[0] == "hat"


def test_exclude_for_all_requests_or_for_each(client):
    assert client.recommend("ann", exclude=["boot", "clog"]).item_id == ["hat", "scarf", "sock"]
    assert client.recommend("ann", exclude="boot").item_id[0] == "clog"
    first, second = client.recommend(["ann", "ann"], exclude=[["boot"], []])
    assert (first.item_id[0], second.item_id[0]) == ("clog", "boot")


def test_allow_strips_the_padding_of_too_few_hits(client):
    assert client.recommend("ann", allow=["type=shoe"]) == Hits(["boot", "clog"], [0.0, -1.0])
    assert client.recommend("ann", allow=["type=none"]) == Hits([], [])


def test_sessions_keep_their_most_recent_items(client):
    assert client.recommend_session(["boot"]).item_id[0] == "boot"
    # Five items, room for three: hat, scarf and sock remain, whose middle is scarf.
    long = ["boot", "clog", "hat", "scarf", "sock"]
    assert client.recommend_session(long).item_id[0] == "scarf"
    several = client.recommend_session([["boot"], long], exclude=["scarf"])
    assert [hits.item_id[0] for hits in several] == ["boot", "hat"]
    assert len(client.recommend_session([])) == 3


def test_similar_items_leave_out_the_item(client):
    assert client.similar("boot").item_id == ["clog", "hat", "scarf"]
    assert client.similar(["unknown"]) == [Hits([], [])]


def test_embeddings(client):
    one, many = client.embed_user("bob"), client.embed_user(["ann", "bob"])
    assert one.shape == (2,)
    assert many.shape == (2, 2)
    assert many.dtype == np.float32
    assert (many[1] == one).all()
    assert client.embed_user([]).shape == (0, 2)


def test_too_many_entries_name_the_limit_and_the_count(client):
    with pytest.raises(ValueError, match=r"`exclude`: .* takes at most 2 entries .*; got 3"):
        client.recommend("ann", exclude=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"`allow`: .* takes at most 1 entries .*; got 2"):
        client.similar("boot", allow=["type=a", "type=b"])


@pytest.mark.parametrize(
    ("asked", "argument"),
    [
        (lambda client, bad: client.recommend(bad), "user_ids"),
        (lambda client, bad: client.recommend(["ann", bad]), "user_ids"),
        (lambda client, bad: client.similar(bad), "item_ids"),
        (lambda client, bad: client.recommend_session(bad), "history"),
        (lambda client, bad: client.recommend_session(["hat", bad]), "history"),
        (lambda client, bad: client.recommend_session([["hat"], [bad]]), "history"),
        (lambda client, bad: client.recommend("ann", exclude=bad), "exclude"),
        (lambda client, bad: client.recommend("ann", exclude=["hat", bad]), "exclude"),
        (lambda client, bad: client.recommend("ann", allow=[bad]), "allow"),
        (lambda client, bad: client.embed_user(bad), "user_ids"),
        (lambda client, bad: client.embed_item([bad]), "item_ids"),
    ],
)
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (17, r"got 17 \(int\)\. Write '17'\."),
        (np.int64(17), r"got np\.int64\(17\) \(int64\)\. Write '17'\."),
        (None, r"got None \(NoneType\)\."),
        (float("nan"), r"got nan \(float\)\."),
        (b"ann", r"got b'ann' \(bytes\)\. Decode it: value\.decode\(\)\."),
    ],
)
def test_ids_that_are_no_strings_name_the_argument(client, asked, argument, bad, told):
    with pytest.raises(TypeError, match=rf"`{argument}`: ids are strings, {told}"):
        asked(client, bad)


def test_ids_may_come_as_strings_of_any_kind(client):
    for ids in (("ann", "bob"), np.array(["ann", "bob"]), pd.Series(["ann", "bob"])):
        assert [h.item_id[0] for h in client.recommend(ids)] == ["boot", "sock"]
    history = np.array(["boot", "clog"], object)
    assert client.recommend_session(history) == client.recommend_session(["boot", "clog"])
    assert client.recommend(np.str_("ann")) == client.recommend("ann")
    assert client.recommend("ann", exclude=pd.Series(["boot"])).item_id[0] == "clog"


def test_arguments_that_mean_nothing(client):
    with pytest.raises(
        ValueError, match="`exclude`: expected one list for each of 1 requests, got 2"
    ):
        client.recommend("ann", exclude=[["a"], ["b"]])
    with pytest.raises(ValueError, match="`exclude`: expected a list of strings"):
        client.recommend("ann", exclude=["a", ["b"]])
    with pytest.raises(ValueError, match="transport must be"):
        Client("localhost:1", "shop", transport="http")
    with pytest.raises(ValueError, match="version or label"):
        Client("localhost:1", "shop", version=1, label="a")
    with pytest.raises(ValueError, match="key and certificate go together"):
        Client("localhost:1", "shop", key="key.pem")
    with pytest.raises(ValueError, match="TLS needs an https:// address"):
        Client("http://localhost:1", "shop", tls=True)


def test_metadata_and_status(client):
    metadata = client.metadata()
    assert (metadata.name, metadata.version) == ("shop", 1)
    assert metadata.signatures["recommend"].inputs["exclude"].shape == (-1, 2)
    assert metadata.signatures["recommend"].outputs["score"].dtype == "DT_FLOAT"
    (status,) = client.status()
    assert (status.version, status.state, status.error_code) == (1, "AVAILABLE", "OK")


def test_labels_choose_the_version(server, transport):
    address = server.grpc_address if transport == "grpc" else server.rest_address
    with Client(address, "shop", transport=transport, label="stable") as client:
        assert client.metadata().version == 1


def test_both_transports_agree_bit_for_bit(server):
    values = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    inputs = {
        "number": values,
        "count": range(50),
        "flag": [True] * 50,
        "text": ["é", b"\xff"] * 25,
    }
    with (
        Client(server.grpc_address, "forms") as over_grpc,
        Client(f"http://{server.rest_address}", "forms", transport="rest") as over_rest,
    ):
        first, second = over_grpc.predict("echo", inputs), over_rest.predict("echo", inputs)
        assert first.keys() == second.keys()
        for name, array in first.items():
            assert array.dtype == second[name].dtype
            assert array.tolist() == second[name].tolist()
        assert (first["number_out"] == values).all()
        assert first["raw_bytes"][1] == b"\xff"
        assert first["text_out"][0] == "é"
        assert over_rest.predict("total", {"x": [1, 2]})["y"].item() == 3


def test_a_server_that_is_not_there(transport):
    with (
        Client("127.0.0.1:9", "shop", transport=transport, timeout=2) as client,
        pytest.raises(
            ServingError, match=r"UNAVAILABLE from 127\.0\.0\.1:9 for model 'shop'"
        ) as got,
    ):
        client.recommend("ann")
    assert got.value.code == "UNAVAILABLE"
    assert got.value.at_fault == "server"
    assert "tfmm serve MODELS" in str(got.value)


def test_the_wrong_port_is_an_error_with_advice(server):
    for address, transport in ((server.rest_address, "grpc"), (server.grpc_address, "rest")):
        with (
            Client(address, "shop", transport=transport, timeout=3) as client,
            pytest.raises(ServingError) as caught,
        ):
            client.recommend("ann")
        assert caught.value.address == address


def test_unknown_models_versions_and_signatures(server, transport):
    address = server.grpc_address if transport == "grpc" else server.rest_address
    with (
        Client(address, "nope", transport=transport) as client,
        pytest.raises(ServingError, match=r"NOT_FOUND .*'nope'.*Latest\(nope\)") as caught,
    ):
        client.recommend("ann")
    assert "does not serve this model" in caught.value.hint
    assert caught.value.at_fault == "model"
    with (
        Client(address, "shop", transport=transport, version=7) as client,
        pytest.raises(ServingError, match=r"NOT_FOUND .*'shop'") as caught,
    ):
        client.recommend("ann")
    assert caught.value.at_fault == "version"
    assert "these versions of it: 2 (AVAILABLE), 1 (AVAILABLE)" in caught.value.hint
    with (
        Client(address, "shop", transport=transport) as client,
        pytest.raises(ServingError, match="has no such signature") as caught,
    ):
        client.embed_item("boot")
    assert "similar_items" in caught.value.hint
    assert caught.value.at_fault == "signature"
    with (
        Client(address, "shop", transport=transport, label="x") as client,
        pytest.raises(ServingError, match=r"Labels are set in models\.config") as caught,
    ):
        client.metadata()
    assert caught.value.at_fault == "version"


def test_predict_refuses_what_cannot_be_the_input(client):
    with pytest.raises(TypeError, match="rows of different lengths must be padded"):
        client.predict("recommend_session", {"history": np.array([["a"], ["b", "c"]], object)})
    with pytest.raises(ServingError, match=r"does not match|Missing named input") as caught:
        client.predict("recommend", {"user_id": ["ann"]})
    assert caught.value.signature == "recommend"
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.at_fault == "input"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_that_comes_back_is_found_again(install, transport):
    models = install("shop1", "shop/1")
    first = Server(models, grpc_port=0, rest_port=0).start()
    address = first.grpc_address if transport == "grpc" else first.rest_address
    ports = {
        "grpc_port": int(first.grpc_address.split(":")[1]),
        "rest_port": int(first.rest_address.split(":")[1]),
    }
    with (
        Client(address, "shop", transport=transport, retries=20, timeout=15) as client,
        Client(address, "shop", transport=transport, retries=0) as hasty,
    ):
        assert client.recommend("ann").item_id
        first.stop()
        with pytest.raises(ServingError, match="UNAVAILABLE"):
            hasty.recommend("ann")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.recommend, "ann")
            with Server(models, **ports):
                assert waiting.result(20).item_id


def test_only_unavailable_is_asked_again_and_only_within_the_deadline():
    from tfmm.serving.client.conversation import Attempts
    from tfmm.serving.client.transport import TransportError

    gone = TransportError("UNAVAILABLE", "")
    attempts = Attempts(10.0, 3)
    assert attempts.pause_after(TransportError("INVALID_ARGUMENT", "")) is None
    pauses = [attempts.pause_after(gone) for _ in range(4)]
    assert 0.05 <= pauses[0] <= 0.1
    assert 0.1 <= pauses[1] <= 0.2
    assert pauses[3] is None
    assert Attempts(0.01, 3).pause_after(gone) is None


def test_what_is_no_tensorflow_serving_answer_is_an_error():
    from tfmm.serving.client.rest_questions import RestQuestions
    from tfmm.serving.client.transport import Metadata, Status, Target, TransportError

    questions = RestQuestions(Target("shop"), 1000)
    for status, content, code in (
        (200, b"<html>", "OK"),
        (200, b"[]", "UNKNOWN"),
        (200, b'{"metadata": 3}', "UNKNOWN"),
        (502, b"bad gateway", "UNKNOWN"),
        (429, b'{"error": "full"}', "RESOURCE_EXHAUSTED"),
        (200, b" " * 1001, "RESOURCE_EXHAUSTED"),
        (200, b"[" * 900, "OK"),
    ):
        for question in (Metadata(), Status()):
            with pytest.raises(TransportError) as caught:
                questions.reply(question, status, content)
            assert caught.value.code == code or code == "OK"


@pytest.mark.parametrize(
    "address", ["ftp://a:1", "a:1/path", "http://u@a:1", "a:99999", "http://", "https://a:1"]
)
def test_an_address_over_rest_is_host_and_port(address):
    from tfmm.serving.client.rest_questions import host_and_port

    with pytest.raises(ValueError, match="address must be host:port"):
        host_and_port(address, "http")


def test_missing_ops_are_explained():
    from tfmm.serving.client.client_errors import hint
    from tfmm.serving.client.transport import TransportError

    error = TransportError("NOT_FOUND", "Op type not registered 'Scann>ScannSearch' in binary")
    assert "ScaNN's ops are in no stock TensorFlow Serving" in hint(error, "grpc")


def test_a_rest_client_needs_no_tensorflow(server):
    code = (
        "import sys; from tfmm.serving import Client\n"
        f"client = Client({server.rest_address!r}, 'shop', transport='rest')\n"
        "print(client.recommend('ann').item_id)\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "boot" in done.stdout


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x y": "a"}, "'x y' is no header's name"),
        ({"": "a"}, "'' is no header's name"),
        ({"x": "geheim\r\ny: z"}, "the value of 'x' must be"),
        ({"x": "schlüssel"}, "the value of 'x' must be"),
        ({"x": 7}, "the value of 'x' must be"),
    ],
)
def test_headers_that_cannot_travel_are_refused_without_their_value(headers, words):
    with pytest.raises(ValueError, match=words) as caught:
        Client("127.0.0.1:1", "shop", headers=headers)
    assert "geheim" not in str(caught.value)
    assert "schl" not in str(caught.value)
