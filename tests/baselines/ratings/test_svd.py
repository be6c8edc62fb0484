"""SVD and SVD++, against the objectives that they bring to their least."""

import numpy as np
import pytest
import scipy.sparse as sp

from tests.baselines.ratings.conftest import cut, made
from tfmm.baselines.ratings import SVD, Ratings, SVDpp, svd


def test_what_was_solved_for_last_is_the_least_there_is():
    """Each item's factors and offset are the ridge regression on its users' ones."""
    ratings, _ = made(40, 30)
    model = SVD(factors=3, penalty=2.0, penalty_each=0.1, iterations=3).fit(*ratings)
    for item in (0, 7, 29):
        rows = ratings.item == item
        users = model.users_[ratings.user[rows]]
        x = np.c_[users[:, :-1], np.ones(rows.sum())]
        penalty = np.diag([2 + 0.1 * rows.sum()] * 3 + [4.0])
        wanted = ratings.value[rows] - ratings.value.mean() - users[:, -1]
        solved = np.linalg.solve(x.T @ x + penalty, x.T @ wanted)
        np.testing.assert_allclose(model.items_[item], solved, atol=1e-4)


def test_blocks_change_nothing(monkeypatch):
    ratings, _ = made(40, 30)
    for kind in (SVD, SVDpp):
        once = kind(factors=3).fit(*ratings)
        with monkeypatch.context() as patch:
            patch.setattr(svd, "_BLOCK", 7)
            again = kind(factors=3).fit(*ratings)
        np.testing.assert_allclose(once.users_, again.users_, atol=1e-5)


def test_users_factors_and_implicit_ones_are_the_least_there_is_for_given_items(monkeypatch):
    """The gradient of the objective is 0 in the implicit factors and in the users' own."""
    monkeypatch.setattr(svd, "_STEPS", 8)  # too few for steepest descent
    ratings, _ = made(20, 15)
    rng = np.random.default_rng(1)
    q = rng.normal(0, 0.5, (15, 3)).astype(np.float32)
    count = np.bincount(ratings.user, minlength=20)
    share = (1 / np.sqrt(count))[ratings.user].astype(np.float32)
    model = SVDpp(factors=2, penalty=1.0, penalty_each=0.1, penalty_implicit=2.0)
    model._rated = sp.csr_matrix((share, (ratings.user, ratings.item)), shape=(20, 15))
    model._implicit = np.zeros((15, 2), np.float32)
    value = ratings.value - ratings.value.mean()
    found = model._users(svd._side(ratings.user, ratings.item, value, 20), q)
    y, rated = model._implicit, model._rated
    own = found[:, :2] - rated @ y
    product = (found[ratings.user, :2] * q[ratings.item, :2]).sum(axis=1)
    error = value - q[ratings.item, -1] - found[ratings.user, -1] - product
    by_user = np.zeros((20, 2))
    np.add.at(by_user, ratings.user, error[:, None] * q[ratings.item, :2])
    assert np.abs(y).max() > 0.05
    assert np.abs(by_user).max() > 0.3
    np.testing.assert_allclose(by_user, (1 + 0.1 * count)[:, None] * own, atol=2e-3)
    np.testing.assert_allclose(np.bincount(ratings.user, error), 4 * found[:, -1], atol=2e-3)
    np.testing.assert_allclose(rated.T @ by_user, 2 * y, atol=2e-3)


def test_that_someone_rated_at_all_says_something():
    """Two crowds look at different items, which they rate by chance; ten more items please one
    crowd and not the other, and few of their ratings are known."""
    rng = np.random.default_rng(3)
    crowd = rng.integers(0, 2, 300)[:, None]
    item = np.arange(50)
    chance = np.where(item < 40, np.where(item % 2 == crowd, 0.3, 0.03), 0.06)
    pleases = np.where(item < 40, 3.0, np.where(item % 2 == crowd, 4.5, 1.5))
    rows = np.nonzero(rng.random(chance.shape) < chance)
    value = pleases[rows] + rng.normal(0, 0.7, len(rows[0]))
    asked = np.repeat(np.arange(300), 10), np.tile(np.arange(40, 50), 300)
    off = {}
    for kind in (SVD, SVDpp):
        said = kind(factors=4, penalty=5.0).fit(*rows, value, 300, 50).predict(*asked)
        off[kind.name] = np.mean((said - pleases[asked]) ** 2)
    assert off["svdpp"] < 0.75 * off["svd"]


def test_users_and_items_without_ratings_have_no_factors():
    ratings, _ = made(20, 15)
    few = cut(ratings, (ratings.user != 3) & (ratings.item != 4))
    for kind in (SVD, SVDpp):
        model = kind(factors=2).fit(*few)
        assert not model.users_[[3, -1]].any()
        assert not model.items_[[4, -1]].any()


def test_large_ids_and_heavy_users_do_not_overflow():
    rng = np.random.default_rng(1)
    heavy = Ratings(np.zeros(500, int), np.arange(500), rng.normal(1e4, 10, 500), 1, 500)
    said = SVDpp(factors=2).fit(*heavy).predict(*heavy.asked)
    assert np.abs(said - heavy.value).mean() < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "`factors` is 0, but must be at least 1"),
        ({"iterations": 0}, "`iterations` is 0"),
        ({"penalty": 0.0}, "`penalty` is 0.0, but must be above 0"),
        ({"penalty_each": -0.1}, "`penalty_each` is -0.1, but must be 0 or more"),
        ({"penalty_implicit": 0.0}, "`penalty_implicit` is 0.0, but must be above 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SVDpp(**options)
