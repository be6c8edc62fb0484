"""Interactions, against sums written out in NumPy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.blocks import check_in_a_graph, moved
from tfmm.layers.interactions import CrossNetwork, DotInteraction, FactorizationMachine


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(2).normal(size=(3, 4, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def flat(features):
    return features.reshape(3, 20)


def test_whole_cross_layers_are_as_published(flat):
    layer = moved(CrossNetwork(depth=2), flat)
    x = flat
    for cross in layer._layers:
        x = flat * (x @ cross.kernel.numpy() + cross.bias.numpy()) + x
    np.testing.assert_allclose(layer(flat), x, rtol=1e-4, atol=1e-4)


def test_narrow_cross_layers_are_whole_ones_of_a_low_rank(flat):
    layer = moved(CrossNetwork(depth=1, rank=3), flat)
    (cross,) = layer._layers
    whole = cross.narrow.numpy()[0] @ cross.widen.numpy()[0]
    assert np.linalg.matrix_rank(whole) == 3
    expected = flat * (flat @ whole + cross.bias.numpy()) + flat
    np.testing.assert_allclose(layer(flat), expected, rtol=1e-4, atol=1e-4)


def test_experts_are_mixed_by_their_gate(flat):
    layer = moved(CrossNetwork(depth=1, rank=3, experts=2), flat)
    (cross,) = layer._layers
    gate = np.exp(flat @ cross.gate.numpy())
    gate /= gate.sum(1, keepdims=True)
    mixture = cross.bias.numpy() + sum(
        gate[:, [e]]
        * (
            np.tanh(np.tanh(flat @ cross.narrow.numpy()[e]) @ cross.inner.numpy()[e])
            @ cross.widen.numpy()[e]
        )
        for e in range(2)
    )
    np.testing.assert_allclose(layer(flat), flat * mixture + flat, rtol=1e-4, atol=1e-4)


def test_a_cross_network_is_a_polynomial_of_its_degree(flat):
    """Along a line, its differences vanish one order above its degree, and not before."""
    layer = moved(CrossNetwork(depth=2), flat)
    for variable in layer.trainable_variables:
        if "bias" in variable.name:
            variable.assign(tf.zeros_like(variable))
    steps = np.arange(5, dtype=np.float32)[:, None] * flat[:1]
    values = layer(steps).numpy().astype(np.float64)
    scale = np.abs(values).max()
    assert np.abs(np.diff(values, 3, axis=0)).max() > 1e-3 * scale
    assert np.abs(np.diff(values, 4, axis=0)).max() < 1e-4 * scale


@pytest.mark.parametrize("itself", [False, True])
def test_dots_are_of_each_two_features(features, itself):
    found = DotInteraction(itself=itself)(features).numpy()
    pairs = [(i, j) for i in range(4) for j in range(i + itself)]
    expected = [(features[:, i] * features[:, j]).sum(1) for i, j in pairs]
    np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-5, atol=1e-5)


def test_a_feature_alone_has_no_dot(features):
    with pytest.raises(ValueError, match="1 feature has no other"):
        DotInteraction()(features[:, :1])


@pytest.mark.parametrize("pooled", [False, True])
def test_a_factorization_machine_sums_all_products(features, pooled):
    found = FactorizationMachine(pooled=pooled)(features).numpy()
    pairs = itertools.combinations(range(4), 2)
    expected = sum(features[:, i] * features[:, j] for i, j in pairs)
    expected = expected.sum(1, keepdims=True) if pooled else expected
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        CrossNetwork(depth=2),
        CrossNetwork(depth=2, rank=3),
        CrossNetwork(depth=2, rank=3, experts=2),
    ],
    ids=["whole", "narrow", "experts"],
)
def test_cross_networks_are_alike_in_a_graph(layer, flat):
    check_in_a_graph(moved(layer, flat), flat)


@pytest.mark.parametrize("layer", [DotInteraction(itself=True), FactorizationMachine(pooled=False)])
def test_products_are_alike_in_a_graph(layer, features):
    check_in_a_graph(layer, features)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth must be an integer of 1 or more, but got 0"),
        ({"rank": 0}, "rank must be an integer of 1 or more, but got 0"),
        ({"experts": 4}, "4 experts are mixed in narrow spaces, but `rank`"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CrossNetwork(**settings)
