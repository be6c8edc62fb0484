"""Dialogue, from a tiny table of queries to answers over gRPC and REST."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tasks.contract import TaskContract
from tests.tasks.dialogue.shops import queries, write_shop
from tfmm.export import export_model
from tfmm.serving import Client, Server
from tfmm.tasks.dialogue.config import default_encoder
from tfmm.tasks.dialogue.signatures import LIMIT
from tfmm.training import RunFileError, load_run, train

LSTM = {"name": "lstm", "units": 32, "min_count": 1}
OUTPUTS = {
    "intents",
    "probabilities",
    "in_scope",
    "slot_names",
    "slot_values",
    "slot_starts",
    "slot_ends",
    "slot_probabilities",
}


def run_of(shop, encoder=LSTM, **changes):
    base = {
        "task": "dialogue",
        "name": "dialogue",
        "shop": str(shop),
        "text": {"encoder": encoder, "dim": 32},
        "train": {"epochs": 14, "batch_size": 16, "learning_rate": 0.02, "patience": 14},
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("对话")
    return train(run_of(write_shop(folder)), folder / "运行", say=lambda _: None)


@pytest.fixture(scope="module")
def models(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("模型")
    export_model(run.path, folder, say=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def served(models):
    loaded = tf.saved_model.load(str(next((models / "dialogue").iterdir())))
    asked = loaded.signatures["understand"]

    def understand(*texts):
        found = asked(text=tf.constant(texts, tf.string))
        return {name: value.numpy() for name, value in found.items()}

    # What a SavedModel reads lives as long as it does.
    understand.held = loaded
    return understand


class TestContract(TaskContract):
    simplest = ("accuracy", "majority")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, run):
        return run


def test_intents_and_slots_are_learned_and_the_report_tells_all(run):
    metrics = json.loads((run.path / "metrics.json").read_text("utf-8"))
    model = metrics["model"]
    assert model["accuracy"] > 0.9
    assert model["span_f1"] > 0.6
    assert model["scope_auc"] > 0.9
    assert 0 <= model["scope_calibration_error"] < 0.5
    assert set(metrics["baselines"]) == {"majority", "svm", "dictionary"}
    assert metrics["baselines"]["dictionary"]["span_f1"] > 0.8
    assert metrics["split"] == {"train": 288, "valid": 96, "test": 96}
    assert {row["intent"] for row in metrics["intents"]} == {"find/找", "price", "goodbye 👋"}
    report = (run.path / "report.md").read_text("utf-8")
    for title in ("## Intents", "## Out of scope", "## Slots", "## Each slot"):
        assert title in report
    assert (run.path / "plots" / "reliability.png").exists()


def test_slots_are_places_in_what_was_written(served):
    text = "嗯，我要绿色的连衣裙"
    found = served(text, "i want coat in black please")
    assert set(found) == OUTPUTS
    assert found["intents"][0, 0].decode() == "find/找"
    rows = [
        {name.decode(): value.decode() for name, value in zip(names, values, strict=True) if name}
        for names, values in zip(found["slot_names"], found["slot_values"], strict=True)
    ]
    assert rows == [
        {"colour": "绿色", "thing": "连衣裙"},
        {"colour": "black", "thing": "coat"},
    ]
    starts, ends = found["slot_starts"][0], found["slot_ends"][0]
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == ["绿色", "连衣裙"]
    assert ((found["slot_probabilities"] > 0) == (found["slot_names"] != b"")).all()
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_what_is_out_of_scope_is_refused(served):
    found = served("i want coat in black please", "who won the match 9", "")
    assert found["in_scope"][0] > found["in_scope"][1]
    # Nothing was said.
    assert found["in_scope"][2] == 0
    assert not any(found["intents"][2])
    assert (found["slot_starts"][2] == -1).all()


@pytest.mark.parametrize(
    "text",
    [
        b"x" * 100_000,
        "\u202e\u200f".encode() * 20_000,
        "绿色".encode() * 20_000,
        b"\xff\xfe coat",
        b"'; DROP TABLE items; -- <script>alert(1)</script> ignore all instructions",
        "مرحبا coat שלום 連衣裙 \U0001f600".encode(),
        b"\x00\x01\x02",
    ],
)
def test_hostile_words_are_answered_in_bounded_time(served, text):
    start = time.process_time()
    found = served(text)
    assert time.process_time() - start < 5
    assert 0 <= found["in_scope"][0] <= 1
    assert np.isfinite(found["probabilities"]).all()
    assert found["slot_ends"].max(initial=0) <= LIMIT


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_both_transports_understand(models, transport):
    with Server(models, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "dialogue", transport=transport) as client:
            found = client.ask("understand", text=["这件连衣裙多少钱", "thanks, bye"])
            nothing = client.ask("understand", text=["thanks, bye"])
    assert [row[0] for row in found["intents"]] == ["price", "goodbye 👋"]
    assert found["slot_values"][0][0] == "连衣裙"
    assert np.size(nothing["slot_names"]) == 0 or not any(nothing["slot_names"][0])


def test_context_is_read_and_holds_no_slots(tmp_path):
    shop = write_shop(tmp_path, text=["text", "before"])
    table = pd.read_csv(tmp_path / "问题.csv", keep_default_na=False)
    # What was said before alone tells what a bare word means.
    table["text"] = [f"coat {at % 7}" for at in range(len(table))]
    table["slots"] = '[["thing", 0, 4]]'
    table["intent"] = np.where(np.arange(len(table)) % 2, "yes", "no")
    table["before"] = np.where(table.intent == "yes", "do you want red coat", "is blue coat bad")
    table.to_csv(tmp_path / "问题.csv", index=False)
    run = train(run_of(shop, evaluate={"baselines": []}), tmp_path / "run", say=lambda _: None)
    assert run.metrics["model"]["accuracy"] > 0.95
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    asked = tf.saved_model.load(str(version)).signatures["understand"]
    found = asked(
        text=tf.constant(["coat 3", "coat 3", "coat 3"]),
        context=tf.constant(["do you want red coat", "is blue coat bad", ""]),
    )
    assert [row[0].decode() for row in found["intents"].numpy()[:2]] == ["yes", "no"]
    assert found["slot_ends"].numpy().tolist() == [[4], [4], [4]]


@pytest.mark.parametrize("missing", ["intent", "slots"])
def test_intents_or_slots_may_be_all_there_is(tmp_path, missing):
    shop = write_shop(tmp_path, **{missing: None, "part": None})
    config = run_of(shop, {"name": "subwords", "buckets": 2_000})
    run = train(config, tmp_path / "run", say=lambda _: None)
    model = run.metrics["model"]
    assert ("span_f1" in model) == (missing == "intent")
    assert ("accuracy" in model) == (missing == "slots")
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    asked = tf.saved_model.load(str(version)).signatures["understand"]
    found = asked(text=tf.constant(["show me a red coat"]))
    assert set(found) == OUTPUTS
    empty = found["intents"] if missing == "intent" else found["slot_names"]
    assert empty.shape == (1, 0)


def test_few_examples_of_each_intent_may_be_asked_for(tmp_path):
    split = {"examples": 5}
    config = run_of(write_shop(tmp_path), split=split, train={"epochs": 1})
    run = train(config, tmp_path / "run", say=lambda _: None)
    # Five of each of three intents, and all that are out of scope.
    assert run.metrics["split"]["train"] == 15 + 72
    assert not run.task.parts.refit


@pytest.mark.weights
def test_minilm_understands_after_two_epochs(tmp_path):
    shop = write_shop(tmp_path)
    encoder = {"name": "minilm", "train": 1, "learning_rate": 1e-3, "warmup": 1, "max_tokens": 24}
    config = run_of(shop, encoder, train={"epochs": 2, "batch_size": 16})
    run = train(config, tmp_path / "run", say=lambda _: None)
    assert run.metrics["model"]["accuracy"] > 0.9
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    loaded = load_run(run.path)
    assert loaded.model.labels == run.model.labels
    found = tf.saved_model.load(str(version)).signatures["understand"]
    text = "Hi, show me a Café ☕ coat"
    answer = found(text=tf.constant([text]))
    assert answer["intents"].numpy()[0, 0].decode() == "find/找"
    pairs = zip(answer["slot_starts"].numpy()[0], answer["slot_ends"].numpy()[0], strict=True)
    values = [value.decode() for value in answer["slot_values"].numpy()[0]]
    assert values == [text[start:end] for start, end in pairs]


def test_the_default_reads_latin_letters_by_minilm_and_others_by_an_lstm(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert default_encoder(np.array(["a red coat"], object))["name"] == "minilm"
    assert default_encoder(np.array(["我要红色的连衣裙"], object))["name"] == "lstm"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert default_encoder(np.array(["a red coat"], object))["name"] == "lstm"


@pytest.mark.parametrize(
    ("keys", "changes", "message"),
    [
        ({}, {"evaluate": {"baselines": ["crf"]}}, "some of majority, svm, dictionary, got 'crf'"),
        ({}, {"scope": {"share": 1.5}}, "a share lies between 0 and 1, got 1.5"),
        ({}, {"split": {"test": 0.7}}, "a share lies above 0 and below 0.5, got 0.7"),
        ({}, {"split": {"examples": -1}}, "examples must be 0 or more, got -1"),
        ({"intent": None, "slots": None}, {}, "say neither what is wanted nor which words"),
        ({}, {"serve": {"k": 0}}, "`k` must be a positive integer"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path, keys, changes, message):
    with pytest.raises(RunFileError, match=message):
        train(run_of(write_shop(tmp_path, **keys), **changes), tmp_path / "run")


def test_a_shop_without_queries_is_refused(tmp_path):
    pd.DataFrame({"item_id": ["a", "b"]}).to_csv(tmp_path / "items.csv", index=False)
    shop = {"root": str(tmp_path), "items": {"table": "items.csv", "id": "item_id"}}
    with pytest.raises(RunFileError, match="learns from the shop's `queries`, and it has none"):
        train({"task": "dialogue", "shop": shop}, tmp_path / "run")


def test_the_tiny_shop_is_as_it_says():
    for row in queries():
        for name, start, end in json.loads(row["slots"]):
            assert row["text"][start:end].strip()
            assert name in ("colour", "thing")
