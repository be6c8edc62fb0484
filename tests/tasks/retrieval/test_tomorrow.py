"""A run by time, with repeats: what it is measured on, what its report says, what it serves."""

import time

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.conftest import write_shop
from tests.training.test_train import run_of
from tfmm.evaluation.compare import evaluate_split_baselines, tune
from tfmm.tasks.retrieval.serve import servable_of
from tfmm.training import recommend, train

DAY = 86_400


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Shoppers who buy two things of their own again and again, and what is new at the end."""
    folder = tmp_path_factory.mktemp("grocer")
    shop = write_shop(folder, items=40, users=60)
    rng = np.random.default_rng(1)
    rows = []
    for user in range(60):
        own = rng.choice(36, 4, replace=False)
        for day in range(0, 40, 2):
            item = own[rng.integers(0, 2)] if rng.random() < 0.7 else rng.choice(own)
            rows.append((f"u{user:03d}", f"{item:05d}", 1_600_000_000 + DAY * day + user))
    rows += [(f"n{user}", "00037", 1_600_000_000 + DAY * 39 + user) for user in range(20)]
    pd.DataFrame(rows, columns=["who", "sku", "at"]).to_csv(folder / "events.csv", index=False)
    config = run_of(shop, train={"epochs": 2, "batch_size": 128}, index={"k": 6})
    config["split"] = {}
    config["blend"] = {"rank": 8}
    config["items"] = {"encoders": {"kind": "embedding", "title": "bag"}, "dim": 16}
    config["prior"] = {"weight": 0.5, "half_life": 7}
    config["prior"] |= {"newcomers": 30.0, "newcomers_half_life": 3}
    config["evaluate"] = {"repeats": True, "k": [5, 20]}
    return train(config, folder / "run", say=lambda _: None)


def test_repeats_are_asked_for_and_ranked(run):
    split = run.metrics["split"]
    assert split["by"] == "time"
    assert split["repeats"] is True
    parts = run.task.parts.split
    assert np.isin(parts.test.numbers(), parts.final_train().numbers()).mean() > 0.5
    baselines = run.metrics["baselines"]
    assert {"repeats", "recent_popularity", "markov", "category_popularity"} <= set(baselines)
    assert baselines["repeats"]["recall@5"] > 2 * baselines["popularity"]["recall@5"]


def test_each_difference_has_its_interval(run):
    for name, found in run.metrics["compared"].items():
        for metric, row in found.items():
            gap = run.metrics["model"][metric] - run.metrics["baselines"][name][metric]
            assert row["difference"] == pytest.approx(gap, abs=1e-9)
            assert row["low"] <= row["difference"] <= row["high"]
    report = (run.path / "report.md").read_text("utf-8")
    assert "Is the difference more than chance?" in report
    assert "one's own repeats" in report
    assert "what a shopper had before too" in report
    assert (
        "with a half-life of 7 days, joins with the weight 0.5, for new shoppers with a" in report
    )
    assert "half-life of 3 days and the weight 30; items without events share" in report


def test_new_shoppers_are_told_beside_what_each_baseline_gives_them(run):
    groups = run.metrics["breakdowns"]["users"]
    assert set(groups) == {"warm", "new"}
    for row in run.metrics["baselines"].values():
        assert row["breakdowns"]["users"]["new"]["users"] == groups["new"]["users"]
    assert "Recall@20, new" in (run.path / "report.md").read_text("utf-8")


def test_what_is_served_is_the_model_of_now(run):
    model = run.model.as_of(run.task.pairs)
    items = model.item_vectors()
    servable = servable_of(run, k=6)
    assert not servable.exclude_seen
    for user in ("u003", "n1", "nobody"):
        row = run.data.users.rows([user])
        scores = (model.user_vectors(run.task.pairs, row, items) @ items.T)[0]
        answer = servable.serving_default(tf.constant([user]))
        found = run.data.items.rows([one.decode() for one in answer["item_id"].numpy()[0]])
        np.testing.assert_allclose(answer["score"].numpy()[0], scores[found], atol=1e-4)
        np.testing.assert_allclose(answer["score"].numpy()[0], np.sort(scores)[::-1][:6], atol=1e-4)
        table = recommend(run, [user], k=6)
        assert set(table.item_id) == {one.decode() for one in answer["item_id"].numpy()[0]}
    # What is new sells at the end, and counts for who is new, though no model was trained on it.
    assert "00037" in recommend(run, ["nobody"], k=3).item_id.tolist()
    embedded = servable.embed_user(tf.constant(["u003"]))["embedding"]
    assert embedded.shape == (1, model.width)


def test_a_session_is_served_with_the_prior(run):
    model = run.model.as_of(run.task.pairs)
    items, servable = model.item_vectors(), servable_of(run, k=5, history_size=4)
    history = ["00001", "00002"]
    rows = run.data.items.rows(history)
    nothing = [tf.fill([2, 1], ""), tf.fill([2, 1], "")]
    asked = tf.constant([[*history, "", ""], ["", "", "", ""]])
    answer = servable.recommend_session(asked, *nothing)
    table = model.history_vectors(items)
    table = items[:, : model.width] if table is None else table
    sequences = np.stack([table[[*rows, 0, 0]], table[[0, 0, 0, 0]]])
    mask = np.array([[True, True, False, False], [False] * 4])
    users = model.session_module()(tf.constant(sequences), tf.constant(mask)).numpy()
    scores = users @ items.T
    scores[0, rows] = -np.inf
    for found, wanted in zip(answer["score"].numpy(), scores, strict=True):
        np.testing.assert_allclose(found, np.sort(wanted)[::-1][:5], atol=1e-4)


def test_similar_items_are_alike_whatever_is_popular(run):
    model = run.model.as_of(run.task.pairs)
    vectors = model.item_vectors()[:, : model.width]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    answer = servable_of(run, k=5).similar_items(
        tf.constant(["00003"]), tf.fill([1, 1], ""), tf.fill([1, 1], "")
    )
    row = int(run.data.items.rows(["00003"])[0])
    cosines = unit @ unit[row]
    cosines[row] = -np.inf
    np.testing.assert_allclose(answer["score"].numpy()[0], np.sort(cosines)[::-1][:5], atol=1e-4)


def test_a_budget_ends_the_tuning_and_is_said(run):
    parts = run.task.parts.split
    none = tune("item_knn", parts.train, parts.valid, deadline=time.monotonic() - 1)
    assert none.params == {}
    assert none.untried > 10
    section = evaluate_split_baselines(parts, names=["item_knn"], ks=(20,), minutes=1e-9)
    assert section["item_knn"]["untried"] == none.untried
    assert section["item_knn"]["recall@20"] > 0


def test_a_large_catalogue_is_tuned_on_what_most_shoppers_have(run, monkeypatch):
    from tfmm.baselines import EASE

    parts, sizes = run.task.parts.split, []
    fit = EASE.fit
    monkeypatch.setattr(EASE, "sample_items", 12)
    monkeypatch.setattr(
        EASE, "fit", lambda self, train: sizes.append(train.n_items) or fit(self, train)
    )
    found = tune("ease", parts.train, parts.valid)
    assert set(sizes) == {12}
    assert found.params["lam"] in EASE.grid["lam"]
