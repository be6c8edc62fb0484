"""Experts: what gates mix, and what labels share."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.blocks import check_in_a_graph, moved
from tfmm.layers.experts import MixtureOfExperts, ProgressiveExperts


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(2).normal(size=(6, 5)).astype(np.float32)


def softmax(values):
    raised = np.exp(values)
    return raised / raised.sum(1, keepdims=True)


def test_each_label_mixes_all_experts_by_its_own_gate(features):
    layer = moved(MixtureOfExperts(3, experts=2, hidden=(4, 3)), features)
    said = np.stack([expert(features) for expert in layer._experts], 1)
    for label, found in enumerate(layer(features)):
        share = softmax(features @ layer._gates[label].kernel.numpy())
        np.testing.assert_allclose(found, np.einsum("be,bed->bd", share, said), atol=1e-5)


def test_one_level_of_progressive_experts_is_customized_gate_control(features):
    layer = moved(ProgressiveExperts(2, shared=1, own=2, hidden=(4,), levels=1), features)
    (level,) = layer._levels
    for label, found in enumerate(layer(features)):
        said = [expert(features) for expert in [*level.own[label], *level.shared]]
        share = softmax(features @ level.gates[label].kernel.numpy())
        expected = np.einsum("be,bed->bd", share, np.stack(said, 1))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def reached(layer, features, label):
    """The weights that a label's loss moves."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(features)[label])
    found = tape.gradient(loss, layer.trainable_variables)
    return {
        variable.name
        for variable, gradient in zip(layer.trainable_variables, found, strict=True)
        if gradient is not None and np.abs(gradient).max() > 0
    }


def test_a_label_leaves_the_experts_of_others_alone(features):
    layer = moved(ProgressiveExperts(2, shared=1, own=1, hidden=(8,), levels=1), features)
    names = reached(layer, features, 0)
    assert any("own_0" in name for name in names)
    assert any("shared" in name for name in names)
    assert not any("own_1" in name for name in names)


def test_below_the_last_level_what_is_common_reads_all(features):
    layer = moved(ProgressiveExperts(2, shared=1, own=1, hidden=(8,), levels=2), features)
    names = reached(layer, features, 0)
    assert any("level_0" in name and "own_1" in name for name in names)
    assert not any("level_1" in name and "own_1" in name for name in names)


@pytest.mark.parametrize(
    "layer",
    [
        MixtureOfExperts(2, experts=3, hidden=(4,)),
        ProgressiveExperts(2, shared=2, own=1, hidden=(4, 3), levels=3),
    ],
    ids=["mixture", "progressive"],
)
def test_they_are_alike_in_a_graph(layer, features):
    check_in_a_graph(moved(layer, features), features)


@pytest.mark.parametrize("kind", [MixtureOfExperts, ProgressiveExperts])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": 0}, "labels must be an integer of 1 or more, but got 0"),
        ({"labels": 2, "hidden": ()}, "hidden must name the width of one layer at least"),
        ({"labels": 2, "hidden": (0,)}, "hidden must be an integer of 1 or more, but got 0"),
    ],
)
def test_what_cannot_be_is_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)
