"""The contrastive losses, against what their formulas give."""

import numpy as np
import tensorflow as tf

from tfmm.tasks.search.contrastive import sigmoid_contrast, softmax_contrast


def views(seed, n=6, heads=2, d=5):
    values = np.random.default_rng(seed).normal(size=(n, heads, d)).astype("f")
    return values / np.linalg.norm(values, axis=2, keepdims=True)


def softmax(scores):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_softmax_contrast_is_the_symmetric_cross_entropy_of_each_view():
    left, right, groups = views(1), views(2), np.array([0, 1, 2, 2, 4, 0])
    scale = np.array([5.0, 9.0], "f")
    expected = 0.0
    for head in range(2):
        scores = left[:, head] @ right[:, head].T * scale[head]
        for each in (softmax(scores), softmax(scores.T)):
            for row, group in enumerate(groups):
                positives = np.flatnonzero(groups == group)
                expected -= 0.5 * np.log(each[row, positives]).mean() / len(groups)
    found = softmax_contrast(left, right, tf.constant(scale), tf.constant(groups))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sigmoid_contrast_asks_every_pair():
    left, right, groups = views(1), views(2), np.array([0, 1, 2, 2, 4, 0])
    scale, offset = np.array([5.0, 9.0], "f"), np.array([-3.0, -1.0], "f")
    expected = 0.0
    for head in range(2):
        scores = left[:, head] @ right[:, head].T * scale[head] + offset[head]
        signs = np.where(groups[:, None] == groups[None], 1, -1)
        expected += np.log1p(np.exp(-signs * scores)).sum() / len(groups)
    found = sigmoid_contrast(
        left, right, tf.constant(scale), tf.constant(groups), tf.constant(offset)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_batch_without_rows_costs_nothing():
    none = tf.zeros([0, 2, 5])
    scale, groups = tf.ones(2), tf.zeros([0], tf.int32)
    assert softmax_contrast(none, none, scale, groups) == 0
    assert sigmoid_contrast(none, none, scale, groups, tf.zeros(2)) == 0
