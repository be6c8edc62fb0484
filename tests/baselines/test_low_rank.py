"""An item-item matrix as two tables of vectors."""

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.baselines import EASE
from tfmm.baselines.low_rank import factorize


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(3)
    taste = rng.random((400, 60)) < 0.02 + 0.25 * (np.arange(60) % 6 == np.arange(400)[:, None] % 6)
    return EASE(lam=5.0).fit(sp.csr_matrix(taste, dtype=np.float32)).weights_


def lost(weights, product):
    """Share of the squared weights off the diagonal that a product misses."""
    off = ~np.eye(len(weights), dtype=bool)
    return ((weights - product)[off] ** 2).sum() / (weights[off] ** 2).sum()


def test_the_whole_rank_gives_the_weights_back(weights):
    history, candidates = factorize(weights, 60)
    np.testing.assert_allclose(history @ candidates.T, weights, atol=1e-4)


def test_a_free_diagonal_keeps_more_than_the_truncated_svd(weights):
    history, candidates = factorize(weights, 8)
    assert history.shape == candidates.shape == (60, 8)
    assert history.dtype == candidates.dtype == np.float32
    left, values, right = np.linalg.svd(weights)
    truncated = (left[:, :8] * values[:8]) @ right[:8]
    assert lost(weights, history @ candidates.T) < 0.99 * lost(weights, truncated)


def test_a_low_rank_matrix_hidden_by_its_diagonal_is_found():
    rng = np.random.default_rng(1)
    hidden = (rng.normal(size=(80, 3)) @ rng.normal(size=(3, 80))).astype(np.float32)
    shown = hidden.copy()
    np.fill_diagonal(shown, 0)
    history, candidates = factorize(shown, 3, rounds=60)
    np.testing.assert_allclose(history @ candidates.T, hidden, atol=0.05)


def test_candidates_have_a_mean_squared_length_of_one(weights):
    candidates = factorize(weights, 8)[1]
    assert (candidates**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)


def test_more_rank_than_items_is_cut_and_zeros_stay_zeros(weights):
    assert factorize(weights, 500)[0].shape == (60, 60)
    history, candidates = factorize(np.zeros((5, 5), np.float32), 2)
    assert not history.any()
    assert not candidates.any()


def test_the_matrix_is_not_changed_and_the_same_seed_gives_the_same(weights):
    before = weights.copy()
    once, again = factorize(weights, 8), factorize(weights, 8)
    np.testing.assert_array_equal(weights, before)
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        (np.zeros((3, 4), np.float32), {"rank": 2}, r"items by items, but is of shape \[3, 4\]"),
        (np.zeros((3, 3), np.float32), {"rank": 0}, "`rank` must be at least 1, but it is 0"),
        (np.zeros((3, 3), np.float32), {"rank": 1, "rounds": 0}, "`rounds` must be at least 1"),
    ],
)
def test_bad_input_says_what_is_expected(matrix, options, message):
    with pytest.raises(ValueError, match=message):
        factorize(matrix, **options)
