"""What an export or a plot could not do with is refused when the run file is read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

from tests.conftest import write_shop
from tfmm.commands import main as cli
from tfmm.encoders import registry
from tfmm.encoders.base import Encoder
from tfmm.encoders.raw import RawReader
from tfmm.export import export_model
from tfmm.tasks.items.settings import ItemSettings
from tfmm.tasks.retrieval.settings import ExportSettings
from tfmm.training import RunFileError, train
from tfmm.training import fit as fitting
from tfmm.training.backtest import backtest
from tfmm.training.tune import tune


@pytest.fixture
def untrained(monkeypatch):
    """Fails where anything is trained, or an encoder adapted."""

    def refuse(*_, **__):
        pytest.fail("it began to train")

    monkeypatch.setattr(fitting.tf.train, "CheckpointManager", refuse)
    monkeypatch.setattr(Encoder, "adapt", refuse)


def run_of(shop: Path, **changes) -> dict:
    base = {
        "name": "refused",
        "shop": str(shop),
        "split": {"by": "user"},
        "items": {"encoders": {"title": "bag"}, "dim": 8},
        "train": {"epochs": 1, "batch_size": 128},
        "blend": {"ease": False},
        "evaluate": {"baselines": []},
    }
    return base | changes


def classification_of(shop: Path, **changes) -> dict:
    base = {
        "task": "classification",
        "name": "refused",
        "shop": str(shop),
        "label": {"feature": "kind"},
        "items": {"encoders": {"title": "bag"}, "dim": 8},
        "train": {"epochs": 1},
        "evaluate": {"baselines": []},
    }
    return base | changes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": {"history_size": 0}}, "export cannot be: `history_size` must be a positive"),
        ({"index": {"k": 0}}, "`index`: `k` must be a positive integer, but it is 0"),
        ({"index": {"kind": "ivff"}}, r"`index`: `kind` must be one of .*'ivff'.*ivf"),
        ({"evaluate": {"k": [0, 20]}}, r"`evaluate.k`: `ks` is \[0, 20\], but each must be 1 or"),
        ({"items": {"fusion": "gate"}}, r"`items.fusion`: .*'gate'.*'gated'"),
        ({"items": {"fusion": {"name": "gated", "hide": 1}}}, "`items.fusion`: .*'hide'"),
        ({"train": {"optimizer": "sgdd"}}, "`train.optimizer` must be one of"),
        ({"train": {"schedule": "linear"}}, "`train.schedule` must be cosine or constant"),
        ({"name": "店"}, "`name` must be letters of ASCII"),
        ({"items": {"encoders": {}, "id": False}}, "`items`: The item tower reads nothing"),
        ({"search": {"heads": 3}, "items": {"dim": 8}}, "`items`: heads must divide dim"),
        ({"users": {"history": "men"}}, "`users`: history must be one of .*, got 'men'"),
        ({"users": {"history": "none"}}, "`users`: The user tower reads nothing"),
        ({"users": {"history": "causal", "attention_heads": 3}}, "`users`: 3 heads of attention"),
        (
            {"users": {"history": "causal"}, "train": {"balance": 0.5}},
            "`train.balance` draws some pairs more often",
        ),
        ({"train": {"temperature": 0.0}}, "`train.temperature` must be positive, got 0.0"),
        ({"search": {"hubness": -1.0}}, "`search.hubness` must be 0 or more, got -1.0"),
        ({"graph": {"propagation": "gnc"}}, "`graph.propagation`: .*'gnc'"),
        ({"graph": {"mix": "learnt"}}, "`graph.mix`: .*Did you mean 'learned'"),
        ({"graph": {"join": "summ"}}, "`graph.join`: .*'summ'"),
        ({"graph": {"loss": "bpp"}}, "`graph.loss`: .*'bpp'"),
        ({"graph": {"mode": "whole"}}, "`graph.mode`: mode must be one of auto, full, sampled"),
        ({"graph": {"activation": "tan"}}, "`graph.activation`: .*tan"),
        ({"graph": {"knowledge": "atention"}}, "`graph.knowledge`: .*Did you mean 'attention'"),
        ({"graph": {"knowledge_layers": 0}}, "`graph.knowledge_layers` must be 1 or more, got 0"),
        ({"graph": {"layers": -1}}, "`graph.layers` must be 0 or more, got -1"),
        ({"graph": {"neighbours": 0}}, "`graph.neighbours` must be 1 or more, got 0"),
        ({"graph": {"fanout": 0}}, "`graph.fanout` must be 1 or more, got 0"),
        ({"graph": {"weights": {"together": -2.0}}}, "`graph.weights` of 'together' must be 0 or"),
    ],
)
def test_it_is_refused_before_a_table_is_read(change, message, tmp_path):
    config = run_of(tmp_path / "there is no such shop.yaml", **change)
    for work in (train, tune, backtest):
        with pytest.raises(RunFileError, match=message):
            work(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serve": {"k": 0}}, "`serve.k`: `k` must be a positive integer, but it is 0"),
        ({"label": {"feature": "kind", "threshold": 2.0}}, "`label.threshold`: a probability lies"),
        ({"items": {"fusion": "gate"}}, r"`items.fusion`: .*'gate'"),
    ],
)
def test_it_is_refused_for_classification_too(change, message, tmp_path):
    with pytest.raises(RunFileError, match=message):
        train(classification_of(tmp_path / "none.yaml", **change), tmp_path / "out")


def test_the_settings_of_an_export_refuse_the_same():
    with pytest.raises(ValueError, match="`exclude_size` must be a positive integer"):
        ItemSettings(k=5, exclude_size=0)
    with pytest.raises(ValueError, match="`history_size` must be a positive integer"):
        ExportSettings(k=5, history_size=0)


def test_scann_without_its_package_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "scann", None)
    monkeypatch.setitem(sys.modules, "scann.scann_ops.py", None)
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(run_of(tmp_path / "none.yaml", index={"kind": "scann"})))
    assert cli.main(["train", str(file), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "`index`: The ScaNN index needs the package scann" in said
    assert "pip install 'tfmm[scann]'" in said
    assert "Traceback" not in said


def test_a_split_without_a_test_part_is_refused_before_training(shop_file, tmp_path, untrained):
    config = run_of(shop_file, split={"by": "user", "test": 0})
    with pytest.raises(ValueError, match="No user has a test item"):
        train(config, tmp_path / "out", say=lambda line: None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"graph": {"similar": ["photo"]}},
            "`graph.similar` names 'photo', .*kind 'image'.*frozen",
        ),
        ({"graph": {"similar": ["titel"]}}, "`graph.similar` names 'titel', .*no item feature"),
        ({"graph": {"attributes": ["price"]}}, "`graph.attributes` names 'price', .*takes kind"),
        (
            {"graph": {"weights": {"has/kind": 1.0}}},
            r"`graph.weights` names 'has/kind'.*events, si",
        ),
        ({"search": {"queries": {"titel": "bag"}}}, "A query tower is named for 'titel'"),
        ({"search": {"queries": {"kind": "bag"}}}, "A query tower is named for 'kind', .*category"),
        ({"search": {"queries": {"title": "bagg"}}}, "Unknown encoder for kind 'text': 'bagg'"),
        ({"search": {"queries": {"title": "bag"}, "loss": "hinge"}}, "loss must be one of"),
        ({"search": {"queries": {"title": "bag"}, "hide": 2.0}}, r"hide must lie in \[0, 1\]"),
        (
            {"search": {"queries": {"title": "bag"}, "hard_by": "price"}},
            "`search.hard_by` must name a category feature of the items, got 'price'.*kind",
        ),
        ({"users": {"features": {"age": "piecewise"}}}, "named for the feature 'age'"),
        ({"train": {"balance": 1.0, "balance_by": "price"}}, "`train.balance_by` must name"),
    ],
)
def test_it_is_refused_when_the_tables_are_read_in_every_way_to_train(
    change, message, shop_file, tmp_path, untrained
):
    config = run_of(shop_file, **change)
    for work in (train, tune, backtest):
        with pytest.raises(ValueError, match=message):
            work(config, tmp_path / work.__name__, say=lambda line: None)


def test_a_shoppers_text_is_not_read_by_a_heavy_encoder(tmp_path, untrained):
    shop = write_shop(tmp_path / "shop")
    value = yaml.safe_load(shop.read_text())
    features = {"关于": {"kind": "text", "column": "about"}}
    value["users"] = {"table": "users.csv", "id": "who", "features": features}
    shop.write_text(yaml.safe_dump(value, allow_unicode=True))
    people = {"who": [f"u{n:03d}" for n in range(80)], "about": ["喜欢红色"] * 80}
    pd.DataFrame(people).to_csv(shop.parent / "users.csv", index=False)
    config = run_of(shop, users={"features": {"关于": "lstm"}})
    for work in (train, tune, backtest):
        with pytest.raises(ValueError, match=r"cannot have heavy encoders.*'关于'.*bag"):
            work(config, tmp_path / work.__name__, say=lambda line: None)


def test_a_graph_without_events_is_refused(tmp_path, untrained):
    shop = write_shop(tmp_path / "shop")
    value = yaml.safe_load(shop.read_text())
    del value["events"]
    shop.write_text(yaml.safe_dump(value))
    config = {"name": "refused", "shop": str(shop), "graph": {}}
    with pytest.raises(RunFileError, match="`graph` needs events"):
        train(config, tmp_path / "run", say=lambda line: None)


def test_each_value_of_a_search_is_looked_at_before_its_first_trial(shop_file, tmp_path, untrained):
    config = run_of(shop_file, graph={})
    space = {"graph.attributes": [["kind"], ["price"]]}
    with pytest.raises(RunFileError, match=r"`graph.attributes: \['price'\]`: `graph.attributes`"):
        tune(config, tmp_path / "study", space=space, say=lambda line: None)


class Mute(Encoder):
    """Cannot read raw values."""

    def _prepare(self, column, cache):
        return np.ones([len(column), 1], np.float32)

    def call(self, inputs, training=False):
        return tf.tile(inputs, [1, self.dim])


@pytest.fixture
def mute(monkeypatch):
    known = {kind: dict(names) for kind, names in registry._ENCODERS.items()}
    monkeypatch.setattr(registry, "_ENCODERS", known)
    return registry.register("mute", kind="text")(type("Mute", (Mute,), {}))


def test_an_encoder_that_reads_no_raw_values_is_refused_where_they_are_asked(
    mute, shop_file, tmp_path, untrained
):
    message = r"The encoder 'mute' of kind 'text' has no `embedder\(\)`.*write Mute\.embedder"
    reads = {"encoders": {"title": "mute"}, "dim": 8}
    with pytest.raises(ValueError, match=message):
        train(classification_of(shop_file, items=reads), tmp_path / "a", say=lambda line: None)
    config = run_of(shop_file, search={"queries": {"title": "mute"}})
    with pytest.raises(ValueError, match=message):
        train(config, tmp_path / "b", say=lambda line: None)
    with pytest.raises(ValueError, match=message):
        RawReader(mute(dim=8))


def test_features_may_be_called_what_python_keeps_for_itself(tmp_path):
    shop = write_shop(tmp_path / "shop", items=40)
    table = pd.read_csv(shop.parent / "items.csv", dtype=str, keep_default_na=False)
    value = yaml.safe_load(shop.read_text())
    names = ["class", "self", "my-colour", "a.b", "颜色"]
    for name in names:
        table[name] = table["colour"]
        value["items"]["features"][name] = {"kind": "category", "column": name}
    table.to_csv(shop.parent / "items.csv", index=False)
    shop.write_text(yaml.safe_dump(value, allow_unicode=True))
    reads = {"encoders": dict.fromkeys(names, "embedding"), "dim": 8}
    run = train(classification_of(shop, items=reads), tmp_path / "run", say=lambda line: None)
    version = export_model(run, tmp_path / "models", say=lambda line: None)
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    inputs = served.structured_input_signature[1]
    assert len(inputs) == len(names)
    assert all(name.isidentifier() and name.isascii() for name in inputs)
    given = {name: tf.constant(["red", "green"]) for name in inputs}
    answer = served(**given)
    assert answer["label"].shape[0] == 2
