"""The `blend` section: chosen on validation, reported, recommended, exported, refreshed."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.conftest import write_shop
from tests.training.test_train import run_of
from tfmm.baselines import EASE, EASEMemoryError
from tfmm.export import export_model, refresh_index
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.choice import WEIGHTS, Chooser
from tfmm.tasks.retrieval.blend.fitting import blends, check_blend, fit_linear
from tfmm.tasks.retrieval.config import BlendConfig, PriorConfig
from tfmm.tasks.retrieval.serve import servable_of
from tfmm.training import RunFileError, load_run, recommend, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blend")
    shop = write_shop(folder / "shop")
    config = run_of(shop, blend={"ease": True, "rank": 12, "weight": 2.0}, index={"k": 8})
    config["evaluate"]["baselines"] = ["ease", "content"]
    return train(config, folder / "run", say=lambda _: None)


def test_metrics_report_the_blend_beside_its_parts(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    found = metrics["blend"]
    assert (found["weight"], found["rank"]) == (2.0, 12)
    assert [row["weight"] for row in found["tried"]] == [2.0, 2.0]
    assert found["lam"] == metrics["baselines"]["ease"]["params"]["lam"]
    for part in ("learned", "linear"):
        assert {"recall@20", "ndcg@20", "cold"} <= set(found[part])
    assert found["learned"]["recall@20"] != metrics["model"]["ndcg@20"]
    content = metrics["baselines"]["content"]
    assert content["cold"]["recall@20"] > 0
    assert set(content["params"]) == {"groups", "strength"}
    report = (run.path / "report.md").read_text()
    assert "learned alone" in report
    assert "linear alone" in report
    assert "weight 2" in report


def test_a_loaded_run_recommends_by_the_blend(run):
    loaded = load_run(run.path)
    items = loaded.model.item_vectors()
    np.testing.assert_allclose(items, run.model.item_vectors(), atol=1e-5)
    row = int(loaded.data.users.rows(["u003"])[0])
    model = loaded.model.as_of(loaded.task.pairs)
    items = model.item_vectors()
    scores = items @ model.user_vectors(loaded.task.pairs, items=items)[row]
    scores[loaded.task.pairs.item[loaded.task.pairs.user == row]] = -np.inf
    best = loaded.data.items.ids[np.argsort(-scores)[:5]]
    table = recommend(loaded, ["u003", "nobody"], k=5)
    assert table.item_id[:5].tolist() == best.tolist()


def test_the_servable_answers_users_and_sessions_by_the_blend(run):
    served = servable_of(run, k=5)
    table = recommend(run, ["u003", "nobody"], k=5)
    answer = served.serving_default(tf.constant(["u003", "nobody"]))["item_id"].numpy()
    assert [item.decode() for item in answer.ravel()] == table.item_id.tolist()
    taken = run.data.items.ids[run.task.pairs.item[run.task.pairs.user == 3]]
    history = np.full((1, served.history_size), "", object)
    history[0, : len(taken)] = taken
    session = served.recommend_session(
        tf.constant(history),
        tf.fill([1, served.exclude_size], ""),
        tf.fill([1, served.allow_size], ""),
    )
    assert [i.decode() for i in session["item_id"].numpy()[0]] == table.item_id[:5].tolist()
    np.testing.assert_allclose(session["score"][0], table.score[:5], rtol=1e-4)


def test_a_refreshed_index_blends_new_items_too(run, tmp_path):
    export_model(run.path, tmp_path / "models")
    shop = write_shop(tmp_path / "grown", items=61)
    done = refresh_index(run.path, tmp_path / "models", shop=str(shop), say=lambda _: None)
    assert (done.encoded, done.new) == (1, 1)
    served = tf.saved_model.load(str(done.version)).signatures["embed_item"]
    grown = served(item_id=tf.constant(["00060", "00000"]))["embedding"].numpy()
    before = run.model.item_vectors()[int(run.data.items.rows(["00000"])[0]), : run.model.width]
    np.testing.assert_allclose(grown[1], before, atol=1e-5)
    assert np.abs(grown[0, 16:]).sum() > 0


def test_the_weight_with_the_best_validation_is_chosen(run):
    parts = run.task.parts.split
    chooser = Chooser(run.model.learned, parts, 0.1)
    choice, _ = chooser.choose(BlendConfig(ease=True, rank=12), None)
    assert choice is not None
    assert choice.tried[0]["weight"] == 0
    assert len(choice.tried) == 1 + sum(map(len, WEIGHTS.values()))
    best = max(choice.tried, key=lambda row: row["recall@20"] * row["ndcg@20"])
    assert (choice.weight, choice.scale) == (best["weight"], best["scale"])
    assert choice.lam in EASE.grid["lam"]


def test_a_whole_rank_is_ease_itself(run):
    train_part = run.task.parts.split.train
    linear = fit_linear(train_part, 50.0, BlendConfig(rank=1000))
    histories = train_part.csr()
    whole = EASE(lam=50.0, activity=0.5).fit(histories).score(histories)
    free = histories.toarray() > 0
    scores = Blend(run.model.learned, linear).linear.users(histories) @ linear.candidates.T
    np.testing.assert_allclose(scores[~free], whole[~free], atol=1e-3)
    np.testing.assert_array_equal(linear.known, train_part.item_counts() > 0)


def test_where_it_does_not_pay_the_learned_model_is_served_alone(run, tmp_path):
    config = run.config.to_dict()
    config["blend"] |= {"weight": 0.0, "lam": 20.0}
    config["train"]["epochs"] = 1
    alone = train(config, tmp_path / "run", say=lambda _: None)
    assert alone.model.linear is None
    assert alone.metrics["blend"]["weight"] == 0
    assert load_run(tmp_path / "run").model.linear is None
    assert isinstance(recommend(alone, ["u003"], k=3), pd.DataFrame)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rank": 0}, "`blend.rank` must be at least 1, got 0"),
        ({"scale": "mean"}, "`blend.scale` must be one of sum, unit, got 'mean'"),
        ({"weight": -1.0}, "`blend.weight` must be 0 or more, got -1.0"),
        ({"lam": 0.0}, "`blend.lam` must be above 0, got 0.0"),
        ({"activity": -0.5}, "`blend.activity` must be 0 or more, got -0.5"),
        ({"weigth": 1.0}, r"unknown key `blend.weigth`; did you mean `blend.weight`\?"),
    ],
)
def test_a_blend_that_cannot_be_is_refused_before_training(tmp_path, given, message):
    with pytest.raises(RunFileError, match=message):
        train({"shop": "none.yaml", "blend": {"ease": True, **given}}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_more_items_than_ease_has_memory_for_are_refused():
    whole = BlendConfig(ease=True, items=None)
    with pytest.raises(RunFileError, match=r"3,725.3 GiB.*1,000,000 items.*`blend.memory`.* 4.0"):
        check_blend(whole, PriorConfig(), 1_000_000)
    check_blend(BlendConfig(ease=True), PriorConfig(), 1_000_000)
    check_blend(whole, PriorConfig(), 32_768)
    assert blends(BlendConfig(), 1_000_000)
    assert not blends(BlendConfig(items=None), 1_000_000)
    assert not blends(BlendConfig(ease=False), 10)


def test_of_a_large_catalogue_ease_knows_what_most_shoppers_have(run):
    train_part = run.task.parts.split.train
    counts = train_part.item_counts()
    linear = fit_linear(train_part, 50.0, BlendConfig(rank=1000, items=9))
    assert linear.known.sum() == 9
    assert counts[linear.known].min() >= counts[~linear.known].max()
    rows = np.flatnonzero(linear.known)
    alone = EASE(lam=50.0, activity=0.5).fit(train_part.of_items(rows)).weights_
    made = (linear.history @ linear.candidates.T)[np.ix_(rows, rows)]
    off = ~np.eye(9, dtype=bool)
    np.testing.assert_allclose(made[off], alone[off], atol=1e-4)
    assert not linear.history[~linear.known].any()


def test_fitting_a_blend_keeps_to_its_memory(run):
    with pytest.raises(EASEMemoryError):
        fit_linear(run.task.parts.split.train, 50.0, BlendConfig(memory=1e-9))
    chooser = Chooser(run.model.learned, run.task.parts.split, 0.1)
    with pytest.raises(EASEMemoryError):
        chooser.choose(BlendConfig(ease=True, memory=1e-9), None)
