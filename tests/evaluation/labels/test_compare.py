"""Simple models of a label beside each other: tuned on validation, refitted, measured alike."""

import subprocess
import sys

import numpy as np
import pytest

from tests.baselines.labels import conftest as clicks
from tests.baselines.ratings import conftest as stars
from tfmm.baselines.labels import LABELS, Labelled
from tfmm.baselines.ratings import RATINGS, Biases, ItemKNN
from tfmm.evaluation.labels import label_metrics, rmse
from tfmm.evaluation.labels.compare import evaluate_label_baselines

NEEDED = {"rates": {"user": "user", "item": "video"}, "content": {"columns": ["video"]}}


@pytest.fixture(scope="module")
def ratings():
    whole, kind = stars.made()
    part = np.random.default_rng(2).integers(0, 5, len(whole.value))
    return [
        stars.cut(whole, part >= 2),
        stars.cut(whole, part == 1),
        stars.cut(whole, part == 0),
    ], (np.eye(2)[kind])


@pytest.fixture(scope="module")
def labelled():
    return [clicks.made(n, seed) for n, seed in ((2000, 1), (600, 2), (600, 3))]


def test_a_rating_model_is_refitted_on_training_and_validation_and_measured_on_the_test(ratings):
    parts, _ = ratings
    test = parts[2]
    found = evaluate_label_baselines(
        RATINGS, "rating", *parts, test.user, names=["biases", "item_knn"], said=True
    )
    assert list(found) == ["biases", "item_knn"]
    whole = parts[0].joined(parts[1])
    for kind in (Biases, ItemKNN):
        row = dict(found[kind.name])
        said = kind(**row["params"]).fit(*whole).predict(*test.asked)
        np.testing.assert_array_equal(row.pop("said"), said)
        assert row.pop("params") == kind.tune(*parts[:2], rmse).params
        assert row == label_metrics("rating", said, test.value, test.user)
    assert found["item_knn"]["rmse"] < 0.5 < found["biases"]["rmse"]


def test_all_that_have_what_they_need_are_measured(ratings, labelled):
    parts, vectors = ratings
    small = {"svd": {"factors": 2}, "svdpp": {"factors": 2}}
    found = evaluate_label_baselines(
        RATINGS, "rating", *parts, parts[2].user, params=small, minutes=0
    )
    assert set(found) == set(RATINGS) - {"content", "hybrid"}
    small["content"] = small["hybrid"] = {"item_vectors": vectors}
    found = evaluate_label_baselines(
        RATINGS, "rating", *parts, parts[2].user, params=small, minutes=0
    )
    assert set(found) == set(RATINGS)
    assert set(found["hybrid"]["params"]) == {"collaborative", "content", "weight"}
    user = labelled[2].table.categories[:, 0]
    found = evaluate_label_baselines(LABELS, "binary", *labelled, user, minutes=0)
    assert set(found) == {"logistic", "boosted"}


def test_a_budget_leaves_values_untried(ratings):
    parts, _ = ratings
    found = evaluate_label_baselines(
        RATINGS, "rating", *parts, parts[2].user, names=["biases"], minutes=0
    )
    assert found["biases"]["untried"] == 12
    assert found["biases"]["params"] == {}


@pytest.mark.parametrize("kind", ["binary", "rating"])
def test_labels_of_a_table_of_either_kind(labelled, kind):
    user = labelled[2].table.categories[:, 0]
    found = evaluate_label_baselines(
        LABELS, kind, *labelled, user, params=NEEDED, names=["rates", "logistic", "content"]
    )
    metric = "log_loss" if kind == "binary" else "rmse"
    constant = {"log_loss": 0.69, "rmse": 0.5}[metric]
    assert all(row[metric] < constant for row in found.values())
    assert found["logistic"][metric] < found["content"][metric]
    assert found["rates"]["params"]["user"] == "user"
    assert "kind" not in found["rates"]["params"]


def test_labels_that_are_missing_in_the_test_are_left_out(labelled):
    train, valid, test = labelled
    value = test.value.copy()
    value[::3] = np.nan
    user, there = test.table.categories[:, 0], ~np.isnan(value)
    holes, without = (
        evaluate_label_baselines(
            LABELS, "binary", train, valid, one, group, names=["rates"], params=NEEDED
        )
        for one, group in (
            (Labelled(test.table, value), user),
            (clicks.cut(test, there), user[there]),
        )
    )
    assert holes == without


def test_without_validation_the_defaults_stay(ratings):
    (train, valid, test), _ = ratings
    nothing = stars.cut(valid, slice(0))
    found = evaluate_label_baselines(
        RATINGS, "rating", train, nothing, test, test.user, names=["biases"]
    )
    assert found["biases"]["params"] == {}
    assert found["biases"]["rmse"] == rmse(Biases().fit(*train).predict(*test.asked), test.value)


def test_a_package_that_is_not_there_is_told(labelled, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    user = labelled[2].table.categories[:, 0]
    found = evaluate_label_baselines(LABELS, "binary", *labelled, user, names=["boosted"])
    assert "pip install tfmm[boosted]" in found["boosted"]["left_out"]


def test_a_name_that_no_model_has_gets_a_hint(ratings):
    parts, _ = ratings
    with pytest.raises(ValueError, match=r"no baseline 'svd\+\+'"):
        evaluate_label_baselines(RATINGS, "rating", *parts, parts[2].user, names=["svd++"])


def test_neither_metrics_nor_models_need_tensorflow():
    code = (
        "import sys, tfmm.evaluation.labels.compare, tfmm.evaluation.plots.labels\n"
        "assert not {'tensorflow', 'lightgbm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
