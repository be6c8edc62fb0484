"""NDCG of lists that are ranked again, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from tfmm.evaluation.labels import ndcg_of_groups, ndcg_of_lists


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("top", [1, 5], ids=["binary", "ratings"])
def test_it_is_that_of_scikit_learn_ties_at_expectation(k, top):
    rng = np.random.default_rng(1)
    said = np.round(rng.random(800), 1)
    true = rng.integers(0, top + 1, 800) * (rng.random(800) < 0.4)
    group = rng.integers(0, 150, 800)
    wanted, without = [], 0
    for one in np.unique(group):
        rows = group == one
        if not true[rows].any():
            without += 1
        elif rows.sum() == 1:
            wanted.append(1.0)
        else:
            wanted.append(ndcg_score([true[rows]], [said[rows]], k=k))
    found = ndcg_of_lists(said, true, group, k)
    assert found.ndcg == pytest.approx(np.mean(wanted))
    assert (found.lists, found.without) == (len(wanted), without)
    assert without > 5


def test_all_tied_is_the_mean_over_orders():
    true = np.array([1, 0, 0, 0])
    wanted = np.mean([1, 1 / np.log2(3), 0, 0])
    assert ndcg_of_lists(np.ones(4), true, np.zeros(4, int), 2).ndcg == pytest.approx(wanted)


def test_each_list_has_its_own_and_one_without_a_positive_none():
    said, true = np.array([0.9, 0.1, 0.5]), np.array([0.0, 1.0, 0.0])
    groups, values = ndcg_of_groups(said, true, np.array([4, 4, -1]))
    np.testing.assert_array_equal(groups, [-1, 4])
    np.testing.assert_allclose(values, [np.nan, 1 / np.log2(3)])


def test_nothing_has_none():
    found = ndcg_of_lists(np.zeros(0), np.zeros(0), np.zeros(0, int))
    assert np.isnan(found.ndcg)
    assert (found.lists, found.without) == (0, 0)


def test_gains_below_zero_and_lists_of_none_are_refused():
    with pytest.raises(ValueError, match="0 or more to be a gain, but it is -2"):
        ndcg_of_lists(np.zeros(2), np.array([-2.0, 1]), np.zeros(2, int))
    with pytest.raises(ValueError, match=r"`ks` is \[0\]"):
        ndcg_of_lists(np.zeros(2), np.zeros(2), np.zeros(2, int), k=0)
