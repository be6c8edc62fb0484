"""Recurrent fusion: steps with missing modalities, steps with none, and their order."""

import numpy as np
import pytest

from tests.layers.blocks import check_in_a_graph, moved
from tfmm.layers.fusion import names
from tfmm.layers.multimodal_rnn import MultimodalRNN

B, T, M, D = 3, 5, 3, 8


@pytest.fixture(scope="module")
def steps():
    rng = np.random.default_rng(6)
    tokens = rng.normal(size=(B, T, M, D)).astype(np.float32)
    present = rng.random((B, T, M)) < 0.6
    present[0, :, 0] = True
    present[1, 1] = False
    present[1, 0, 0] = True
    present[2] = False
    return tokens, present


@pytest.fixture(scope="module", params=["lstm", "gru"])
def layer(request, steps):
    return moved(MultimodalRNN(D, cell=request.param), *steps)


def test_what_is_missing_says_nothing(layer, steps):
    tokens, present = steps
    other = np.where(present[..., None], tokens, 50).astype(np.float32)
    np.testing.assert_allclose(layer(other, present), layer(*steps), atol=1e-5)
    np.testing.assert_array_equal(layer(*steps)[2], np.zeros(D))


def test_steps_without_anything_are_passed_over(layer, steps):
    tokens, present = steps
    some = present[1].any(1)
    assert not some.all()
    short = layer(tokens[1:2][:, some], present[1:2][:, some])
    np.testing.assert_allclose(short[0], layer(*steps)[1], atol=1e-5)


def test_order_says_something(layer, steps):
    tokens, present = (part[:1] for part in steps)
    turned = layer(tokens[:, ::-1], present[:, ::-1]).numpy()
    assert np.abs(turned - layer(tokens, present).numpy()).max() > 0.01


@pytest.mark.parametrize("fusion", names())
def test_it_is_alike_in_a_graph_with_every_fusion(fusion, steps):
    check_in_a_graph(moved(MultimodalRNN(D, cell="gru", fusion=fusion), *steps), *steps)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 0}, "dim must be an integer of 1 or more, but got 0"),
        ({"dim": 8, "cell": "rnn"}, "cell must be one of gru, lstm, got 'rnn'"),
        ({"dim": 8, "fusion": "sum"}, "fusion must be one of attention, .*, got 'sum'"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MultimodalRNN(**settings)
