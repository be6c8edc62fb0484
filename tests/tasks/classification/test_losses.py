"""Losses over labels, against their formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.tasks.classification.losses import LabelLoss

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 0.3, 0.1]], np.float32)
ONE = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
SEVERAL = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
SHARES = np.array([0.7, 0.2, 0.1])
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
S = 1 / (1 + np.exp(-LOGITS))


def loss(several: bool = False, targets: np.ndarray = ONE, **options) -> float:
    return float(LabelLoss(SHARES, several, **options)(tf.constant(LOGITS), tf.constant(targets)))


def test_one_label_is_a_softmax() -> None:
    assert loss() == pytest.approx(-np.log(P[ONE > 0]).mean(), rel=1e-5)
    smooth = 0.9 * ONE + 0.1 / 3
    assert loss(smoothing=0.1) == pytest.approx(-(smooth * np.log(P)).sum(1).mean(), rel=1e-5)
    right = P[ONE > 0]
    focal = -((1 - right) ** 3 * np.log(right)).mean()
    assert loss(loss="focal", focus=3.0) == pytest.approx(focal, rel=1e-5)


def test_several_labels_are_a_sigmoid_each() -> None:
    right = np.where(SEVERAL > 0, S, 1 - S)
    assert loss(True, SEVERAL) == pytest.approx(-np.log(right).sum(1).mean(), rel=1e-5)
    focal = -((1 - right) ** 2 * np.log(right)).sum(1).mean()
    assert loss(True, SEVERAL, loss="focal") == pytest.approx(focal, rel=1e-5)


def test_adjusted_logits_take_the_share_of_a_label_in() -> None:
    moved = np.exp(LOGITS) * SHARES**0.5
    found = moved / moved.sum(axis=1, keepdims=True)
    assert loss(adjust=0.5) == pytest.approx(-np.log(found[ONE > 0]).mean(), rel=1e-5)


def test_a_coarse_class_is_as_probable_as_its_labels_together() -> None:
    of = np.array([0, 1, 1])
    classes = np.stack([P[:, 0], P[:, 1] + P[:, 2]], axis=1)
    fine, coarse = P[ONE > 0], classes[[0, 1], [0, 1]]
    both = -(np.log(fine) + np.log(coarse)).mean() / 2
    assert loss(levels=[of]) == pytest.approx(both, rel=1e-5)
    focal = -((1 - fine) ** 2 * np.log(fine) + (1 - coarse) ** 2 * np.log(coarse)).mean() / 2
    assert loss(levels=[of], loss="focal") == pytest.approx(focal, rel=1e-5)


def test_the_gradient_is_finite_where_a_label_is_all_but_impossible() -> None:
    one = LabelLoss(SHARES, False, levels=[np.array([0, 1, 1])], loss="focal")
    logits = tf.Variable([[-200.0, 0.0, 200.0]])
    with tf.GradientTape() as tape:
        value = one(logits, tf.constant([[1.0, 0.0, 0.0]]))
    assert np.isfinite(tape.gradient(value, logits).numpy()).all()
    assert value.numpy() > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of cross_entropy, focal, got 'hinge'"),
        ({"smoothing": 1.0}, r"smoothing must lie in \[0, 1\), got 1.0"),
        ({"adjust": -1.0}, "focus and adjust must be 0 or more, got 2.0 and -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        LabelLoss(SHARES, False, **options)
