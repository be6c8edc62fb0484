"""The measure of the house: a task that is defined here trains, tunes, exports, serves and is
asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tests.tasks.contract import TaskContract
from tfmm.encoders import encoder
from tfmm.encoders.raw import RawReader
from tfmm.serving import Client, Server
from tfmm.tasks.base import Metric, RowParts, Signature, Task
from tfmm.tasks.model import Model
from tfmm.tasks.registry import register
from tfmm.training import RunFileError, train
from tfmm.training.tune import tune


class Guess(Model):
    """A number of an item by its kind."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.head = kind, tf.keras.layers.Dense(1)
        self.head.build([None, kind.dim])

    def call(self, values):
        return self.head(self.kind(values))[:, 0]

    def compute_loss(self, inputs, training=False):
        return tf.reduce_mean(tf.square(self(inputs["kind"]) - inputs["price"]))

    def states(self):
        return self.kind.state()


@register
class Prices(Task):
    """What a product of some kind costs."""

    name = "prices"
    choice = Metric("mae", higher_is_better=False)

    def draw(self):
        rows = np.random.default_rng(1).permutation(len(self.data.items))
        return RowParts(np.sort(rows[20:]), np.sort(rows[:10]), np.sort(rows[10:20]))

    def build(self, train, states=None, *, keep_media=True):
        kind = encoder("category", "embedding", dim=4)
        kind.load_state(states) if states else kind.adapt(self.data.items.features["kind"])
        model = Guess(kind)
        model(tf.zeros([1], tf.int32))
        return model

    def batches(self, model, part, first_epoch=0):
        inputs = {"kind": self.inputs(model)[part], "price": self.prices[part]}
        return tf.data.Dataset.from_tensor_slices(inputs).batch(self.config.train.batch_size)

    def validate(self, model):
        return {"mae": self.error(model, self.parts.valid)}

    def evaluate(self, model, decided, say):
        mean = self.prices[self.parts.final_train()].mean()
        error = float(np.abs(self.prices[self.parts.test] - mean).mean())
        test = self.error(model, self.parts.test)
        return {"model": {"mae": test}, "baselines": {"mean": {"mae": error}}}

    def signatures(self, run, settings):
        served = Served(run.model)
        inputs = {"kind": served.read.spec}
        return [Signature("serving_default", served.price, inputs, served.samples, "A price.")]

    @property
    def prices(self):
        """Ten times the place of the kind, so that there is something to learn."""
        return 10.0 * self.data.items.features["kind"].codes.astype("f")

    def inputs(self, model):
        return model.kind.prepare(self.data.items.features["kind"])

    def error(self, model, rows):
        found = model(tf.constant(self.inputs(model)[rows])).numpy()
        return float(np.abs(found - self.prices[rows]).mean())


class Served(tf.Module):
    def __init__(self, model):
        super().__init__()
        self.read, self.kernel, self.bias = RawReader(model.kind), *model.head.weights

    def price(self, kind):
        return {"price": (self.read(kind)[0] @ self.kernel + self.bias)[:, 0]}

    def samples(self, batch):
        return {"kind": np.array([["hat", "👗", ""][row % 3] for row in range(batch)], object)}


def run_of(shop_file, **changes):
    fitting = {
        "epochs": 30,
        "batch_size": 8,
        "learning_rate": 0.05,
        "dense_rate": 1.0,
        "patience": 30,
    }
    return {"task": "prices", "name": "prices", "shop": str(shop_file), "train": fitting, **changes}


@pytest.fixture(scope="module")
def run(shop_file, tmp_path_factory):
    return train(run_of(shop_file), tmp_path_factory.mktemp("prices") / "run", say=lambda _: None)


class TestContract(TaskContract):
    simplest = ("mae", "mean")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, run):
        return run


def test_it_trains_beats_its_baseline_and_reports(run):
    metrics = json.loads((run.path / "metrics.json").read_text("utf-8"))
    assert metrics["model"]["mae"] < 0.5 * metrics["baselines"]["mean"]["mae"]
    assert metrics["validation"]["mae"] > 0
    report = (run.path / "report.md").read_text("utf-8")
    assert "| **model** |" in report
    assert "| mean |" in report


def test_a_trial_of_tune_is_what_train_chooses(run, shop_file, tmp_path):
    space = {"train.learning_rate": [0.05, 0.0001]}
    found = tune(run_of(shop_file), tmp_path / "study", space=space, trials=2, say=lambda _: None)
    assert found.metric == "mae"
    assert found.value == run.metrics["validation"]["mae"]
    assert found.values == {"train.learning_rate": 0.05}


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_it_is_exported_served_and_asked(run, tmp_path, transport):
    version = tfmm.export_model(run.path, tmp_path, say=lambda _: None)
    card = json.loads((version / "model_card.json").read_text("utf-8"))
    assert card["signatures"]["serving_default"]["outputs"] == {
        "price": {"dtype": "float32", "shape": [None]}
    }
    with Server(tmp_path, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "prices", transport=transport) as client:
            kinds = [str(kind) for kind in run.data.items.features["kind"].vocabulary]
            found = client.ask("serving_default", kind=[*kinds, "never seen"])["price"]
    np.testing.assert_allclose(found[:4], [0, 10, 20, 30], atol=2)
    assert np.isfinite(found).all()


def test_what_it_does_not_have_is_refused_by_name(run, shop_file, tmp_path):
    with pytest.raises(ValueError, match=r"Unknown setting of an export of task 'prices': 'k'"):
        tfmm.export_model(run, tmp_path, k=3)
    with pytest.raises(ValueError, match="a model of task 'prices', which has no index to refresh"):
        tfmm.export.refresh_index(run.path, tmp_path)
    with pytest.raises(RunFileError, match="unknown key `items`"):
        train(run_of(shop_file, items={"dim": 3}), tmp_path / "run")
    with pytest.raises(ValueError, match="A task named 'prices' exists already"):
        register(type("Other", (Prices,), {}))
