"""A ranker beside a retrieval run: what it reads and keeps of it, and its order of candidates."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.ranking.shops import chosen
from tfmm.export import export_model
from tfmm.serving import Client, Server
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.tasks.ranking.answers.signatures import Served
from tfmm.training import evaluate_two_stages, load_run, train

QUIET = {"say": lambda _: None}
FIT = {"epochs": 2, "batch_size": 256, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def finder(ranking_shop, tmp_path_factory):
    run = {
        "shop": chosen(ranking_shop),
        "items": {"dim": 8},
        "train": FIT,
        "evaluate": {"baselines": [], "k": [20], "repeats": True},
    }
    return train(run, tmp_path_factory.mktemp("finder") / "店 é", **QUIET)


def run_of(finder, **changes):
    return {
        "task": "ranking",
        "name": "ranker",
        "shop": finder.config.shop,
        "vectors": str(finder.path),
        "labels": {"chosen": {"loss": "listwise"}},
        "negatives": {"each": 4, "by": "retrieval", "top": 30, "draws": 2},
        "split": {"valid": 0.3},
        "history": {"size": 6},
        "rates": {"recent": [1, 5]},
        "network": {"preset": "dcn", "hidden": [8], "dim": 4},
        "train": FIT,
        "evaluate": {"baselines": []},
        **changes,
    }


@pytest.fixture(scope="module")
def run(finder, tmp_path_factory):
    return train(run_of(finder), tmp_path_factory.mktemp("ranker") / "run", **QUIET)


def test_nothing_that_the_retrieval_model_met_is_learned_from(run, finder):
    made, parts, shown = finder.task.parts.split, run.task.parts, run.task.builder.shown
    assert shown.time[parts.train].min() >= made.valid.time.min() > made.train.log.time.max()
    assert shown.time[parts.valid].max() < made.test.time.min() <= shown.time[parts.test].min()
    assert not set(shown.user[parts.train]) & set(shown.user[parts.valid])
    # Each is judged as of when its part began.
    judged = shown.judged[shown.of(parts.train)]
    assert set(judged.tolist()) == {int(made.valid.time.min())}


def test_drawn_items_are_those_that_retrieval_finds(run):
    builder = run.task.builder
    shown, events = builder.shown, run.task.parts.train
    drawn = shown.drawn(events, 1).reshape(len(events), 4)
    lists = builder.lists[0][shown.user[events]]
    found = (shown.item[drawn][:, :, None] == lists[:, None]).any(axis=2)
    assert found[:, :3].mean() > 0.9
    known = np.flatnonzero(shown.time[:1500] < builder.window.test)
    bought = set(zip(shown.user[known].tolist(), shown.item[known].tolist(), strict=True))
    flat = drawn.ravel()
    taken = zip(shown.user[flat].tolist(), shown.item[flat].tolist(), strict=True)
    assert not any(pair in bought for pair in taken)


def test_an_untrained_second_stage_keeps_the_order_of_retrieval(run, finder):
    task = run.task
    model, before = task.build(task.parts.train), task.builder.finder
    made = finder.task.parts.split
    users = np.unique(made.valid.user)[:8]
    reader = task.builder.reader_at_begin(model.reader)
    served = Served(model, reader, run.data, task.builder.context, 0)
    every = np.tile(np.arange(len(run.data.items)), (len(users), 1))
    scores = served.judged(tf.constant(users, tf.int64), tf.constant(every), {}).numpy()[:, :, 0]
    histories = reader.histories.latest(tf.constant(users, tf.int32))["history"].numpy()
    vectors = before.before.of_histories(histories)
    expected = vectors @ before.before.items.numpy().T
    order = np.argsort(-expected, axis=1)
    ranked = np.take_along_axis(scores, order, 1)
    assert (np.diff(ranked, axis=1) <= 1e-4).all()


def test_a_run_is_loaded_and_served_without_its_retrieval_run(run, finder, tmp_path):
    away = tmp_path / "away"
    shutil.move(finder.path, away)
    try:
        again = load_run(run.path)
        models = tmp_path / "models"
        export_model(run.path, models, **QUIET)
    finally:
        shutil.move(away, finder.path)
    task = run.task
    users = tf.range(6, dtype=tf.int64)
    items = tf.constant(np.tile(np.arange(9), (6, 1)))
    answers = [
        Served(one.model, one.model.reader, one.data, task.builder.context, 0).judged(
            users, items, {}
        )
        for one in (run, again)
    ]
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-6)
    with Server(models, grpc_port=0, rest_port=0) as server:
        client = Client(server.grpc_address, "ranker")
        ids = [["品/1", "品/2", "nobody has it", ""]]
        found = client.ask("rank", user_id=["ü🎈3"], item_id=ids)
        session = client.ask("rank_session", history=[["品/1"] + [""] * 5], item_id=ids)
    assert sorted(found["item_id"][0].tolist()) == sorted(session["item_id"][0].tolist())
    assert (np.diff(found["chosen"][0]) <= 0).all()


def test_two_stages_are_measured_beside_retrieval_alone(run, finder):
    found = evaluate_two_stages(finder.path, run.path, candidates=20, ks=[5, 20], **QUIET)
    assert found["retrieval"]["ndcg@20"] == pytest.approx(finder.metrics["model"]["ndcg@20"])
    # Of 20 candidates lists of 20 hold the same, in another order.
    assert found["two_stages"]["recall@20"] == pytest.approx(found["retrieval"]["recall@20"])
    assert found["within"] == pytest.approx(found["retrieval"]["recall@20"])
    row = found["compared"]["ndcg@5"]
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["difference"] == pytest.approx(
        found["two_stages"]["ndcg@5"] - found["retrieval"]["ndcg@5"]
    )
    assert set(found["ranker"]) == set(found["two_stages"])
    assert json.loads((run.path / "two_stages.json").read_text())["users"] == found["users"]
    assert "retrieval, then the ranker" in (run.path / "two_stages.md").read_text()


def test_both_stages_answer_one_request(run, finder, tmp_path):
    export_model(finder.path, tmp_path, k=5, rank=run.path, candidates=12, **QUIET)
    with Server(tmp_path, grpc_port=0, rest_port=0) as server:
        client = Client(server.grpc_address, "shop")
        found = client.ask("serving_default", user_id=["ü🎈3", "nobody"])
    assert (np.diff(found["score"], axis=1) <= 0).all()


def test_what_cannot_be_is_refused(run, finder, tmp_path, ranking_shop):
    def refused(match, **changes):
        with pytest.raises(RunFileError, match=match):
            train(run_of(finder, **changes), tmp_path / "run", **QUIET)

    refused("is no finished run", vectors=str(tmp_path / "nowhere"))
    refused("task 'ranking'; a ranker reads", vectors=str(run.path))
    refused("no retrieval run is named", vectors=None)
    refused("`split.test` is 0.4", split={"test": 0.4})
    refused("`split.valid` must with `vectors`", split={"valid": "2023-01-01"})
    refused("`negatives.top` must be at least 1", negatives={"by": "retrieval", "top": 0})
    met = train(
        run_of(finder, vectors=None, negatives={"each": 1}, split={"valid": 0.02, "test": 0.02}),
        tmp_path / "met",
        **QUIET,
    )
    with pytest.raises(ValueError, match="has met a part of the test"):
        evaluate_two_stages(finder.path, met.path, candidates=20, **QUIET)
    with pytest.raises(ValueError, match="expected one of 'ranking'"):
        evaluate_two_stages(finder.path, finder.path, **QUIET)
    with pytest.raises(ValueError, match="`candidates` must be 20 at least"):
        evaluate_two_stages(finder.path, run.path, candidates=5, **QUIET)


def test_the_run_is_named_as_seen_from_the_run_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("{task: ranking, shop: shop.yaml, vectors: ../运行/shop}", "utf-8")
    config = RunConfig.from_file(file)
    assert config.vectors == str(tmp_path.parent / "运行" / "shop")
    assert RunConfig.from_dict(config.to_dict()).vectors == config.vectors
