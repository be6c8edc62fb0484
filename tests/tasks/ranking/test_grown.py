"""A ranker is loaded as it was trained, whatever the shop's tables say since."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tasks.ranking.shops import rated, write_ranking_shop
from tfmm.export import export_model
from tfmm.tasks.ranking.answers.served import scored
from tfmm.tasks.ranking.answers.signatures import Served
from tfmm.training import load_run, train

QUIET = {"say": lambda _: None}
OLD = {"users": [f"ü🎈{n}" for n in range(8)], "items": [f"品/{n}" for n in range(8)]}


def shop_of(folder):
    """Its users have no ids, nor has `区` an embedding; `land` is the same of all."""
    shop = write_ranking_shop(folder)
    table = pd.read_csv(folder / "items.csv")
    table["区"] = [f"区{n}" for n in range(len(table))]
    table["land"] = "法国/é"
    table.to_csv(folder / "items.csv", index=False)
    log = pd.read_csv(folder / "events.csv")
    log["asked"] = [f"word {n % 5} 词" for n in range(len(log))]
    log.to_csv(folder / "events.csv", index=False)
    users = pd.DataFrame({"user": [f"ü🎈{n}" for n in range(60)]})
    users["city"] = [f"城{n % 2}" for n in range(60)]
    users.to_csv(folder / "users.csv", index=False)
    shop["items"]["features"] |= {
        name: {"kind": "category", "column": name} for name in ("区", "land")
    }
    city = {"kind": "category", "column": "city"}
    shop["users"] = {"table": "users.csv", "id": "user", "features": {"city": city}}
    shop["events"]["context"]["asked"] = {"kind": "text", "columns": ["asked"]}
    return shop


def grow(folder):
    """More events to each old user and item, more brands, cities, devices than have an embedding,
    a second land; the new items come first in their table."""
    rng = np.random.default_rng(5)
    items, users, log = (pd.read_csv(folder / f"{n}.csv") for n in ("items", "users", "events"))
    new = items.iloc[:10].assign(sku=[f"新/{n}" for n in range(10)], land="Perú")
    new["brand"] = [f"neu {n}" for n in range(10)]
    new["tags"] = [f"neu {n}|t1" for n in range(10)]
    pd.concat([new, items]).to_csv(folder / "items.csv", index=False)
    some = pd.DataFrame({"user": [f"新客{n}" for n in range(5)], "city": "北/京"})
    pd.concat([some, users]).to_csv(folder / "users.csv", index=False)
    more = log.sample(3000, replace=True, random_state=1)
    more["at"] = log["at"].max() + 1000 * np.arange(1, len(more) + 1)
    more["device"] = [f"機{n}" for n in rng.integers(900, size=len(more))]
    more.iloc[:50, more.columns.get_loc("user")] = "新客1"
    more.iloc[20:90, more.columns.get_loc("item")] = "新/3"
    more.iloc[100:120, more.columns.get_loc("stars")] = 9
    pd.concat([log, more]).to_csv(folder / "events.csv", index=False)


def age(folder):
    """Only events that are later than all that was learned from are left."""
    log = pd.read_csv(folder / "events.csv")
    log.tail(40).to_csv(folder / "events.csv", index=False)


def untold(folder):
    """Events say nothing of any label."""
    log = pd.read_csv(folder / "events.csv").assign(click=None, buy=None)
    log.to_csv(folder / "events.csv", index=False)


def run_of(shop, **changes):
    base = {
        "task": "ranking",
        "name": "ranker",
        "shop": shop,
        "network": {"preset": "din", "hidden": [8], "dim": 4},
        "context": {"encoders": {"device": "embedding", "asked": {"name": "lstm", "units": 4}}},
        "split": {"valid": "2023-11-25", "test": "2023-11-28"},
        "train": {"epochs": 1, "batch_size": 256, "learning_rate": 0.01},
        "evaluate": {"baselines": []},
    }
    return {**base, **changes}


def served(run):
    builder = run.task.builder
    return Served(run.model, builder.reader_now(run.model.reader), run.data, builder.context, 0)


def parts_of(one):
    """What a model reads of old users, items and events, by what it is."""
    asked = {
        "device": tf.constant(["phone", "网页"] * 4),
        "asked": tf.constant(["word 1 词", ""] * 4),
        "(hour)": tf.constant(["07"] * 8),
        "(weekday)": tf.constant(["3"] * 8),
    }
    given = {name: asked[name] for name in one.context.inputs if name != "time"}
    given["time"] = tf.fill([8], tf.constant(1_700_000_000, tf.int64))
    users, items = (getattr(one, n).rows(tf.constant(ids)) for n, ids in OLD.items())
    return [one.users.of(users), one.items.of(items), one.context.vectors(given)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    shop = shop_of(folder)
    run = train(run_of(shop), folder / "run", **QUIET)
    return run, parts_of(served(run)), folder


@pytest.mark.parametrize("change", [grow, age, untold], ids=["grown", "aged", "untold"])
def test_a_run_is_loaded_as_it_was_trained(trained, change, tmp_path):
    run, before, folder = trained
    kept = {name: (folder / name).read_bytes() for name in ("items.csv", "users.csv", "events.csv")}
    change(folder)
    try:
        again = load_run(run.path)
        now = served(again)
        after = parts_of(now)
        for ours, theirs in zip(after, before, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        # Of the same rates and histories, the same scores.
        rates = tf.random.stateless_normal([8, run.model.reader.rates.width], [1, 2])
        past = {
            "history": tf.repeat(after[1][:, None], 30, axis=1),
            "there": tf.fill([8, 30], True),
            "gap": tf.ones([8, 30]),
        }
        said = [
            scored(one.network, *before, one.numbers(rates), past)
            for one in (again.model, run.model)
        ]
        np.testing.assert_allclose(said[0], said[1], rtol=1e-4, atol=1e-5)
        ids = ["品/1", "新/3", "nobody has it", ""]
        given = {
            "device": tf.constant(["機7"]),
            "asked": tf.constant(["新词"]),
            "time": tf.constant([1_710_000_000], tf.int64),
        }
        for user in ("ü🎈3", "新客1", "?"):
            found = now.rank(tf.constant([user]), tf.constant([ids]), **given)
            click = found["click"].numpy()[0, :3]
            assert ((click > 0) & (click < 1)).all()
        if change is grow:
            export_model(run.path, tmp_path, **QUIET)
    finally:
        for name, content in kept.items():
            (folder / name).write_bytes(content)


def test_the_scale_of_stars_stays(tmp_path):
    shop = rated(shop_of(tmp_path))
    given = run_of(shop, labels={"rating": {"loss": "ordinal"}}, context={"clock": False})
    given["network"]["blocks"] = ["history", "deep"]
    run = train(given, tmp_path / "run", **QUIET)
    grow(tmp_path)
    again = load_run(run.path)
    assert again.model.labels == run.model.labels
    assert again.task.builder.values == run.task.builder.values
    served(again)
