"""Metrics of labels, against their definitions."""

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score

from tfmm.evaluation.classes import (
    calibration_error,
    class_metrics,
    confusion,
    most_confused,
    per_class,
    reliability,
)
from tfmm.evaluation.plots import classes as class_plots


@pytest.fixture
def answers():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 7, 300)
    scores = rng.normal(size=(300, 8))
    scores[np.arange(300), truth] += 1.5
    found = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    has = np.zeros((300, 8), bool)
    has[np.arange(300), truth] = True
    return found, has, truth


def test_metrics_are_those_of_scikit_learn(answers):
    found, has, truth = answers
    taken = found.argmax(axis=1)
    metrics = class_metrics(found, has)
    assert metrics["accuracy"] == pytest.approx((taken == truth).mean())
    labels = np.unique(truth)
    assert metrics["macro_f1"] == pytest.approx(
        f1_score(truth, taken, average="macro", labels=labels)
    )
    assert metrics["weighted_f1"] == pytest.approx(f1_score(truth, taken, average="weighted"))
    best = np.argsort(-found, axis=1)[:, :5]
    assert metrics["top_5"] == pytest.approx((best == truth[:, None]).any(axis=1).mean())
    rows = per_class(found, has)
    assert [row["items"] for row in rows] == np.bincount(truth, minlength=8).tolist()
    assert metrics["log_loss"] == pytest.approx(-np.log(found[np.arange(300), truth]).mean())


def test_confusion_counts_what_is_taken_for_what():
    has = np.eye(3, dtype=bool)[[0, 0, 1, 2]]
    found = np.eye(3)[[0, 1, 1, 1]]
    matrix = confusion(found, has)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [0, 1, 0]])
    assert most_confused(matrix, ["a", "b", "c"]) == [("a", "b", 1), ("c", "b", 1)]


def test_calibration_is_the_distance_of_confidence_and_truth():
    confidence = np.array([0.9] * 10 + [0.5] * 10)
    right = np.array([True] * 9 + [False] + [True] * 5 + [False] * 5)
    assert calibration_error(confidence, right) == pytest.approx(0.0)
    assert calibration_error(confidence, np.ones(20, bool)) == pytest.approx(0.3)
    assert sum(row["items"] for row in reliability(confidence, right)) == 20
    assert calibration_error(np.array([1.0]), np.array([True])) == 0.0


def test_several_labels_an_item(answers):
    has = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], bool)
    found = np.array([[0.9, 0.1, 0.8], [0.2, 0.1, 0.3], [0.6, 0.7, 0.1]])
    metrics = class_metrics(found, has, several=True)
    assert metrics["exact"] == pytest.approx(2 / 3)
    assert metrics["micro_f1"] == pytest.approx(6 / 7)
    assert metrics["mean_average_precision"] == pytest.approx(1.0)
    lower = class_metrics(found, has, several=True, threshold=0.65)
    assert lower["exact"] == 1.0


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"of \(2, 3\) and \(2, 2\)"):
        class_metrics(np.ones((2, 3)), np.ones((2, 2), bool))


@pytest.mark.parametrize("classes", [3, 60])
def test_pictures_open(tmp_path, classes):
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 5, (classes, classes)) + 20 * np.eye(classes, dtype=int)
    names = [f"标签 {i}" for i in range(classes)]
    rows = [
        {"confidence": 0.2, "right": 0.3, "items": 3},
        {"confidence": 0.9, "right": 1.0, "items": 9},
    ]
    for path in (
        class_plots.confusion(matrix, names, tmp_path / "confusion.png"),
        class_plots.reliability(rows, tmp_path / "reliability.png"),
    ):
        with Image.open(path) as picture:
            assert picture.width > 500
