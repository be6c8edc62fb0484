"""Versions come and go under a running server without a request failing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc, prediction_log_pb2

from tfmm.serving import Client, Server, ServingConfigError, ServingError
from tfmm.serving.server.versions.models import ModelManager

POLL = 0.05


def _serve(models, **options) -> Server:
    return Server(models, grpc_port=0, rest_port=0, poll_seconds=POLL, **options)


def _until(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _second_score(client: Client) -> float:
    return client.recommend("ann").score[1]


def _states(client: Client) -> dict[int, str]:
    return {entry.version: entry.state for entry in client.status()}


def _write_warmup(version_folder, signature: str, count: int = 1) -> None:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "shop", signature
    request.inputs["user_id"].CopyFrom(tf.make_tensor_proto(["ann"]))
    file = version_folder / "assets.extra/tf_serving_warmup_requests"
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for _ in range(count):
            writer.write(log.SerializeToString())


def test_a_new_version_takes_over_without_a_failed_request(install):
    models = install("shop1", "shop/1")
    failures, scores, done = [], set(), threading.Event()

    def ask_on(address: str) -> None:
        with Client(address, "shop") as client:
            while not done.is_set():
                try:
                    scores.add(_second_score(client))
                except ServingError as error:
                    failures.append(error)

    with _serve(models) as server, Client(server.grpc_address, "shop") as client:
        asking = threading.Thread(target=ask_on, args=(server.grpc_address,))
        asking.start()
        _until(lambda: -1.0 in scores)
        install("shop2", "shop/2")
        server.wait_ready(20, model="shop", version=2)
        _until(lambda: -2.0 in scores)
        _until(lambda: _states(client) == {2: "AVAILABLE", 1: "END"})
        done.set()
        asking.join()
    assert failures == []


def test_deleting_the_newest_version_rolls_back(install):
    models = install("shop1", "shop/1")
    install("shop2", "shop/00000002")
    with _serve(models) as server, Client(server.rest_address, "shop", transport="rest") as client:
        assert _second_score(client) == -2.0
        shutil.rmtree(models / "shop/00000002")
        _until(lambda: _second_score(client) == -1.0)


def test_a_broken_version_leaves_the_old_one_serving_until_it_is_mended(install, exports):
    models = install("shop1", "shop/1")
    events = []
    with (
        _serve(models, on_event=events.append) as server,
        Client(server.grpc_address, "shop") as client,
    ):
        broken = models / "shop/2"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"not a model")
        _until(lambda: _states(client).get(2) == "END")
        with pytest.raises(ServingConfigError, match="Version 2 of model 'shop' does not load"):
            server.wait_ready(5, model="shop", version=2)
        assert _second_score(client) == -1.0
        assert [entry.error_code for entry in client.status()] != ["OK", "OK"]
        time.sleep(4 * POLL)
        assert sum(event.kind == "failed" for event in events) == 1
        shutil.copytree(exports["shop2"], broken, dirs_exist_ok=True)
        _until(lambda: _second_score(client) == -2.0)


def test_half_written_folders_are_not_looked_at(install):
    models = install("shop1", "shop/1")
    for name in (".2.tmp", "2.tmp", "tmp2"):
        (models / "shop" / name).mkdir()
    with _serve(models) as server, Client(server.grpc_address, "shop") as client:
        time.sleep(4 * POLL)
        assert _states(client) == {1: "AVAILABLE"}


def test_models_appear_and_disappear_with_their_folders(install):
    models = install("shop1", "shop/1")
    with _serve(models) as server, Client(server.grpc_address, "other") as client:
        with pytest.raises(ServingError, match=r"Servable not found for request: Latest\(other\)"):
            client.recommend("ann")
        install("shop2", "other/5")
        _until(lambda: "other" in server.model_names)
        server.wait_ready(15)
        assert client.metadata().version == 5
        shutil.rmtree(models / "other")
        _until(lambda: server.model_names == ["shop"])


def test_a_folder_that_cannot_be_listed_changes_nothing(install):
    models = install("shop1", "shop/1")
    with _serve(models) as server, Client(server.grpc_address, "shop") as client:
        models.rename(models.with_name("away"))
        time.sleep(4 * POLL)
        assert _second_score(client) == -1.0
        models.with_name("away").rename(models)


def test_warm_up_runs_before_a_version_answers(install, exports, monkeypatch):
    models = install("shop1", "shop/1")
    _write_warmup(models / "shop/1", "serving_default", count=3)
    from tfmm.serving.server.versions import models as module

    counts = []
    real = module.warm_up
    monkeypatch.setattr(module, "warm_up", lambda servable: counts.append(real(servable)))
    with _serve(models):
        assert counts == [3]


def test_a_warm_up_that_fails_fails_the_version(install):
    models = install("shop1", "shop/1")
    with _serve(models) as server, Client(server.grpc_address, "shop") as client:
        aside = models / "shop/.2.tmp"
        shutil.copytree(models / "shop/1", aside)
        _write_warmup(aside, "nope")
        aside.rename(models / "shop/2")
        _until(lambda: _states(client).get(2) == "END")
        assert client.status()[0].error_message == 'Serving signature key "nope" not found.'
        assert _second_score(client) == -1.0


def test_a_warm_up_record_without_a_request_is_passed_over(install):
    models = install("shop1", "shop/1")
    file = models / "shop/1/assets.extra/tf_serving_warmup_requests"
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as out:
        out.write(prediction_log_pb2.PredictionLog().SerializeToString())
    with _serve(models) as server, Client(server.grpc_address, "shop") as client:
        assert _second_score(client) == -1.0


def _untagged(file):
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    file.write_bytes(saved.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (Path.unlink, "NOT_FOUND", "Could not find SavedModel .pb or .pbtxt"),
        (_untagged, "NOT_FOUND", "Could not find meta graph def matching supplied tags: { serve }"),
        (lambda file: file.write_bytes(b"garbage"), "OUT_OF_RANGE", "as binary proto"),
    ],
)
def test_a_version_that_cannot_be_read_says_why_in_tensorflow_servings_words(
    install, spoil, code, words
):
    models = install("shop1", "shop/1")
    install("shop2", "broken/1")
    spoil(models / "broken/1/saved_model.pb")
    config = models / "models.config"
    config.write_text(
        "model_config_list {"
        + "".join(
            f'config {{ name: "{name}" base_path: "{name}" model_platform: "tensorflow" }}'
            for name in ("shop", "broken")
        )
        + "}"
    )
    with (
        Server(models_config=config, grpc_port=0, rest_port=0, poll_seconds=POLL) as server,
        Client(server.grpc_address, "broken") as broken,
    ):
        (state,) = broken.status()
    assert (state.state, state.error_code) == ("END", code)
    assert words in state.error_message
    assert "Error:" not in state.error_message
    assert str(models) not in state.error_message


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: _write_warmup(folder, "serving_default", 1001), "exceeds the maximum"),
        (
            lambda folder: (folder / "assets.extra/tf_serving_warmup_requests").write_bytes(
                b"x" * 99
            ),
            "verify your warmup data is in TFRecord format",
        ),
    ],
)
def test_warm_up_files_that_are_none(install, spoil, words):
    models = install("shop1", "shop/1")
    (models / "shop/1/assets.extra").mkdir()
    spoil(models / "shop/1")
    with pytest.raises(ServingConfigError, match=words), _serve(models):
        pass


def test_a_model_that_does_not_load_stops_the_start(install):
    models = install("shop1", "shop/1")
    (models / "shop/1/saved_model.pb").write_bytes(b"\x00broken")
    with pytest.raises(ServingConfigError, match="Version 1 of model 'shop' does not load"):
        _serve(models).start()


def test_a_config_whose_model_has_no_version_stops_the_start(tmp_path):
    config = tmp_path / "models.config"
    (tmp_path / "a").mkdir()
    config.write_text(
        'model_config_list { config { name: "a" base_path: "a" model_platform: "tensorflow" } }'
    )
    with pytest.raises(ServingConfigError, match=f"'a' has no version to serve.*{tmp_path}/a/1"):
        Server(models_config=config, grpc_port=0, rest_port=0).start()


def test_reload_changes_the_models_served(install):
    models = install("shop1", "shop/1")
    install("shop2", "shop/2")
    with (
        _serve(models) as server,
        Client(server.grpc_address, "new") as client,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest()
        config = request.config.model_config_list.config.add(
            name="new", base_path=str(models / "shop"), model_platform="tensorflow"
        )
        config.model_version_policy.specific.versions.append(1)
        config.version_labels["old"] = 1
        assert stub.HandleReloadConfigRequest(request).status.error_code == 0
        assert _second_score(client) == -1.0
        assert server.model_names == ["new"]
        config.version_labels["next"] = 2
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(request)
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert caught.value.details() == (
            "Request to assign label to version 2 of model new, which is not currently available "
            "for inference"
        )
        assert Client(server.grpc_address, "new", label="old").status()
        with pytest.raises(ServingError, match="Unrecognized servable version label: next"):
            _second_score(Client(server.grpc_address, "new", label="next"))
        del config.version_labels["next"]
        config.base_path = str(models / "nothing")
        config.name = "empty"
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(request)
        assert "has no version to serve" in caught.value.details()


def test_requests_inside_keep_a_version_open(install):
    """Unloading waits for the requests that hold the version; new ones get NOT_FOUND."""
    models = install("shop1", "shop/1")
    from tfmm.serving.server.config import model_folder

    manager = ModelManager(model_folder(models), poll_seconds=POLL)
    manager.start()
    manager.wait_ready(20)
    with manager.lease("shop") as servable:
        stopping = threading.Thread(target=manager.stop)
        stopping.start()
        _until(lambda: manager.states("shop")[0].state == "UNLOADING")
        (name,) = [i.name for i in servable.signatures["serving_default"].inputs.values()]
        assert name.startswith("serving_default_user_id")
        assert stopping.is_alive()
    stopping.join(10)
    assert manager.states("shop")[0].state == "END"


def test_a_model_that_does_not_load_keeps_no_other_from_being_served(install):
    models = install("shop1", "shop/1")
    install("shop2", "broken/1")
    (models / "broken/1/saved_model.pb").write_bytes(b"\x00broken")
    (models / "empty").mkdir()
    with (
        _serve(models) as server,
        Client(server.grpc_address, "shop") as client,
        Client(server.rest_address, "broken", transport="rest") as broken,
    ):
        assert _second_score(client) == -1.0
        assert any("'broken' does not load" in line for line in server.not_served)
        (state,) = broken.status()
        assert (state.state, state.error_code) != ("AVAILABLE", "OK")
        assert state.error_message


@pytest.mark.slow
def test_the_ops_of_scann_come_with_the_export_that_needs_them(tmp_path):
    """In a process of its own, which has imported neither scann nor what exports it."""
    pytest.importorskip("scann")
    program = f"""
