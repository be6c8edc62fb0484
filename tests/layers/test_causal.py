"""Causal attention: what a place may read, and what padding and cut-off items change."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.blocks import moved
from tfmm.layers.causal import CausalAttention
from tfmm.layers.towers import UserTower

DIM, STEPS = 8, 6


@pytest.fixture(scope="module")
def layer() -> CausalAttention:
    tf.keras.utils.set_random_seed(3)
    # Away from the zeros that distances begin with.
    made = CausalAttention(DIM, length=4, depth=2, heads=2)
    return moved(made, tf.zeros([1, 2, DIM]), tf.ones([1, 2], tf.bool))


def histories(seed=0):
    drawn = np.random.default_rng(seed).normal(size=(2, STEPS, DIM)).astype(np.float32)
    return drawn, np.ones((2, STEPS), bool)


def test_a_later_item_changes_no_earlier_state(layer):
    history, mask = histories()
    before = layer(history, mask).numpy()
    history[:, 4] *= -1
    after = layer(history, mask).numpy()
    np.testing.assert_allclose(after[:, :4], before[:, :4], atol=1e-6)
    assert np.abs(after[:, 4:] - before[:, 4:]).max() > 0.01


def test_order_says_something(layer):
    history, mask = histories()
    turned = history[:, [1, 0, 2, 3, 4, 5]]
    apart = layer(turned, mask)[:, -1] - layer(history, mask)[:, -1]
    assert np.abs(apart).max() > 0.001


def test_padding_changes_nothing_at_either_end(layer):
    history, mask = histories()
    alone = layer(history, mask).numpy()
    padding = np.full((2, 3, DIM), 7, np.float32)
    nothing = np.zeros((2, 3), bool)
    behind = layer(np.concatenate([history, padding], 1), np.concatenate([mask, nothing], 1))
    np.testing.assert_allclose(behind[:, :STEPS], alone, atol=1e-6)
    before = layer(np.concatenate([padding, history], 1), np.concatenate([nothing, mask], 1))
    np.testing.assert_allclose(before[:, 3:], alone, atol=1e-6)


def test_states_are_those_of_a_block_written_out_in_numpy():
    tf.keras.utils.set_random_seed(1)
    layer = CausalAttention(DIM, length=4, depth=1, heads=2)
    history, mask = histories()
    mask[1, 4:] = False
    layer(history, mask)
    noise = np.random.default_rng(2)
    layer.set_weights([w + noise.normal(scale=0.3, size=w.shape) for w in layer.get_weights()])
    block = layer.blocks[0]
    expected = written_out(layer, block, history, mask)
    got = layer(history, mask).numpy()
    np.testing.assert_allclose(got[mask], expected[mask], rtol=1e-4, atol=1e-4)


def written_out(layer, block, history, mask):
    def normal(x, of):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * of.gamma.numpy() + of.beta.numpy()

    def dense(x, of):
        return x @ of.kernel.numpy() + of.bias.numpy()

    out = np.zeros_like(history)
    half = DIM // 2
    for b, hidden in enumerate(history):
        query, key, value = np.split(dense(normal(hidden, block.before), block.project), 3, axis=1)
        read = np.zeros_like(hidden)
        for head in range(2):
            part = slice(head * half, (head + 1) * half)
            for t in range(STEPS):
                seen = [s for s in range(t + 1) if mask[b, s] or s == t]
                far = [block.distance.numpy()[min(t - s, 3), head] for s in seen]
                scores = query[t, part] @ key[seen, part].T / np.sqrt(half) + far
                share = np.exp(scores) / np.exp(scores).sum()
                read[t, part] = share @ value[seen, part]
        hidden = hidden + dense(read, block.join)
        wide = tf.nn.gelu(dense(normal(hidden, block.between), block.widen)).numpy()
        out[b] = normal(hidden + dense(wide, block.narrow), layer.after)
    return out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heads": 3}, "3 heads .* do not divide the 8"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"dropout": 1.0}, "dropout must lie in"),
    ],
)
def test_wrong_sizes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CausalAttention(DIM, **wrong)


def test_a_tower_gives_along_a_history_what_it_gives_at_its_end():
    tf.keras.utils.set_random_seed(1)
    tower = UserTower(3, DIM, history="causal", history_size=5, id=True)
    items = tf.random.normal([7, DIM])
    history = tf.constant([[2, 5, 1, -1], [4, -1, -1, -1]])
    user = tf.constant([1, 2])
    read = tf.constant([[0, 3], [1, 1], [0, 0], [0, 2]])
    along = tower.along(items, history, read, user).numpy()
    whole = tower(items, history, user).numpy()
    np.testing.assert_allclose(along[:2], whole, atol=1e-6)
    none = tower(items, tf.constant([[-1]]), user[:1]).numpy()
    np.testing.assert_allclose(along[2:3], none, atol=1e-6)
    shorter = tower(items, history[:1, :2], user[:1]).numpy()
    np.testing.assert_allclose(along[3:], shorter, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1, atol=1e-5)


def test_a_session_is_the_state_after_its_latest_item():
    tower = UserTower(3, DIM, history="causal", history_size=5)
    items = tf.random.normal([7, DIM])
    history = tf.constant([[2, 5, 1], [4, -1, -1], [-1, -1, -1]])
    expected = tower(items, history).numpy()
    vectors = tf.gather(items, tf.maximum(history, 0))
    np.testing.assert_allclose(tower.session(vectors, history >= 0), expected, atol=1e-6)
