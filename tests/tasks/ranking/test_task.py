"""Ranking, from a tiny shop to answers over gRPC and REST."""

from __future__ import annotations

import json

import grpc
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc, regression_pb2

import tfmm
from tests.tasks.contract import TaskContract
from tests.tasks.ranking.shops import chosen, rated, write_ranking_shop
from tfmm.data.names import input_name
from tfmm.export import export_model
from tfmm.serving import Client, Server
from tfmm.tasks.ranking.answers.signatures import Served
from tfmm.training import load_run, train

FIT = {"epochs": 4, "batch_size": 128, "learning_rate": 0.01}


def run_of(shop, **changes):
    base = {
        "task": "ranking",
        "name": "ranker",
        "shop": shop,
        "network": {"preset": "din", "hidden": [32], "dim": 8},
        "users": {"id": True},
        "train": FIT,
        "evaluate": {"baselines": ["rates", "logistic"]},
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    shop = write_ranking_shop(folder)
    table = pd.read_csv(folder / "items.csv")
    table["产地"] = [f"法国/é{n % 4}" for n in range(len(table))]
    table.to_csv(folder / "items.csv", index=False)
    shop["items"]["features"]["产地"] = {"kind": "category", "column": "产地"}
    given = run_of(shop, labels={"click": {}, "buy": {"after": "click"}})
    return train(given, tmp_path_factory.mktemp("run") / "run", say=lambda _: None)


class TestContract(TaskContract):
    simplest = ("click auc", "rates")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, run):
        return run


