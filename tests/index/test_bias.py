"""Biases of each candidate, in every index: as a query weighs them, and in no others."""

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


def weighing(*weights):
    more = np.tile(np.array(weights, "f"), (len(QUERIES), 1))
    return np.concatenate([QUERIES, more], axis=1)


def test_bias_joins_the_scores_that_ask_for_it_alone(index):
    index.index(ITEMS, bias=BIAS)
    scores, rows = index.search(weighing(1.0))
    assert recall(rows, QUERIES @ ITEMS.T + BIAS) > 0.85
    expected = np.take_along_axis(QUERIES @ ITEMS.T + BIAS, rows.numpy(), axis=1)
    np.testing.assert_allclose(scores, expected, atol=0.05)
    assert recall(index.search(QUERIES)[1], QUERIES @ ITEMS.T) > 0.85
    unit = ITEMS / np.linalg.norm(ITEMS, axis=1, keepdims=True)
    assert recall(index.search(QUERIES, cosine=True)[1], QUERIES @ unit.T) > 0.85
    assert index.vectors(tf.constant([3])).shape == (1, D)
    np.testing.assert_allclose(index.vectors(tf.constant([3]))[0], ITEMS[3], atol=0.05)


def test_each_query_weighs_each_bias(index):
    other = np.random.default_rng(2).normal(0, 0.3, N).astype("f")
    index.index(ITEMS, bias=np.stack([BIAS, other], axis=1), queries=weighing(0.5, 0.0))
    for weights in ((0.5, 0.0), (0.0, 2.0), (1.0, 1.0), (0.7,)):
        first, second = (*weights, 0.0)[:2]
        wanted = QUERIES @ ITEMS.T + first * BIAS + second * other
        scores, rows = index.search(weighing(*weights))
        assert recall(rows, wanted) > 0.85
        np.testing.assert_allclose(
            scores, np.take_along_axis(wanted, rows.numpy(), axis=1), atol=0.05
        )


def test_queries_wider_than_the_biases_are_refused():
    index = BruteForce(k=5).index(ITEMS)
    with pytest.raises(ValueError, match=r"must be vectors \[B, 8\]"):
        index.search(weighing(1.0))
    index = BruteForce(k=5).index(ITEMS, bias=BIAS)
    with pytest.raises(ValueError, match=r"must be vectors \[B, 8 to 9\]"):
        index.search(weighing(1.0, 1.0))
    with pytest.raises(ValueError, match=r"with weights of their biases 9.*\[9, 10\]"):
        BruteForce(k=5).index(ITEMS, bias=BIAS, queries=weighing(1.0, 1.0))


def test_an_index_is_tuned_on_queries_of_the_items_width():
    index = IVF(k=10).index(ITEMS, queries=QUERIES, bias=BIAS)
    assert recall(index.search(QUERIES)[1], QUERIES @ ITEMS.T) > 0.85


@pytest.mark.parametrize(
    ("bias", "message"),
    [(BIAS[:5], r"each of the 3000 candidates.*its shape is \[5\]"), (BIAS * np.nan, "NaN")],
)
def test_a_bias_that_does_not_fit_is_refused(bias, message):
    with pytest.raises(ValueError, match=message):
        BruteForce().index(ITEMS, bias=bias)


def test_a_cosine_has_no_bias():
    with pytest.raises(ValueError, match="leave the weights of biases out"):
        BruteForce().index(ITEMS, bias=BIAS).search(weighing(1.0), cosine=True)
