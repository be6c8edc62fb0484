"""Classification, from a tiny shop to labels over gRPC and REST."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc

from tests.conftest import COLOURS, write_shop
from tests.tasks.contract import TaskContract
from tfmm.export import export_model
from tfmm.serving import Client, Server
from tfmm.tasks.classification.calibration import threshold_for
from tfmm.tasks.classification.fill import labels_for, threshold_of, write_labels
from tfmm.training import RunFileError, load_run, train

READS = {
    "title": "bag",
    "photo": {"name": "cnn", "size": [16, 16], "widths": [8, 16]},
    "price": "piecewise",
}


def shop_of(folder: Path) -> Path:
    """The tiny shop without its shoppers; colours are categories, and tags with the kind."""
    shop = write_shop(folder, items=90)
    table = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    table["tags"] = table.colour + "|" + table.kind
    table.loc[3, "colour"] = ""
    table.loc[4, "colour"] = "mauve"
    table["part"] = ["train", "train", "train", "valid", "test"] * 18
    table.to_csv(folder / "items.csv", index=False)
    value = yaml.safe_load(shop.read_text())
    del value["events"]
    value["items"]["features"] |= {
        "colour": {"kind": "category", "column": "colour"},
        "tags": {"kind": "tags", "column": "tags", "separator": "|"},
        "part": {"kind": "category", "column": "part"},
    }
    shop.write_text(yaml.safe_dump(value))
    return shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return shop_of(tmp_path_factory.mktemp("shop"))


def run_of(shop: Path, feature: str = "colour", **changes) -> dict:
    base = {
        "task": "classification",
        "name": "colours",
        "shop": str(shop),
        "label": {"feature": feature},
        "split": {"valid": 0.15, "test": 0.2},
        "items": {"encoders": READS, "dim": 16},
        "train": {"epochs": 12, "batch_size": 16, "learning_rate": 0.02},
        "evaluate": {"baselines": ["majority", "tfidf", "vectors"]},
    }
    return {**base, **changes}


@pytest.fixture(scope="module", params=["colour", "tags"])
def run(request, shop, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return train(run_of(shop, request.param), out, say=lambda _: None)


class TestContract(TaskContract):
    simplest = ("calibration_error", "majority")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, run):
        return run

    def test_it_beats_its_simplest_baseline(self, run):
        name = run.task.choice.name
        assert run.metrics["model"][name] > run.metrics["baselines"]["majority"][name] + 0.3


def test_labels_are_learned_and_the_report_tells_all(run):
    metrics = json.loads((run.path / "metrics.json").read_text("utf-8"))
    several = run.task.labels.several
    assert metrics["model"]["micro_f1" if several else "accuracy"] > 0.85
    assert metrics["baselines"]["vectors"]["left_out"].startswith("the model reads no feature")
    assert metrics["temperature"] > 0
    report = (run.path / "report.md").read_text("utf-8")
    assert "logistic regression on words and characters" in report
    assert (run.path / "plots" / "reliability.png").exists()
    if not several:
        # One item says nothing of its colour, and one has a colour of its own.
        assert metrics["rare"] == 1
        assert sum(metrics["split"].values()) == 88
        assert set(run.task.labels.names) == set(COLOURS)
        assert (run.path / "plots" / "confusion.png").exists()
        assert {row["label"] for row in metrics["labels"]} == set(COLOURS)


def test_a_path_of_classes_never_contradicts_itself(shop, tmp_path):
    config = run_of(shop, ["kind", "colour"], evaluate={"baselines": ["majority", "tfidf"]})
    run = train(config, tmp_path / "run", say=lambda _: None)
    labels, metrics = run.task.labels, run.metrics
    assert "red / coat" not in labels.names
    assert "coat / red" in labels.names
    assert metrics["partial"] == 1
    kinds = metrics["levels"]["kind"]
    assert set(kinds) == {"model", "majority", "tfidf"}
    assert kinds["model"]["accuracy"] >= metrics["model"]["accuracy"]
    assert kinds["model"]["accuracy"] > kinds["majority"]["accuracy"] + 0.3
    assert "By kind:" in (run.path / "report.md").read_text("utf-8")
    loaded = load_run(run.path)
    assert loaded.model.labels.names == labels.names
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures["classify_item"]
    texts = ["red coat", "blue shirt", ""]
    empty = tf.constant([b""] * 3), tf.constant([np.nan] * 3, tf.float32)
    found = served(title=tf.constant(texts), photo=empty[0], price=empty[1])
    fine = [[label.decode() for label in row] for row in found["label"].numpy()]
    coarse = [[label.decode() for label in row] for row in found["label_kind"].numpy()]
    assert [row[0] for row in coarse] == ["coat", "shirt", ""]
    assert not any(fine[2])
    np.testing.assert_allclose(found["probability_kind"].numpy().sum(axis=1), [1, 1, 0], atol=1e-5)
    for row in range(2):
        kind = dict(zip(coarse[row], found["probability_kind"].numpy()[row], strict=True))
        for label, probability in zip(fine[row], found["probability"].numpy()[row], strict=True):
            assert probability <= kind[label.split(" / ")[0]] + 1e-6


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_raw_values_are_labelled(run, tmp_path, transport):
    several = run.task.labels.several
    export_model(run.path, tmp_path, say=lambda _: None)
    photos = run.data.items.features["photo"].paths
    asked = {
        "title": ["a red coat", "", "", "green shoe"],
        "photo": [b"", photos[1][0].read_bytes(), b"", photos[1][0].read_bytes()],
        "price": [np.nan, np.nan, np.nan, 20.0],
    }
    with Server(tmp_path, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "colours", transport=transport) as client:
            found = client.ask("tag_item" if several else "classify_item", **asked)
        labels, probabilities = found["label"], found["probability"]
        assert labels.shape == (4, 5 if several else 3)
        assert "red" in labels[0]
        assert "green" in labels[1]
        assert not any(labels[2])  # nothing is known of it
        assert (probabilities[2] == 0).all()
        if not several:
            np.testing.assert_allclose(probabilities[[0, 1, 3]].sum(axis=1), 1, atol=1e-5)
            assert labels[3][0] == "green"
        if transport == "grpc":
            request = classification_pb2.ClassificationRequest()
            request.model_spec.name, request.model_spec.signature_name = "colours", "classify"
            example = request.input.example_list.examples.add()
            example.features.feature["title"].bytes_list.value.append(b"green shoe")
            with grpc.insecure_channel(server.grpc_address) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                (one,) = stub.Classify(request, timeout=20).result.classifications
            assert "green" in [entry.label for entry in one.classes]
            assert one.classes[0].score > 0.3


def test_a_loaded_run_gives_the_same_probabilities(run):
    loaded = load_run(run.path)
    np.testing.assert_allclose(loaded.model.probabilities(), run.model.probabilities(), atol=1e-4)
    masked = run.model.probabilities(mask="title")
    assert np.abs(masked - run.model.probabilities()).max() > 0.01


def test_what_a_catalogue_lacks_is_filled_where_the_model_is_sure(run, tmp_path):
    table = write_labels(run, tmp_path / "标签.parquet", precision=0.9)
    assert pd.read_parquet(tmp_path / "标签.parquet").equals(table)
    several = run.task.labels.several
    if several:
        assert len(table) == 0  # every item has tags
        table = labels_for(run, 0.9, everything=True)
        own = table[table.item_id == "00000"]
        assert {"red", "shirt"} & set(own.label)
        assert set(table.item_id) == set(run.data.items.ids)
    else:
        assert table.item_id.tolist() == ["00003", "00004"]
        assert set(table.guess) <= set(COLOURS)
        assert table.guess[0] == "red"
        sure = table.probability >= threshold_of(run.metrics["thresholds"], 0.9)
        assert (table.label == np.where(sure, table.guess, "")).all()
    with pytest.raises(ValueError, match=r"`precision` 1\.01 is more than validation reached"):
        labels_for(run, 1.01)


def test_thresholds_reach_their_precision():
    sure = np.array([0.9, 0.8, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True, False])
    assert threshold_for(sure, right, 1.0) == 0.9
    assert threshold_for(sure, right, 0.75) == 0.7
    assert threshold_for(sure, right, 0.6) == 0.6
    assert threshold_for(sure, ~right, 0.9) > 1


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        (
            {"by": "column", "feature": "part", "train": "train", "valid": "valid", "test": "test"},
            {"train": 54, "valid": 18, "test": 18},
        ),
        ({"by": "groups", "valid": 0.2, "test": 0.2}, {"train": 54, "valid": 18, "test": 18}),
        ({"by": "number", "feature": "price", "valid": 0.2, "test": 0.2}, None),
    ],
)
def test_parts_may_go_by_columns_groups_and_numbers(shop, tmp_path, split, counts):
    config = run_of(
        shop,
        "kind",
        split=split,
        items={"encoders": {"title": "bag"}, "dim": 8},
        train={"epochs": 1},
        evaluate={"baselines": []},
    )
    run = train(config, tmp_path / "run", say=lambda _: None)
    parts = run.task.parts
    if counts is not None:
        assert run.metrics["split"] == counts
    elif split["by"] == "number":
        prices = run.data.items.features["price"].values
        assert prices[parts.train].max() < prices[parts.valid].min()
        assert prices[parts.valid].max() < prices[parts.test].min()
    together = np.concatenate([parts.train, parts.valid, parts.test])
    assert len(np.unique(together)) == len(together)


@pytest.mark.parametrize(
    "train_options",
    [
        {"loss": "focal", "smoothing": 0.1},
        {"adjust": 1.0, "balance": 1.0},
    ],
)
def test_losses_for_unequal_labels_learn_too(shop, tmp_path, train_options):
    fitting = {"epochs": 8, "batch_size": 16, "learning_rate": 0.02, **train_options}
    config = run_of(
        shop,
        train=fitting,
        items={"encoders": {"title": "bag"}, "dim": 16},
        evaluate={"baselines": ["majority"]},
    )
    run = train(config, tmp_path / "run", say=lambda _: None)
    assert run.metrics["model"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": {"feature": "colr"}}, "'colr' is no feature of the items; there are: colour, k"),
        (
            {"label": {"feature": "title"}, "items": {"encoders": {"price": "piecewise"}}},
            "'title' is of kind 'text'",
        ),
        ({"label": {"feature": []}}, "`label.feature` must name a feature, got an empty list"),
        ({"label": {"feature": ["kind", "tags"]}}, "from coarse to fine, but 'tags' is of kind"),
        ({"label": {"feature": 3}}, "`label.feature` must be string or a list of strings, got 3"),
        ({"label": {"feature": "colour", "min_items": 99}}, "leaves 0 labels of 99 items or more"),
        ({"label": {"feature": "colour"}, "items": {"encoders": {"colour": "embedding"}}}, "the a"),
        ({"split": {"by": "time"}}, "`split.by` must be one of random, groups, number, column"),
        ({"split": {"valid": 0.6, "test": 0.5}}, "must be below 1 together, got 0.6 and 0.5"),
        ({"split": {"by": "number", "feature": "title"}}, "must name a number feature"),
        ({"train": {"loss": "hinge"}}, "`train.loss` must be one of cross_entropy, focal"),
        ({"evaluate": {"baselines": ["svm"]}}, "`evaluate.baselines` must be some of majority"),
        ({"items": {"encoders": {}}}, "The model reads nothing"),
        ({"label": {}}, "the key `label.feature` is missing"),
    ],
)
def test_what_cannot_be_is_refused_in_words(shop, tmp_path, change, message):
    with pytest.raises(RunFileError, match=message):
        train(run_of(shop, **change), tmp_path / "run", say=lambda _: None)


def test_a_shop_in_chinese_is_classified(tmp_path):
    from tests.test_chinese_shop import write_shop as write_chinese

    shop = write_chinese(tmp_path / "商店")
    config = run_of(
        shop,
        "标签",
        name="biaoqian",
        items={"encoders": {"名称": {"name": "bag", "min_count": 1}}, "dim": 16},
        evaluate={"baselines": ["majority"]},
    )
    run = train(config, tmp_path / "运行", say=lambda _: None)
    version = export_model(run.path, tmp_path / "模型", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures["tag_item"]
    (name,) = served.structured_input_signature[1]
    assert name.isascii()
    found = served(**{name: tf.constant(["红色衬衫 第3号"])})
    assert "红色" in [label.decode() for label in found["label"].numpy()[0]]
