"""Target attention: what it weighs, and what padding, lists of targets and time change."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.blocks import check_in_a_graph, moved
from tfmm.layers.target_attention import TargetAttention

B, T, N, D = 3, 5, 4, 6


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(4)
    history = rng.normal(size=(B, T, D)).astype(np.float32)
    targets = rng.normal(size=(B, N, D)).astype(np.float32)
    mask = np.array([[True] * T, [True] * 2 + [False] * 3, [False] * T])
    gap = rng.integers(0, 1_000_000, (B, T))
    return history, targets, mask, gap


@pytest.mark.parametrize("softmax", [False, True])
def test_it_is_a_network_over_history_target_product_and_difference(told, softmax):
    history, targets, mask, gap = told
    layer = moved(TargetAttention((7, 3), softmax=softmax, gaps=True), history, targets, mask, gap)
    found = layer(history, targets, mask, gap).numpy()
    kernels = [part.kernel.numpy() for part in (layer._of_history, layer._of_target)]
    product = layer._of_product.kernel.numpy()
    first, second = (bend.alpha.numpy().ravel() for bend in layer._bends)
    for b in range(B):
        for n in range(N):
            weights = []
            for t in range(T):
                h, a = history[b, t], targets[b, n]
                power = int(np.round(np.log2(1 + gap[b, t])))
                row = h @ kernels[0] + a @ kernels[1] + (h * a) @ product
                row += layer._of_history.bias.numpy() + layer._of_gap.numpy()[power]
                row = np.where(row > 0, row, first * row)
                row = row @ layer._further[0].kernel.numpy() + layer._further[0].bias.numpy()
                row = np.where(row > 0, row, second * row)
                weights.append(float(layer._score(row[None])[0, 0]))
            weights = np.array(weights)[mask[b]]
            if softmax and len(weights):
                weights = np.exp(weights) / np.exp(weights).sum()
            expected = weights @ history[b][mask[b]] if len(weights) else np.zeros(D)
            np.testing.assert_allclose(found[b, n], expected, rtol=1e-4, atol=1e-4)


def test_a_target_is_seen_alike_alone_and_in_a_list(told):
    history, targets, mask, _ = told
    layer = moved(TargetAttention(), history, targets, mask)
    together = layer(history, targets, mask).numpy()
    for n in range(N):
        alone = layer(history, targets[:, n], mask)
        np.testing.assert_allclose(alone, together[:, n], atol=1e-5)


@pytest.mark.parametrize("softmax", [False, True])
def test_padding_says_nothing(told, softmax):
    history, targets, mask, _ = told
    layer = moved(TargetAttention(softmax=softmax), history, targets, mask)
    other = np.where(mask[:, :, None], history, 1e3).astype(np.float32)
    np.testing.assert_allclose(
        layer(other, targets, mask), layer(history, targets, mask), atol=1e-5
    )
    np.testing.assert_array_equal(layer(history, targets, mask)[2], np.zeros((N, D)))


def test_gradients_are_finite_where_there_is_no_history(told):
    history, targets, mask, _ = told
    layer = moved(TargetAttention(softmax=True), history, targets, mask)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(history, targets, mask) ** 2)
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.isfinite(gradient).all()


def test_time_tells_histories_apart(told):
    history, targets, mask, gap = told
    layer = moved(TargetAttention(gaps=True), history, targets, mask, gap)
    now = layer(history, targets, mask, np.zeros_like(gap)).numpy()
    year = layer(history, targets, mask, np.full_like(gap, 31_557_600)).numpy()
    assert np.abs(now - year)[:2].max() > 0.01
    before = layer(history, targets, mask, np.full_like(gap, -5)).numpy()
    np.testing.assert_array_equal(before, now)
    with pytest.raises(ValueError, match="made with gaps=True, but was told none"):
        layer(history, targets, mask)
    with pytest.raises(ValueError, match="made with gaps=False, but was told gaps"):
        TargetAttention()(history, targets, mask, gap)


def test_it_is_alike_in_a_graph(told):
    history, targets, mask, gap = told
    layer = TargetAttention((7, 3), softmax=True, gaps=True)
    check_in_a_graph(moved(layer, history, targets, mask, gap), history, targets, mask, gap)


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        ((), "hidden must name the width of one layer at least, but is empty"),
        ((0,), "hidden must be an integer of 1 or more, but got 0"),
    ],
)
def test_what_cannot_be_is_refused(hidden, message):
    with pytest.raises(ValueError, match=message):
        TargetAttention(hidden)
