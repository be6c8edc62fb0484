"""A bias of each candidate, in every index: in searches that ask for it, and in no others."""

import numpy as np
import pytest
import tensorflow as tf

from tests.index.clusters import clustered
from tfmm.index import IVF, BruteForce, index_for

N, D = 3000, 8
ITEMS = clustered(N, D)
BIAS = np.random.default_rng(1).normal(0, 0.3, N).astype("f")
QUERIES = clustered(9, D)


@pytest.fixture(params=["brute_force", "int8", "ivf", "scann"])
def index(request):
    if request.param == "scann":
        pytest.importorskip("scann")
    if request.param == "int8":
        return BruteForce(k=10, storage="int8")
    return index_for(request.param, k=10)


def recall(rows, scores):
    best = np.argsort(-scores, axis=1)[:, :10]
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows.numpy(), best, strict=True)])


def test_bias_joins_the_scores_that_ask_for_it_alone(index):
    index.index(ITEMS, bias=BIAS)
    scores, rows = index.search(QUERIES, biased=True)
    assert recall(rows, QUERIES @ ITEMS.T + BIAS) > 0.85
    expected = np.take_along_axis(QUERIES @ ITEMS.T + BIAS, rows.numpy(), axis=1)
    np.testing.assert_allclose(scores, expected, atol=0.05)
    assert recall(index.search(QUERIES)[1], QUERIES @ ITEMS.T) > 0.85
    unit = ITEMS / np.linalg.norm(ITEMS, axis=1, keepdims=True)
    assert recall(index.search(QUERIES, cosine=True)[1], QUERIES @ unit.T) > 0.85
    assert index.vectors(tf.constant([3])).shape == (1, D)
    np.testing.assert_allclose(index.vectors(tf.constant([3]))[0], ITEMS[3], atol=0.05)


def test_without_a_bias_asking_for_it_changes_nothing():
    index = BruteForce(k=5).index(ITEMS)
    np.testing.assert_array_equal(index.search(QUERIES)[1], index.search(QUERIES, biased=True)[1])


def test_an_index_is_tuned_on_queries_of_the_items_width():
    index = IVF(k=10).index(ITEMS, queries=QUERIES, bias=BIAS)
    assert recall(index.search(QUERIES)[1], QUERIES @ ITEMS.T) > 0.85


@pytest.mark.parametrize(
    ("bias", "message"),
    [(BIAS[:5], r"each of the 3000 candidates, but its shape is \[5\]"), (BIAS * np.nan, "NaN")],
)
def test_a_bias_that_does_not_fit_is_refused(bias, message):
    with pytest.raises(ValueError, match=message):
        BruteForce().index(ITEMS, bias=bias)


def test_a_cosine_has_no_bias():
    with pytest.raises(ValueError, match="leave out `cosine` or `biased`"):
        BruteForce().index(ITEMS, bias=BIAS).search(QUERIES, cosine=True, biased=True)
