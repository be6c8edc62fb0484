"""Pooling for targets in a text."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmm.layers.target_pooling import TargetPooling, distances, span_states

SPANS = tf.constant([[[1, 3], [4, 5], [0, 0]]])


def test_distances_are_counted_from_the_nearest_token() -> None:
    np.testing.assert_array_equal(distances(SPANS, 5)[0, :2], [[1, 0, 0, 1, 2], [4, 3, 2, 1, 0]])


def test_a_target_is_the_mean_of_its_tokens() -> None:
    states = tf.random.normal([1, 5, 4])
    found = span_states(states, SPANS)[0]
    np.testing.assert_allclose(found[0], tf.reduce_mean(states[0, 1:3], axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[1], states[0, 4], rtol=1e-6)
    np.testing.assert_array_equal(found[2], np.zeros(4))


def test_near_tokens_count_more_and_padding_not_at_all() -> None:
    states = tf.random.normal([1, 5, 4], seed=1)
    layer = TargetPooling(3, dropout=0.0)
    mask = tf.constant([[True] * 4 + [False]])
    targets = span_states(states, SPANS)
    one = layer(states, mask, targets, SPANS)
    np.testing.assert_allclose(
        layer(states[:, :4], mask[:, :4], targets, SPANS), one, rtol=1e-5, atol=1e-6
    )
    layer.fall.assign(20.0)
    # All attention is on the target itself, so that what is far changes nothing.
    far = tf.concat([states[:, :1] + 5.0, states[:, 1:]], axis=1)
    near = layer(states, mask, targets, SPANS)[0, 0]
    np.testing.assert_allclose(layer(far, mask, targets, SPANS)[0, 0], near, rtol=1e-4)
