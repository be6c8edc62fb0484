"""Requests answered in company: the same answers, fewer runs, and nobody pays for a neighbour."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.serving.http_tools import post
from tfmm.serving import BatchingParameters, Client, Server, ServingConfigError, ServingError
from tfmm.serving.server.pools.merging import distribute, merge, merge_key
from tfmm.serving.server.steps import Run
from tfmm.serving.server.versions.servable import Servable

LONG_WAIT = {"batch_timeout_micros": 300_000, "num_batch_threads": 2}


@pytest.fixture
def runs(monkeypatch) -> list[int]:
    """The row count of every run of a model, in order."""
    counts: list[int] = []
    real = Servable.run

    def run(self, feeds, values, fetches):
        counts.append(len(values[0]))
        return real(self, feeds, values, fetches)

    monkeypatch.setattr(Servable, "run", run)
    return counts


@pytest.fixture
def serve(install):
    """`serve(max_batch_size=8)` starts a batching server of `shop` and `forms`."""
    install("forms", "forms/1")
    models = install("shop1", "shop/1")
    started = []

    def start(**parameters) -> Server:
        server = Server(models, grpc_port=0, rest_port=0, batching=BatchingParameters(**parameters))
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


def _together(calls) -> list[object]:
    def caught(call):
        try:
            return call()
        except ServingError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(caught, calls))


def _client(server, model="shop", **options) -> Client:
    client = Client(server.grpc_address, model, **options)
    client.metadata()
    return client


def test_requests_that_come_together_share_a_run(serve, runs):
    server = serve(max_batch_size=8, **LONG_WAIT)
    with _client(server) as client:
        users = ["ann", "bob", "ann", "eve"] * 2
        hits = _together([lambda user=user: client.recommend(user) for user in users])
    assert runs == [8]
    assert [h.item_id[0] for h in hits] == ["boot", "sock", "boot", "hat"] * 2


def test_both_ports_share_runs_and_a_lone_request_waits_no_longer_than_the_timeout(serve, runs):
    server = serve(max_batch_size=2, **LONG_WAIT)
    body = {"signature_name": "embed_user", "inputs": {"user_id": ["bob"]}}
    with _client(server) as client:
        found = _together(
            [
                lambda: client.embed_user("ann"),
                lambda: post(server.rest_address, "/v1/models/shop:predict", body),
            ]
        )
        assert runs == [2]
        assert found[0].tolist() == [0.0, 0.0]
        assert found[1][1]["outputs"][0][0] == 4.0
        assert client.embed_user("ann").tolist() == [0.0, 0.0]
    assert runs == [2, 1]


def test_different_shapes_and_signatures_are_not_mixed(serve, runs):
    server = serve(max_batch_size=8, **LONG_WAIT)
    with _client(server) as client:
        calls = [
            lambda: client.predict("recommend", _recommend("ann", exclude=1)),
            lambda: client.predict("recommend", _recommend("bob", exclude=2)),
            lambda: client.recommend("bob"),
            lambda: client.similar("boot"),
        ]
        answers = _together(calls)
    assert sorted(runs) == [1, 1, 2]
    assert answers[0]["item_id"].tolist() == [["boot", "clog", "hat"]]
    assert answers[3].item_id == ["clog", "hat", "scarf"]


def test_lengths_may_differ_where_padding_is_asked_for(serve, runs):
    server = serve(max_batch_size=8, pad_variable_length_inputs=True, **LONG_WAIT)
    with _client(server) as client:
        calls = [
            lambda: client.predict("recommend", _recommend("ann", exclude=1)),
            lambda: client.predict("recommend", _recommend("bob", exclude=2)),
        ]
        answers = _together(calls)
    assert runs == [2]
    assert answers[1]["item_id"].tolist() == [["sock", "scarf", "hat"]]


def _recommend(user: str, exclude: int) -> dict:
    # An array is sent in the shape that it has; lists would be filled up.
    return {"user_id": [user], "exclude": np.full((1, exclude), "", object), "allow": [[""]]}


def test_runs_are_padded_to_the_allowed_sizes(serve, runs):
    server = serve(max_batch_size=4, allowed_batch_sizes=(2, 4))
    with _client(server) as client:
        assert len(client.recommend(["ann", "bob", "eve"])) == 3
        assert client.recommend("bob").item_id[0] == "sock"
    assert runs == [4, 2]


def test_a_request_over_the_largest_size_is_refused_or_split(serve, runs):
    server = serve(max_batch_size=4)
    with (
        _client(server) as client,
        pytest.raises(
            ServingError, match="Task size 5 is larger than maximum input batch size 4"
        ) as caught,
    ):
        client.recommend(["ann"] * 5)
    assert "Send fewer ids at once" in caught.value.hint
    splitting = serve(
        max_batch_size=9, enable_large_batch_splitting=True, max_execution_batch_size=4
    )
    with _client(splitting) as client:
        hits = client.recommend(["ann", "bob", "eve"] * 3)
    assert runs == [4, 4, 1]
    assert [h.item_id[0] for h in hits] == ["boot", "sock", "hat"] * 3


def test_a_bad_request_fails_alone(serve, runs):
    server = serve(max_batch_size=3, **LONG_WAIT)
    with _client(server, "forms") as client:
        example = b"\x0a\x0d\x0a\x0b\x0a\x01x\x12\x06\x12\x04\x0a\x02\x00\x00"  # half a float
        calls = [lambda: client.predict("regress", {"inputs": [example]})] + [
            lambda: client.predict("regress", {"inputs": [_example(2.0)]})
        ] * 2
        bad, *good = _together(calls)
    assert isinstance(bad, ServingError)
    assert bad.code == "INVALID_ARGUMENT"
    assert [answer["outputs"].tolist() for answer in good] == [[4.0], [4.0]]
    assert runs == [3, 1, 1, 1]


def _example(x: float) -> bytes:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(x)
    return example.SerializeToString()


@pytest.mark.parametrize(
    ("signature", "x", "words"),
    [
        ("serving_default", 1.0, "must have at least one dimension"),
        ("total", [1, 2], "Batched output tensor has 0 dimensions"),
    ],
)
def test_what_cannot_be_merged_is_refused_as_tensorflow_serving_does(serve, signature, x, words):
    server = serve(max_batch_size=4)
    with _client(server, "forms") as client, pytest.raises(ServingError, match=words):
        client.predict(signature, {"x": x})


def test_an_empty_batch_is_answered(serve):
    with _client(serve(max_batch_size=4)) as client:
        answer = client.predict("serving_default", {"user_id": np.array([], object)})
        assert answer["item_id"].shape == (0, 3)


def test_a_full_queue_refuses_at_once(serve, monkeypatch):
    entered, release = threading.Semaphore(0), threading.Event()
    real = Servable.run

    def run(self, *arguments):
        entered.release()
        assert release.wait(20)
        return real(self, *arguments)

    server = serve(max_batch_size=1, max_enqueued_batches=1, num_batch_threads=1)
    with _client(server) as client:
        monkeypatch.setattr(Servable, "run", run)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(client.recommend, "ann")
            assert entered.acquire(timeout=10)
            others = [pool.submit(client.recommend, "ann") for _ in range(2)]
            release.set()
            answers = [first, *others]
            refused = [f.exception(20) for f in answers if f.exception(20)]
    assert first.result().item_id
    assert all(error.code == "UNAVAILABLE" for error in refused)


def test_a_client_that_gave_up_leaves_its_queue(serve, runs):
    server = serve(max_batch_size=8, batch_timeout_micros=400_000)
    with _client(server) as patient, _client(server, timeout=0.1) as hasty:
        with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
            hasty.recommend("ann")
        assert patient.recommend("bob").item_id
    assert sum(runs) == 1


def test_stopping_answers_what_waits_for_company(serve):
    server = serve(max_batch_size=8, batch_timeout_micros=20_000_000)
    with _client(server) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.recommend, "ann")
        threading.Event().wait(0.3)
        server.stop()
        assert waiting.result(20).item_id == ["boot", "clog", "hat"]


def test_parameters_come_from_tensorflow_servings_file(tmp_path):
    file = tmp_path / "batching_parameters.txt"
    file.write_text(
        "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 0 }\n"
        "max_enqueued_batches { value: 1000000 }\nnum_batch_threads { value: 8 }\n"
        'thread_pool_name { value: "mine" }\npad_variable_length_inputs: true\n'
        "allowed_batch_sizes: 64\nallowed_batch_sizes: 128\n"
        "enable_large_batch_splitting { value: false }\n"
    )
    assert BatchingParameters.from_file(file) == BatchingParameters(
        max_batch_size=128,
        max_enqueued_batches=1_000_000,
        num_batch_threads=8,
        thread_pool_name="mine",
        pad_variable_length_inputs=True,
        allowed_batch_sizes=(64, 128),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_batch_size: 3", "does not parse as tensorflow.serving.BatchingParameters"),
        ("max_batch_sise { value: 3 }", "Its fields are max_batch_size"),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1, got 0"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "must be the largest run"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 4]", "must rise"),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 9 }",
            "larger than max_batch_size",
        ),
    ],
)
def test_a_bad_parameters_file_is_named_with_its_fault(tmp_path, text, words):
    file = tmp_path / "batching_parameters.txt"
    file.write_text(text)
    with pytest.raises(ServingConfigError, match=words) as caught:
        BatchingParameters.from_file(file)
    assert str(file) in str(caught.value)


def test_a_parameters_file_that_is_not_there(tmp_path):
    with pytest.raises(ServingConfigError, match="cannot be read: No such file"):
        BatchingParameters.from_file(tmp_path / "none.txt")


def _run(values: np.ndarray) -> Run:
    return Run(None, "Predict", ("x:0",), (values,), ("y:0",))  # type: ignore[arg-type]


def test_merging_pads_with_each_requests_first_element():
    runs = [_run(np.array([[1, 2, 3]])), _run(np.array([[7]]))]
    assert merge_key(runs[0], False) != merge_key(runs[1], False)
    assert merge_key(runs[0], True) == merge_key(runs[1], True)
    merged = merge(runs, 4).values[0]
    assert merged.tolist() == [[1, 2, 3], [7, 7, 7], [1, 2, 3], [1, 2, 3]]
    texts = [_run(np.array([[b"a", b"b"]], object)), _run(np.empty((1, 0), object))]
    assert merge(texts, 2).values[0].tolist() == [[b"a", b"b"], [b"", b""]]
    first, second = distribute([merged], [1, 1], 4)
    assert (first[0].tolist(), second[0].tolist()) == ([[1, 2, 3]], [[7, 7, 7]])
