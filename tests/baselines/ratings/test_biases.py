"""Offsets, against the linear system that they solve."""

import numpy as np
import pytest

from tests.baselines.ratings.conftest import made
from tfmm.baselines.ratings import Biases, Mean


@pytest.mark.parametrize(("user_penalty", "item_penalty"), [(5.0, 3.0), (0.5, 20.0)])
def test_offsets_are_the_ridge_regression_of_ones(user_penalty, item_penalty):
    ratings, _ = made(30, 20, share=0.2)
    n, rows = len(ratings.value), np.arange(len(ratings.value))
    x = np.zeros((n, 50))
    x[rows, ratings.user] = x[rows, 30 + ratings.item] = 1
    penalty = np.diag(np.r_[np.full(30, user_penalty), np.full(20, item_penalty)])
    mean = ratings.value.mean()
    solved = np.linalg.solve(x.T @ x + penalty, x.T @ (ratings.value - mean))
    model = Biases(user_penalty=user_penalty, item_penalty=item_penalty).fit(*ratings)
    user, item = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    wanted = np.clip(mean + solved[user] + solved[30 + item], *model.range_)
    np.testing.assert_allclose(model.predict(user, item), wanted, atol=1e-3)


def test_without_penalties_the_offsets_explain_what_is_their_sum():
    user, item = np.divmod(np.arange(12), 4)
    value = np.array([1.0, 2, 4])[user] + np.array([0, 0.5, 1, 3])[item]
    model = Biases(user_penalty=0, item_penalty=0).fit(user, item, value, 4, 4)
    np.testing.assert_allclose(model.predict(user, item), value, atol=1e-4)


def test_the_mean_is_the_mean():
    model = Mean().fit(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1, 2, 6]), 2, 2)
    np.testing.assert_array_equal(model.predict(np.array([1, -1]), np.array([0, -1])), 3)


def test_penalties_below_zero_are_refused():
    with pytest.raises(ValueError, match="`item_penalty` is -1, but must be 0 or more"):
        Biases(item_penalty=-1)
