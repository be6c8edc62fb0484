"""Bayesian personalised ranking by its definition."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm.tasks.retrieval.graph.bpr import BPR


def test_the_loss_is_minus_the_log_chance_of_the_right_order():
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(3, 4)).astype(np.float32)
    items = rng.normal(size=(6, 4)).astype(np.float32)
    ids = np.array([7, 8, 9, 1, 8, 2])  # the second is drawn against itself
    weight = np.array([1.0, 5.0, 2.0], np.float32)
    gap = ((queries * (items[:3] - items[3:])).sum(1)) / 0.5
    expected = (np.log1p(np.exp(-gap)) * [1, 0, 2]).sum() / 3
    assert float(BPR(0.5)(queries, items, ids, weight)) == pytest.approx(expected, rel=1e-5)


def test_too_few_drawn_items_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many negatives as examples"):
        BPR()(tf.ones((2, 3)), tf.ones((3, 3)), tf.range(3))