import numpy as np
from tests.export.shops import D, U, Column, TermFilter, small_servable
from tfmm.export import write_version
from tfmm.index import index_for
n = 5000
vectors = np.random.default_rng(1).normal(size=(n, D)).astype("f")
filters = TermFilter({{"kind": Column(kind="category", codes=np.zeros(n, np.int32),
                                     vocabulary=np.array(["hat"], object))}}, n)
made = small_servable(item_ids=[str(i) for i in range(n)], item_vectors=vectors, filters=filters,
                      seen_offsets=np.zeros(U + 1, np.int64), seen_rows=np.zeros(0, np.int32),
                      index=index_for("scann", k=10, recall=0.5))
assert not made.scores_all
write_version(made.export(), {str(tmp_path)!r}, "near")
"""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=300)
    serve = f"""
import sys
from tfmm.serving import Client, Server
if sys.argv[1:]:
    sys.modules["scann"] = None
with Server({str(tmp_path)!r}, grpc_port=0, rest_port=0) as server:
    with Client(server.grpc_address, "near") as client:
        print(len(client.recommend("user 1").item_id))
"""
    command = [sys.executable, "-c", serve]
    options = {"env": environment, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run(command, check=False, **options)
    assert done.stdout.strip() == "10", done.stderr
    without = subprocess.run([*command, "without"], check=False, **options)
    assert "of the package scann, `pip install 'tfmm[scann]'`" in without.stderr
