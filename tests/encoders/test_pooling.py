"""One vector of several: what pooling may depend on, and what not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.encoders.pooling import (
    AttentionPooling,
    encode_several,
    mean_pooling,
    unit_mean_pooling,
)

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(5, 4, 6)).astype(np.float32)
MASK = np.array([[1, 0, 0, 0], [1, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0]], bool)


def attention() -> AttentionPooling:
    """One whose scores say something."""
    layer = AttentionPooling(3)
    layer.build([None, None, 6])
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


POOLS = {"mean": mean_pooling, "unit mean": unit_mean_pooling, "attention": attention()}


@pytest.mark.parametrize("name", POOLS)
def test_order_and_padding_play_no_part(name: str) -> None:
    pool = POOLS[name]
    expected = np.asarray(pool(tf.constant(VECTORS), tf.constant(MASK)))
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(
        pool(tf.constant(VECTORS[:, order]), tf.constant(MASK[:, order])), expected, atol=1e-6
    )
    noise = np.where(MASK[..., None], VECTORS, 1e6).astype(np.float32)
    wider = np.pad(noise, [(0, 0), (0, 3), (0, 0)], constant_values=-7)
    mask = np.pad(MASK, [(0, 0), (0, 3)])
    np.testing.assert_allclose(pool(tf.constant(wider), tf.constant(mask)), expected, atol=1e-6)


@pytest.mark.parametrize("name", POOLS)
def test_one_alone_is_itself_bit_for_bit(name: str) -> None:
    found = np.asarray(POOLS[name](tf.constant(VECTORS), tf.constant(MASK)))
    np.testing.assert_array_equal(found[0], VECTORS[0, 0])
    np.testing.assert_array_equal(found[4], VECTORS[4, 2])


def test_attention_starts_from_the_mean_and_learns_which_vector_counts() -> None:
    tf.keras.utils.set_random_seed(1)
    vectors = RNG.normal(size=(256, 3, 6)).astype(np.float32)
    # The one that its last component marks is the answer.
    right = RNG.integers(0, 3, 256)
    vectors[..., 5] = -2
    vectors[np.arange(256), right, 5] = 2
    shown, mask = tf.constant(vectors), tf.ones([256, 3], tf.bool)
    target = vectors[np.arange(256), right]
    layer = AttentionPooling(8)
    np.testing.assert_allclose(layer(shown, mask), vectors.mean(axis=1), atol=1e-6)
    optimizer = tf.keras.optimizers.Adam(0.05)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(shown, mask) - target) ** 2)
        gradients = tape.gradient(loss, layer.trainable_variables)
        optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))
    assert float(loss) < 0.05 * np.mean((vectors.mean(axis=1) - target) ** 2)


def test_unit_mean_of_several_has_length_one() -> None:
    unit = VECTORS / np.linalg.norm(VECTORS, axis=2, keepdims=True)
    found = np.asarray(unit_mean_pooling(tf.constant(unit), tf.constant(MASK)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    mean = unit[1, :3].mean(axis=0)
    np.testing.assert_allclose(found[1], mean / np.linalg.norm(mean), rtol=1e-5)


def test_only_pictures_that_there_are_are_encoded() -> None:
    seen: list[tuple[int, ...]] = []

    def encode(rows: tf.Tensor) -> tf.Tensor:
        seen.append(tuple(rows.shape))
        return tf.reduce_sum(rows, axis=[1, 2])

    pictures = RNG.integers(1, 9, (3, 4, 2, 2, 3)).astype(np.float32)
    pictures[0, 1:] = 0
    # The second lacks its first picture, the third has none.
    pictures[1, 0] = pictures[1, 3] = pictures[2] = 0
    found = encode_several(tf.constant(pictures), encode, mean_pooling)
    assert seen == [(4, 2, 2, 3)]
    sums = pictures.sum(axis=(2, 3))
    np.testing.assert_allclose(found, [sums[0, 0], sums[1, 1:3].mean(axis=0), np.zeros(3)])
    encode_several(tf.constant(pictures[:, 0]), encode, mean_pooling)
    assert seen[1] == (3, 2, 2, 3)