@pytest.fixture(scope="module")
def server(run, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    export_model(run.path, models, say=lambda _: None)
    with Server(models, grpc_port=0, rest_port=0) as made:
        yield made


def inputs(count=1):
    return {"device": ["phone"] * count, "time": [1_701_000_000] * count}


def test_what_is_served_is_what_the_model_says(run):
    builder, rows = run.task.builder, run.task.parts.test[:40]
    served = Served(run.model, run.model.reader, run.data, builder.context, 0)
    shown, data = builder.shown, run.data
    device = builder.context.features["device"]
    words = np.array([*device.vocabulary, ""], object)[device.codes[rows]]
    answer = served.rate(
        tf.constant(data.users.ids[shown.user[rows]]),
        tf.constant(data.items.ids[shown.item[rows]]),
        device=tf.constant(words),
        time=tf.constant(shown.time[rows] // 1_000_000),
    )
    for name, ours in zip(("click", "buy"), run.model.answers(rows).T, strict=True):
        np.testing.assert_allclose(answer[name], ours, rtol=1e-4, atol=1e-5)


def test_a_purchase_is_never_likelier_than_its_click(run):
    scores = run.model.scores(run.task.parts.test)
    assert (scores[:, 1] <= scores[:, 0] + 1e-5).all()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_list_comes_in_order_with_its_padding_last(server, transport):
    asked = [["品/1", "品/2", "nobody has it", "", "品/3"]]
    address = server.grpc_address if transport == "grpc" else server.rest_address
    with Client(address, "ranker", transport=transport) as client:
        found = client.ask("rank", user_id=["ü🎈3"], item_id=asked, **inputs())
    (ids,), (click,) = found["item_id"], found["click"]
    ids = [i.decode() if isinstance(i, bytes) else i for i in ids]
    assert sorted(ids) == sorted(asked[0])
    assert ids[-1] == ""
    assert (np.diff(click) <= 0).all()
    assert ((click[:-1] > 0) & (click[:-1] < 1)).all()


def test_a_shopper_is_told_by_a_history_alone(server, run):
    size = run.config.history.size
    client = Client(server.grpc_address, "ranker")
    items = [f"品/{n}" for n in range(12)]
    of_brand = [[*(f"品/{n}" for n in range(0, 39, 3)), *[""] * (size - 13)]]
    nothing = [[""] * size]
    both = [
        client.ask("rank_session", history=past, item_id=[items], **inputs())
        for past in (of_brand, nothing)
    ]
    by_id = [dict(zip(f["item_id"][0], f["click"][0], strict=True)) for f in both]
    assert by_id[0] != by_id[1]


def test_regress_and_classify_read_examples(server):
    row = {"user_id": "ü🎈3", "item_id": "品/1", "device": "phone"}
    example = tf.train.Example()
    for name, value in row.items():
        example.features.feature[name].bytes_list.value.append(value.encode())
    example.features.feature["time"].int64_list.value.append(1_701_000_000)
    # Of another item by its features.
    other = tf.train.Example()
    other.CopyFrom(example)
    other.features.feature["item_id"].bytes_list.value[:] = [b"?"]
    other.features.feature["item_brand"].bytes_list.value.append("红".encode())
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "ranker", "regress"
    request.input.example_list.examples.extend([example, other])
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        said, raw = stub.Regress(request).result.regressions
    rated_ = Client(server.grpc_address, "ranker").ask(
        "rate", user_id=["ü🎈3"] * 2, item_id=["品/1", "?"], **inputs(2)
    )
    assert raw.value != pytest.approx(float(rated_["click"][1]), abs=1e-5)
    assert said.value == pytest.approx(float(rated_["click"][0]), abs=1e-5)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_what_nobody_has_seen_is_told_by_its_features(server, run, transport):
    names = {name: input_name(f"item_{name}") for name in ("title", "产地", "tags", "price")}
    address = server.grpc_address if transport == "grpc" else server.rest_address
    # An item of the table, and the same by its features alone, and by nothing at all.
    whole = {"title": "thing 5", "brand": "b/l🎈", "产地": "法国/é1", "tags": ["t0"], "price": 0.0}
    items = run.data.items
    row = list(items.ids).index("品/5")
    whole["price"] = float(items.features["price"].values[row])
    nothing = {"title": "", "brand": "", "产地": "", "tags": [""], "price": float("nan")}
    told = {input_name(f"item_{n}"): [v, v, nothing[n]] for n, v in whole.items()}
    assert set(names.values()) <= set(told)
    with Client(address, "ranker", transport=transport) as client:
        found = client.ask(
            "rate_raw",
            user_id=["ü🎈3"] * 3,
            item_id=["品/5", "nobody has it", "nobody has it"],
            **told,
            **inputs(3),
        )
        known = client.ask(
            "rate", user_id=["ü🎈3"] * 2, item_id=["品/5", "nobody has it"], **inputs(2)
        )
    click = np.array(found["click"])
    np.testing.assert_allclose(click[[0, 2]], known["click"], atol=1e-5)
    assert ((click > 0) & (click < 1)).all()
    assert abs(click[1] - click[2]) > 1e-4


def test_an_untrained_ranker_says_how_often_labels_are(run):
    task = run.task
    model = task.build(task.parts.train)
    train = task.parts.train[:300]
    share = run.data.examples.labels["click"][task.parts.train].mean()
    assert model.answers(train)[:, 0].mean() == pytest.approx(share, abs=0.05)
    bought = run.data.examples.labels["buy"][task.parts.train].mean()
    assert model.answers(train)[:, 1].mean() == pytest.approx(bought, abs=0.05)


def test_the_report_tells_each_label(run):
    text = (run.path / "report.md").read_text()
    assert "click: the model beside the baselines" in text
    assert "buy: calibration" in text
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["counts"]["click"]["missing"] == 0
    assert set(metrics["compared"]["click"]) == {"rates", "logistic"}


def test_ratings_are_learned_and_stay_within_their_bounds(ranking_shop, tmp_path):
    given = run_of(
        rated(ranking_shop),
        network={"blocks": ["history", "fm", "deep"], "dim": 8},
        split={"by": "random"},
        labels={"rating": {"loss": "ordinal"}},
        evaluate={"baselines": ["mean", "biases", "svd"]},
    )
    run = train(given, tmp_path / "run", say=lambda _: None)
    assert run.metrics["model"]["rating rmse"] < run.metrics["baselines"]["mean"]["rating rmse"]
    said = run.model.answers(np.arange(len(run.data.examples)))
    assert said.min() >= 1
    assert said.max() <= 5
    # Ids, weights and histories come back.
    again = load_run(run.path)
    np.testing.assert_allclose(
        again.model.answers(np.arange(50)), run.model.answers(np.arange(50)), rtol=1e-4
    )


def test_choices_are_told_from_what_is_drawn(ranking_shop, tmp_path):
    given = run_of(
        chosen(ranking_shop),
        network={"preset": "dlrm", "hidden": [16], "dim": 8},
        negatives={"each": 2, "draws": 2},
        evaluate={"baselines": []},
    )
    run = train(given, tmp_path / "run", say=lambda _: None)
    assert run.metrics["counts"]["chosen"]["examples"] == 3 * len(run.task.parts.test)
    assert run.metrics["baselines"] == {}


def test_tune_and_keras_fit_are_the_same_training(run):
    model = run.task.build(run.task.parts.train)
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    history = model.fit(model.batches(run.task.parts.train, 128), epochs=2, verbose=0)
    losses = history.history["loss"]
    assert losses[1] < losses[0]
