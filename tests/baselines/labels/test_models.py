"""Each model of labels, against its definition."""

import sys

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tests.baselines.labels.conftest import NO_TREES, TREES, made
from tfmm.baselines.labels import (
    Boosted,
    ContentLabels,
    HybridLabels,
    Labelled,
    Logistic,
    Rates,
    Table,
)
from tfmm.baselines.labels.encoding import RateEncoding
from tfmm.baselines.labels.linear import Design

CODES = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [-1, 1]], np.int32)
PAIRS = Table(np.zeros((5, 0), np.float32), CODES, (), ("user", "video"))
CLICKS = np.array([1, 0, 0, 0, 1], np.float32)


def test_rates_are_smoothed_means_whose_log_odds_add():
    model = Rates(user="user", item="video", user_strength=2, item_strength=1)
    said = model.fit(PAIRS, CLICKS).predict(PAIRS)
    mean = 0.4
    users = np.array([(1 + 2 * mean) / 4, (0 + 2 * mean) / 4, mean])
    videos = np.array([(1 + mean) / 3, (1 + mean) / 4])
    wanted = logit(users)[[0, 0, 1, 1, 2]] + logit(videos)[[0, 1, 0, 1, 1]] - logit(mean)
    np.testing.assert_allclose(said, expit(wanted), rtol=1e-5)


def test_rates_of_a_rating_add_themselves():
    model = Rates(kind="rating", user="user", item="video", user_strength=2, item_strength=1)
    said = model.fit(PAIRS, CLICKS).predict(PAIRS)
    assert said[1] == pytest.approx(1.8 / 4 + 1.4 / 4 - 0.4)


def test_rates_need_their_columns_and_strengths():
    with pytest.raises(ValueError, match="no category 'shop' in the table, only user, video"):
        Rates(user="shop", item="video").fit(PAIRS, CLICKS)
    with pytest.raises(ValueError, match="`item_strength` is 0, but must be above 0"):
        Rates(user="user", item="video", item_strength=0)


def test_a_design_has_a_column_a_value_and_says_what_is_missing():
    table = Table(
        np.array([[1, 7], [3, 7], [np.nan, 7], [5, 7]], np.float32),
        np.array([[2], [0], [-1], [2]], np.int32),
        ("a", "b"),
        ("c",),
    )
    design = Design(table)
    matrix = design.matrix(table).toarray()
    scaled = np.array([-1, 0, 0, 1]) * np.sqrt(1.5)
    # a scaled, b constant, a missing; then -1, 0 and 2 of c.
    wanted = [scaled, np.zeros(4), [0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1]]
    np.testing.assert_allclose(matrix, np.array(wanted).T, atol=1e-6)
    other = Table(np.array([[1e9, 8]], np.float32), np.array([[1]], np.int32), ("a", "b"), ("c",))
    np.testing.assert_allclose(design.matrix(other).toarray(), [[4, 0, 0, 0, 0, 0]])


def test_logistic_is_that_of_scikit_learn_on_the_design(parts):
    train, _, test = parts
    said = Logistic(strength=0.5).fit(*train).predict(test.table)
    design = Design(train.table)
    theirs = LogisticRegression(C=0.5, max_iter=2000, tol=1e-8).fit(
        design.matrix(train.table).toarray(), train.value
    )
    wanted = theirs.predict_proba(design.matrix(test.table).toarray())[:, 1]
    np.testing.assert_allclose(said, wanted, atol=5e-3)


def test_a_rating_is_the_ridge_regression_on_the_design(parts):
    train, _, test = parts
    said = Logistic(kind="rating", strength=0.5).fit(*train).predict(test.table)
    design = Design(train.table)
    x = design.matrix(train.table).toarray().astype(np.float64)
    mean, shift = x.mean(axis=0), train.value.mean()
    solved = np.linalg.solve(
        (x - mean).T @ (x - mean) + 2 * np.eye(x.shape[1]), (x - mean).T @ (train.value - shift)
    )
    wanted = shift + (design.matrix(test.table).toarray() - mean) @ solved
    np.testing.assert_allclose(said, np.clip(wanted, 0, 1), atol=2e-3)


