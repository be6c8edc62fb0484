"""Entire space: the chance of a click and what follows it, however small or certain."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm.layers.entire_space import click_and_conversion


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values, np.float64)))


@pytest.mark.parametrize(
    ("click", "conversion"), [(0.0, 1.0), (-2.0, 0.5), (-12.0, -9.0), (6.0, 7.0), (3.0, -8.0)]
)
def test_it_is_the_product_of_both_chances(click, conversion):
    of_click, of_both = click_and_conversion(tf.constant([click]), tf.constant([conversion]))
    assert of_click[0] == click
    expected = sigmoid(click) * sigmoid(conversion)
    assert sigmoid(of_both[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("at", [-80.0, -20.0, 0.0, 20.0, 80.0])
def test_what_is_certain_keeps_finite_gradients(at):
    click, conversion = tf.Variable([at]), tf.Variable([at])
    with tf.GradientTape() as tape:
        _, both = click_and_conversion(click, conversion)
        loss = tf.nn.sigmoid_cross_entropy_with_logits([1.0 if at < 0 else 0.0], both)
    for gradient in tape.gradient(loss, [click, conversion]):
        assert np.isfinite(gradient).all()
    assert np.isfinite(both).all()


def test_conversions_are_learned_where_they_are_asked():
    """Trained on all that was shown, it finds the chance after a click, which few examples had."""
    rng = np.random.default_rng(1)
    clicked = rng.random(20_000) < 0.2
    bought = clicked & (rng.random(20_000) < 0.3)
    logits = tf.Variable([0.0, 0.0])
    for _ in range(400):
        with tf.GradientTape() as tape:
            of_click, of_both = click_and_conversion(logits[0], logits[1])
            loss = sum(
                tf.nn.sigmoid_cross_entropy_with_logits(np.float32(seen.mean()), told)
                for seen, told in ((clicked, of_click), (bought, of_both))
            )
        logits.assign_sub(2.0 * tape.gradient(loss, logits))
    assert sigmoid(logits[0]) == pytest.approx(clicked.mean(), abs=1e-3)
    assert sigmoid(logits[1]) == pytest.approx(bought.sum() / clicked.sum(), abs=2e-3)
