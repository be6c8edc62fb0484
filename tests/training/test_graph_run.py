"""A graph model from its run file to the answers of a new version."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

from tests.conftest import write_shop
from tfmm.export import export_model, refresh_index
from tfmm.training import RunConfig, load_run, recommend, train


def run_of(folder, **changes):
    """A run file over the tiny shop, its events of two types."""
    shop = write_shop(folder)
    events = pd.read_csv(folder / "events.csv", dtype=str)
    events["what"] = np.where(np.arange(len(events)) % 3 == 0, "buy", "view")
    events.to_csv(folder / "events.csv", index=False)
    spec = yaml.safe_load(shop.read_text())
    spec["events"] |= {"type": "what", "weights": {"view": 1, "cart": 2, "buy": 3}}
    shop.write_text(yaml.safe_dump(spec))
    base = {
        "name": "tiny",
        "shop": str(shop),
        "split": {"cold_items": 0.1},
        "items": {"encoders": {"kind": "embedding"}, "dim": 16},
        "train": {"epochs": 2, "batch_size": 128},
        "graph": {"together": 5},
        "evaluate": {"baselines": ["popularity"], "k": [10, 20]},
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    return train(run_of(folder / "shop"), folder / "run", say=lambda line: None)


def test_a_section_makes_the_model_a_graph_with_types_of_edges(run):
    assert run.config.graph.together == 5
    found = {edges.name for edges in run.model.learned.edges}
    # Nobody put anything into a cart.
    assert found == {"events/view", "events/buy", "similar/title", "together"}
    assert set(run.metrics["modalities"]) == {"kind", "title"}
    assert run.metrics["cold"]["users"] > 0


def test_a_loaded_run_answers_as_the_trained_one(run):
    loaded = load_run(run.path)
    assert not loaded.model.learned.edges
    np.testing.assert_allclose(loaded.model.item_vectors(), run.model.item_vectors(), atol=1e-5)
    assert recommend(loaded, ["u003", "nobody"], k=5)["rank"].tolist() == [1, 2, 3, 4, 5] * 2


def test_a_finished_choice_goes_on_with_its_graph(run, tmp_path):
    # As after a kill between the last epoch and the report: nothing is left to fit.
    (run.path / "metrics.json").rename(tmp_path / "metrics.json")
    lines: list[str] = []
    again = train(run.config, run.path, say=lines.append)
    assert any("Going on after epoch 2 of 2" in line for line in lines)
    before = json.loads((tmp_path / "metrics.json").read_text())
    assert again.metrics["model"] == pytest.approx(before["model"], abs=1e-6)


def test_new_items_join_an_exported_graph_by_their_neighbours(run, tmp_path):
    first = export_model(run.path, tmp_path, say=lambda line: None)
    shop = RunConfig.from_file(_written(run, tmp_path)).shop
    folder = run.path.parent / "shop"
    items = pd.read_csv(folder / "items.csv", dtype=str)
    new = items.iloc[[0]].assign(sku="99999", title="red shirt no 3")
    pd.concat([items, new]).to_csv(folder / "items.csv", index=False)
    done = refresh_index(run.path, tmp_path, shop=shop, say=lambda line: None)
    assert (done.encoded, done.new, done.removed) == (1, 1, 0)
    old, grown = (tf.saved_model.load(str(v)).signatures for v in (first, done.version))
    ids = tf.constant(list(run.data.items.ids))
    name = {"item_id": ids}
    np.testing.assert_allclose(
        grown["embed_item"](**name)["embedding"], old["embed_item"](**name)["embedding"], atol=1e-5
    )
    near = grown["serving_default"](user_id=tf.constant(["u000"]))["item_id"].numpy()[0]
    assert b"99999" in near
    own = grown["embed_item"](item_id=tf.constant(["99999"]))["embedding"].numpy()[0]
    others = grown["embed_item"](**name)["embedding"].numpy() @ own
    best = np.argsort(-others)[:5]
    assert ((best % 3 == 0) | (best % 4 == 0)).all()  # red ones and shirts


def test_new_items_join_an_export_by_what_is_known_of_them(tmp_path):
    folder = tmp_path / "shop"
    base = run_of(folder, items={"encoders": {}, "dim": 16}, split={})
    base["graph"] = {"similar": [], "together": 0, "layers": 0}
    base["train"]["epochs"] = 5
    items = pd.read_csv(folder / "items.csv", dtype=str)
    known = pd.DataFrame({"what": items["sku"], "how": "颜色/🎩", "value": items["colour"]})
    known.to_csv(folder / "known.csv", index=False)
    spec = yaml.safe_load((folder / "shop.yaml").read_text())
    spec["knowledge"] = {"table": "known.csv", "head": "what", "relation": "how", "tail": "value"}
    (folder / "shop.yaml").write_text(yaml.safe_dump(spec))
    run = train(base, tmp_path / "run", say=lambda line: None)
    first = export_model(run.path, tmp_path, say=lambda line: None)
    new = items.iloc[[0]].assign(sku="新/1")
    pd.concat([new, items]).to_csv(folder / "items.csv", index=False)

    def refreshed(value):
        """The counts of an index over the shop as it is now, and the new item's vector."""
        triple = pd.DataFrame({"what": ["新/1"], "how": ["颜色/🎩"], "value": [value]})
        pd.concat([triple, known]).to_csv(folder / "known.csv", index=False)
        done = refresh_index(run.path, tmp_path, say=lambda line: None)
        served = tf.saved_model.load(str(done.version)).signatures["embed_item"]
        own = served(item_id=tf.constant(["新/1"]))["embedding"].numpy()[0]
        others = served(item_id=tf.constant(list(items["sku"])))["embedding"].numpy()
        return (done.encoded, done.new, done.removed), own, others

    counts, own, others = refreshed("red")
    assert counts == (1, 1, 0)
    old = tf.saved_model.load(str(first)).signatures["embed_item"]
    before = old(item_id=tf.constant(list(items["sku"])))["embedding"].numpy()
    np.testing.assert_allclose(others, before, atol=1e-5)
    assert (np.argsort(-(others @ own))[:10] % 3 == 0).all()
    # What is known of it has changed since, and nothing else of it.
    counts, own, others = refreshed("blue")
    assert counts == (1, 0, 0)
    assert (np.argsort(-(others @ own))[:10] % 3 == 2).all()


def _written(run, folder):
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run.config.to_dict()))
    return path


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"layer": 2}, r"unknown key `graph.layer`; did you mean `graph.layers`\?"),
        ({"layers": "two"}, "`graph.layers` must be int, got 'two'"),
        (3, "`graph` must be a mapping, got 3"),
    ],
)
def test_a_wrong_key_or_value_is_named(graph, message):
    with pytest.raises(ValueError, match=message):
        RunConfig.from_dict({"shop": "shop.yaml", "graph": graph})


def test_an_empty_section_takes_all_defaults_and_survives_writing():
    config = RunConfig.from_dict({"shop": "shop.yaml", "graph": {}})
    assert config.graph.layers == 2
    assert RunConfig.from_dict(config.to_dict()) == config
    assert RunConfig.from_dict({"shop": "shop.yaml", "graph": None}).graph is None