def test_content_reads_its_columns_alone(parts):
    train, _, test = parts
    model = ContentLabels(columns=("price", "device")).fit(*train)
    changed = Table(test.table.numbers.copy(), test.table.categories.copy(), *model.names_)
    changed.numbers[:, 0] = 0
    changed.categories[:, :2] = -1
    np.testing.assert_array_equal(model.predict(changed), model.predict(test.table))
    changed.categories[:, 2] = 1
    assert (model.predict(changed) != model.predict(test.table)).any()
    with pytest.raises(ValueError, match="no column 'colour'"):
        ContentLabels(columns=("colour",)).fit(*train)


HYBRID = {"user": "user", "item": "video", "columns": ("年龄", "device")}


@pytest.mark.parametrize("kind", ["binary", "rating"])
def test_a_hybrid_is_the_weighted_sum_of_log_odds_or_of_ratings(parts, kind):
    train, _, test = parts
    rates = Rates(kind=kind, user="user", item="video", item_strength=3).fit(*train)
    content = ContentLabels(kind=kind, columns=HYBRID["columns"], strength=1).fit(*train)
    both = [one.predict(test.table).astype(float) for one in (rates, content)]
    own = {"collaborative": {"item_strength": 3}, "content": {"strength": 1}, "weight": 0.7}
    said = HybridLabels(kind=kind, **HYBRID, **own).fit(*train).predict(test.table)
    if kind == "binary":
        wanted = expit(0.7 * logit(both[0]) + 0.3 * logit(both[1]))
    else:
        wanted = np.clip(0.7 * both[0] + 0.3 * both[1], 0, 1)
    np.testing.assert_allclose(said, wanted, atol=1e-5)


def test_a_hybrids_parts_are_the_best_alone_and_its_weight_the_best_of_both(parts):
    train, valid, _ = parts

    def loss(said, true):
        return float(-np.log(np.where(true == 1, said, 1 - said)).mean())

    chosen = HybridLabels.tune(train, valid, loss, **HYBRID)
    rates = Rates.tune(train, valid, loss, user="user", item="video")
    assert chosen.params["collaborative"] == rates.params
    lost = {
        weight: loss(
            HybridLabels(**HYBRID, **{**chosen.params, "weight": weight})
            .fit(*train)
            .predict(valid.table),
            valid.value,
        )
        for weight in (0.0, 0.3, 0.6, 0.9, 1.0, chosen.params["weight"])
    }
    assert lost[chosen.params["weight"]] == min(lost.values())
    assert 0 < chosen.params["weight"] < 1
    with pytest.raises(ValueError, match="`weight` is -1, but must be from 0 to 1"):
        HybridLabels(**HYBRID, weight=-1)


def test_no_training_example_sees_its_own_label():
    """Codes that occur once tell nothing: their rate is the mean for training, not the label."""
    value = np.array([0, 1] * 50, np.float32)
    alone = np.arange(100)[:, None]
    encoding = RateEncoding(alone, value)
    np.testing.assert_allclose(encoding.training(), np.tile([0.5, 0], (100, 1)))
    np.testing.assert_allclose(encoding.encoded(alone)[:, 0], (value + 5) / 11, rtol=1e-6)
    np.testing.assert_allclose(encoding.encoded(np.array([[-1], [500]])), [[0.5, 0]] * 2)


def test_rates_of_training_are_of_four_fifths_of_the_examples():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (5000, 2))
    value = (rng.random(5000) < 0.1 + 0.3 * codes[:, 0]).astype(np.float32)
    found = RateEncoding(codes, value).training()
    np.testing.assert_allclose(found[:, 0], 0.1 + 0.3 * codes[:, 0], atol=0.06)
    count = np.bincount(codes[:, 1])[codes[:, 1]]
    np.testing.assert_allclose(found[:, 3] / count, 0.8, atol=0.05)


