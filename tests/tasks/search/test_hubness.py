"""The correction for hubs."""

import numpy as np
import pytest

from tfmm.tasks.search import hubness
from tfmm.tasks.search.hubness import hub_bias

RNG = np.random.default_rng(0)


def test_bias_is_the_inverted_softmaxs_logarithm(monkeypatch):
    items, queries = RNG.normal(size=(7, 4)).astype("f"), RNG.normal(size=(9, 4)).astype("f")
    expected = -np.log(np.exp(3.0 * items @ queries.T).mean(1)) / 3.0
    monkeypatch.setattr(hubness, "_BLOCK", 18)  # two items at a time
    np.testing.assert_allclose(
        hub_bias(items, queries, 3.0), expected - expected.mean(), rtol=1e-4, atol=1e-5
    )


def test_an_item_near_everything_is_marked_down_and_the_right_ones_come_up():
    rng = np.random.default_rng(0)

    def unit(vectors):
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    queries = unit(unit(rng.normal(size=(200, 6))) + 1.5 * 6**-0.5)
    own = unit(queries + 0.3 * rng.normal(size=(200, 6)))
    items = np.concatenate([unit(queries.mean(0, keepdims=True)), own])
    bias = hub_bias(items, queries, 30.0)
    nearest = (queries @ items.T).argmax(1)
    corrected = (queries @ items.T + bias).argmax(1)
    right = np.arange(1, 201)
    assert np.count_nonzero(nearest == 0) > np.count_nonzero(corrected == 0)
    assert np.count_nonzero(corrected == right) > np.count_nonzero(nearest == right)


def test_large_scores_do_not_overflow():
    assert np.isfinite(hub_bias(100 * np.eye(3, dtype="f"), 100 * np.eye(3, dtype="f"), 50.0)).all()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="beta must be positive"):
        hub_bias(np.eye(2, dtype="f"), np.eye(2, dtype="f"), 0.0)
    with pytest.raises(ValueError, match="there are none"):
        hub_bias(np.eye(2, dtype="f"), np.empty((0, 2), "f"), 5.0)
