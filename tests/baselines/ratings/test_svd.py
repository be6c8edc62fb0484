"""SVD and SVD++, against the objectives that they bring to their least."""

import numpy as np
import pytest

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
    """Moving any implicit factor, or any user's own, from what was found loses more."""
    monkeypatch.setattr(svd, "_STEPS", 300)
    ratings, _ = made(20, 15)
    kept = {}
    step = SVDpp._step

    def recorded(self, *given):
        step(self, *given)
        kept["y"], kept["rated"] = self._implicit.copy(), self._rated.copy()

    monkeypatch.setattr(SVDpp, "_step", recorded)
    asked = {}
    solved = SVDpp._solved

    def items_first(self, side, other):
        asked.setdefault("users", other)
        return solved(self, side, other)

    monkeypatch.setattr(SVDpp, "_solved", items_first)
    start = {}
    users = SVDpp._users
    monkeypatch.setattr(
        SVDpp,
        "_users",
        lambda self, side, q: start.setdefault("q", q) is None or users(self, side, q),
    )
    model = SVDpp(factors=2, penalty=1.0, penalty_each=0.1, penalty_implicit=2.0, iterations=1)
    model.fit(*ratings)
    q, p, y, rated = start["q"], asked["users"], kept["y"], kept["rated"]
    count = np.bincount(ratings.user, minlength=20)
    left = ratings.value - ratings.value.mean() - q[ratings.item, -1]

    def loss(y, own):
        whole = own[:, :2] + rated @ y
        said = own[ratings.user, -1] + (whole[ratings.user] * q[ratings.item, :2]).sum(axis=1)
        penalties = (1 + 0.1 * count) @ (own[:, :2] ** 2).sum(axis=1) + 4 * (own[:, -1] ** 2).sum()
        return ((left - said) ** 2).sum() + penalties + 2 * (y**2).sum()

    own = p.astype(np.float64)
    own[:, :2] -= rated @ y
    least = loss(y, own)
    assert np.abs(y).max() > 1e-3
    rng = np.random.default_rng(1)
    for _ in range(20):
        moved = rng.normal(size=y.shape), rng.normal(size=own.shape)
        for size in (0.01, -0.01):
            assert loss(y + size * moved[0], own) > least
            assert loss(y, own + size * moved[1]) > least
            assert loss(y + size * moved[0], own - size * rated_back(rated, moved[0])) > least


def rated_back(rated, moved):
    """What users' own factors would take back of a shift of the implicit ones."""
    return np.c_[rated @ moved, np.zeros(rated.shape[0])]


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