lightgbm = pytest.mark.skipif(not TREES, reason=NO_TREES)


@lightgbm
def test_trees_are_as_many_as_validation_asks_for(parts):
    train, valid, _ = parts
    config = {"leaves": 15, "learning_rate": 0.3}
    params, said = next(Boosted.tries(train, valid, learning_rate=0.3))
    assert params["leaves"] == 15
    assert 3 < params["rounds"] < 200
    refitted = Boosted(**config, rounds=params["rounds"]).fit(*train).predict(valid.table)
    np.testing.assert_allclose(said, refitted, atol=1e-6)

    def lost(rounds):
        found = Boosted(**config, rounds=rounds).fit(*train).predict(valid.table)
        return -np.log(np.where(valid.value == 1, found, 1 - found)).mean()

    assert lost(params["rounds"]) < min(lost(3), lost(params["rounds"] + 40))


@lightgbm
def test_what_neither_rates_nor_lines_see_trees_do():
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(3000, 2)).astype(np.float32)
    codes = rng.integers(0, 4, (3000, 1)).astype(np.int32)
    value = ((numbers[:, 0] * numbers[:, 1] > 0) ^ (codes[:, 0] == 2)).astype(np.float32)
    both = Labelled(Table(numbers, codes, ("a", "b"), ("c",)), value)
    right = [
        ((kind().fit(*both).predict(both.table) > 0.5) == value).mean()
        for kind in (Boosted, Logistic)
    ]
    assert right[0] > 0.95
    assert right[1] < 0.65


@lightgbm
def test_a_category_of_many_values_is_its_rate_and_count():
    """500 users of six examples each: as a categorical of LightGBM they would tell little."""
    rng = np.random.default_rng(1)
    rate, user = rng.beta(1, 1, 500), rng.integers(0, 500, (4000, 1)).astype(np.int32)
    value = (rng.random(4000) < rate[user[:, 0]]).astype(np.float32)
    table = Table(rng.normal(size=(4000, 1)).astype(np.float32), user, ("x",), ("user",))
    known, asked = slice(3000), slice(3000, None)
    areas = []
    for many, columns in ((100, 3), (10_000, 2)):
        model = Boosted(many=many, rounds=60).fit(table.rows(known), value[known])
        assert model.model_.num_feature() == columns
        areas.append(roc_auc_score(value[asked], model.predict(table.rows(asked))))
    assert areas[0] > areas[1] + 0.1


@lightgbm
def test_a_user_of_one_example_is_not_learned_by_heart():
    rng = np.random.default_rng(1)
    codes = np.arange(2000, dtype=np.int32)[:, None]
    value = rng.integers(0, 2, 2000).astype(np.float32)
    table = Table(np.zeros((2000, 0), np.float32), codes, (), ("user",))
    said = Boosted(many=100).fit(table.rows(slice(1000)), value[:1000]).predict(table)
    assert ((said[:1000] > 0.5) == value[:1000]).mean() < 0.7


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install tfmm\[boosted\]"):
        Boosted()


def test_a_package_that_does_not_load_says_what_it_lacks(monkeypatch, tmp_path):
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open it')")
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"libgomp\.so\.1: cannot open it.*libgomp1"):
        Boosted()


@lightgbm
def test_what_cannot_be_meant_is_refused():
    for options, message in (
        ({"leaves": 1}, "`leaves` is 1, but must be at least 2"),
        ({"rounds": 0}, "`rounds` is 0"),
        ({"learning_rate": 0}, "`learning_rate` is 0, but must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            Boosted(**options)
    with pytest.raises(ValueError, match="`strength` is 0, but must be above 0"):
        Logistic(strength=0)
    assert made(10).table.numbers.shape == (10, 2)
