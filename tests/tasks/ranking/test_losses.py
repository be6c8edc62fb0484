"""Losses of labels against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.tasks.ranking.calibration import slope_and_shift
from tfmm.tasks.ranking.network.losses import LabelHead
from tfmm.tasks.ranking.network.numbers import Quantiles, edges_of
from tfmm.tasks.ranking.reading.labels import Label

SCORES = np.array([0.3, -1.2, 2.0, 0.1, -0.4], np.float32)
LISTS = np.array([7, 7, 7, 9, 9])


def loss(head, labels, scores=SCORES):
    return float(head(tf.constant(scores), tf.constant(labels, tf.float32), tf.constant(LISTS)))


def test_binary_leaves_out_what_is_not_known():
    head = LabelHead(Label("click", "binary", False))
    p = 1 / (1 + np.exp(-SCORES))
    wanted = -np.mean([np.log(p[0]), np.log(1 - p[1]), np.log(p[4])])
    assert loss(head, [1, 0, np.nan, np.nan, 1]) == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(head.answer(tf.constant(SCORES)), p, rtol=1e-5)


def test_squared_is_of_standardised_numbers_and_answers_within_bounds():
    head = LabelHead(Label("stars", "squared", True, low=1, high=5), mean=3.0, deviation=2.0)
    labels = np.array([5, 1, 3, 4, 2], np.float32)
    wanted = np.mean((SCORES - (labels - 3) / 2) ** 2)
    assert loss(head, labels) == pytest.approx(wanted, rel=1e-5)
    answer = head.answer(tf.constant([0.0, 0.5, 9.0, -9.0]))
    np.testing.assert_allclose(answer, [3, 4, 5, 1], rtol=1e-6)


def test_ordinal_counts_the_steps_that_are_passed():
    head = LabelHead(Label("stars", "ordinal", True, low=1, high=5, steps=(1.0, 2.0, 5.0)))
    cuts = head.thresholds().numpy()
    assert (np.diff(cuts) > 0).all()
    more = 1 / (1 + np.exp(-(SCORES[:, None] - cuts)))
    labels = np.array([1, 2, 5, 2, 1])
    passed = labels[:, None] > np.array([1, 2])
    wanted = -np.where(passed, np.log(more), np.log(1 - more)).sum(axis=1).mean()
    assert loss(head, labels) == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_allclose(
        head.answer(tf.constant(SCORES)), 1 + more[:, 0] + 3 * more[:, 1], rtol=1e-5
    )


def test_pairwise_compares_within_lists():
    head = LabelHead(Label("click", "pairwise", False))

    def soft(x):
        return np.log1p(np.exp(x))

    first = np.mean([soft(SCORES[1] - SCORES[0]), soft(SCORES[2] - SCORES[0])])
    second = soft(SCORES[3] - SCORES[4])
    assert loss(head, [1, 0, 0, 0, 1]) == pytest.approx((first + second) / 2, rel=1e-5)
    assert loss(head, [1, 1, 1, np.nan, 0]) == 0


def test_listwise_is_a_softmax_of_each_list():
    head = LabelHead(Label("click", "listwise", False))

    def cross(scores, share):
        return -np.sum(share * np.log(np.exp(scores) / np.exp(scores).sum()))

    wanted = cross(SCORES[:3], np.array([0.5, 0.5, 0])) + cross(SCORES[3:], np.array([0, 1.0]))
    assert loss(head, [1, 1, 0, 0, 1]) == pytest.approx(wanted / 2, rel=1e-5)
    # A list in which nothing is better says nothing.
    alone = cross(SCORES[:3], np.array([1.0, 0, 0]))
    assert loss(head, [1, 0, 0, 1, 1]) == pytest.approx(alone, rel=1e-5)


def test_calibration_finds_the_line_that_labels_were_drawn_by():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20_000) * 3
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * scores - 1)))).astype(np.float32)
    labels[:100] = np.nan
    slope, shift = slope_and_shift(scores, labels)
    assert slope == pytest.approx(0.5, abs=0.02)
    assert shift == pytest.approx(-1, abs=0.05)
    assert slope_and_shift(scores, np.ones(20_000)) == (1.0, 0.0)
    # Thirty labels do not move it far.
    few = slope_and_shift(scores[200:230], labels[200:230])
    assert few == pytest.approx((1.0, 0.0), abs=0.5)


def test_numbers_become_the_shares_of_bins_that_they_passed():
    layer = Quantiles(1, 4)
    layer.at.assign([[0.0, 0.0, 1.0, 3.0]])
    layer(tf.zeros([1, 1]))
    layer.dense.set_weights([np.eye(3, 32, dtype=np.float32), np.zeros(32, np.float32)])
    found = layer(tf.constant([[-1.0], [0.5], [2.0], [9.0]]))[:, :3]
    np.testing.assert_allclose(found, [[0, 0, 0], [0, 0.5, 0], [0, 1, 0.5], [0, 1, 1]])
    assert edges_of(np.float32([[1], [2], [3]]))[0].tolist() == np.linspace(1, 3, 9).tolist()
