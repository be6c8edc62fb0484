"""The paired bootstrap: the interval that a normal theory gives, and no differences at all."""

import numpy as np
import pytest

from tfmm.evaluation.bootstrap import paired_bootstrap


def test_the_interval_is_that_of_the_mean_difference():
    rng = np.random.default_rng(3)
    a = rng.random(4000)
    b = a - rng.normal(0.02, 0.3, 4000)
    difference, low, high = paired_bootstrap(a, b)
    error = (a - b).std() / np.sqrt(4000)
    assert difference == pytest.approx((a - b).mean())
    assert low == pytest.approx(difference - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(difference + 1.96 * error, abs=0.1 * error)


def test_pairing_counts():
    a = np.random.default_rng(1).random(500)
    assert paired_bootstrap(a, a) == (0.0, 0.0, 0.0)
    _, low, high = paired_bootstrap(a + 0.01, a)
    assert low == pytest.approx(0.01)
    assert high == pytest.approx(0.01)


def test_the_same_draws_each_time_and_in_blocks(monkeypatch):
    rng = np.random.default_rng(2)
    a, b = rng.random(50), rng.random(50)
    once = paired_bootstrap(a, b, draws=300)
    monkeypatch.setattr("tfmm.evaluation.bootstrap._BLOCK", 2500)
    assert paired_bootstrap(a, b, draws=300) == once


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_users_that_do_not_pair_are_refused(a, b):
    with pytest.raises(ValueError, match="one value for each of the same users"):
        paired_bootstrap(np.array(a), np.array(b))


def test_weights_make_it_a_mean_over_examples_and_a_root_finishes_it():
    rng = np.random.default_rng(4)
    weight = rng.integers(1, 40, 800).astype(float)
    a, b = rng.random(800) + 0.02 * weight, rng.random(800)
    mean = [np.average(one, weights=weight) for one in (a, b)]
    found = paired_bootstrap(a, b, weight=weight)
    assert found[0] == pytest.approx(mean[0] - mean[1])
    # The error of a ratio of sums, by the delta method.
    error = np.sqrt((weight**2 * (a - b - found[0]) ** 2).sum()) / weight.sum()
    assert found[1] == pytest.approx(found[0] - 1.96 * error, abs=0.15 * error)
    assert found[2] == pytest.approx(found[0] + 1.96 * error, abs=0.15 * error)
    rooted = paired_bootstrap(a, b, weight=weight, finish=np.sqrt)
    assert rooted[0] == pytest.approx(np.sqrt(mean[0]) - np.sqrt(mean[1]))
    assert rooted[1] < rooted[0] < rooted[2] < found[2]


@pytest.mark.parametrize("weight", [[1.0], [1.0, 0.0]])
def test_weights_that_do_not_fit_are_refused(weight):
    with pytest.raises(ValueError, match="`weight` must be above 0 for each of the 2 users"):
        paired_bootstrap(np.ones(2), np.ones(2), weight=np.array(weight))
