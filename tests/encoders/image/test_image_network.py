"""Picture networks in training: batch norms keep what they came with, the rest learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmm.encoders.image.pretrained_image import ImageNetwork
from tfmm.encoders.pretrained.bridge import Keras3Bridge


def network(layers, *middle):
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(inputs)
    for layer in middle:
        x = layer(x)
    return inputs, x


def keras_2(*middle):
    return tf.keras.Model(*network(tf.keras.layers, *middle))


def keras_3(*middle):
    return Keras3Bridge(keras.Model(*network(keras.layers, *middle)))


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "model",
    [
        lambda: keras_2(tf.keras.layers.BatchNormalization()),
        lambda: keras_2(tf.keras.Sequential([tf.keras.layers.BatchNormalization()])),
        lambda: keras_3(keras.layers.BatchNormalization()),
    ],
    ids=["keras 2", "nested", "keras 3"],
)
def test_batches_do_not_change_how_a_picture_is_seen(model, pictures):
    made = ImageNetwork(model(), lambda pixels: pixels / 255.0, (8, 8))
    before = [value.numpy() for value in made.non_trainable_variables]
    together = made(pictures, training=True)
    np.testing.assert_allclose(together[:1], made(pictures[:1], training=True), atol=1e-5)
    np.testing.assert_allclose(together, made(pictures), atol=1e-5)
    for old, now in zip(before, made.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, now)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(made(pictures, training=True)))
    gradients = tape.gradient(loss, made.trainable_variables)
    assert len(gradients) == 4
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize(
    "model",
    [lambda: keras_2(tf.keras.layers.Dropout(0.5)), lambda: keras_3(keras.layers.Dropout(0.5))],
    ids=["keras 2", "keras 3"],
)
def test_without_batch_norms_dropout_works_in_training(model, pictures):
    made = ImageNetwork(model(), lambda pixels: pixels / 255.0, (8, 8))
    assert np.abs(made(pictures, training=True) - made(pictures)).max() > 1e-3
