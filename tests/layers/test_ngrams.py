"""Sequences of tokens, and the linear model over them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.layers.ngrams import NgramLinear


def made(classes: int = 2, **config) -> NgramLinear:
    layer = NgramLinear(classes, **{"longest": 3, "buckets": 2**12, **config})
    layer.build(None)
    return layer


def test_a_sequence_counts_once_wherever_it_stands() -> None:
    layer = made()
    one, two, padded = layer.sequences(
        tf.constant([[5, 6, 5, 6, 0], [6, 5, 6, 0, 0], [0, 0, 5, 6, -1]])
    ).numpy()
    known = [set(row) - {layer.buckets} for row in (one, two, padded)]
    # 5, 6, 5 6, 6 5, 5 6 5, 6 5 6
    assert len(known[0]) == 6
    assert known[1] < known[0]
    assert len(known[1]) == 5
    assert len(known[2]) == 3
    assert known[2] < known[0]


def test_padding_and_pieces_change_nothing() -> None:
    layer = made()
    layer.table.assign(tf.random.normal(layer.table.shape))
    layer.rarity.assign(tf.ones(layer.rarity.shape))
    short, long = layer(tf.constant([[5, 6]])), layer(tf.constant([[5, 6, 0, 0]]))
    # What no sequence weighs is of the last row.
    layer.rarity.scatter_nd_update([[layer.buckets]], [0.0])
    np.testing.assert_allclose(layer(tf.constant([[5, 6, 0, 0]])), layer(tf.constant([[5, 6]])))
    assert short.shape == long.shape == (1, 2)
    np.testing.assert_array_equal(
        layer.sequences(tf.constant([[[2, 3, 0], [4, 2, 0]]])), layer.sequences([[5, 6]])
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_fitted_is_told(classes: int) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(classes, size=90)
    ids = rng.integers(10, 30, (90, 6)).astype(np.int32)
    # A class is told by two tokens that follow each other.
    ids[:, 2], ids[:, 3] = 1 + codes, 5
    layer = made(classes)
    layer.fit([ids[:40], ids[40:, :5]], codes)
    assert (layer(ids).numpy().argmax(axis=1) == codes).mean() > 0.95


def test_one_class_or_none_is_what_it_is() -> None:
    layer = made(3)
    layer.fit([np.array([[1, 2]])], np.array([2]))
    assert layer(np.array([[7, 8]])).numpy().argmax() == 2
    layer.fit([], np.array([], int))
    np.testing.assert_array_equal(layer(np.array([[7, 8]])), -np.ones((1, 3)))
