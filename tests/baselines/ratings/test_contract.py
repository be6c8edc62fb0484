"""What every model of ratings does, whatever it is."""

import numpy as np
import pytest

from tests.baselines.ratings.conftest import cut, made
from tfmm.baselines import NotFittedError
from tfmm.baselines.base import Tuned
from tfmm.baselines.ratings import RATINGS, Ratings

#: By name the RMSE on validation that it must be below, where that of the noise is .3.
FLOORS = {
    "mean": 1.2,
    "biases": 1.1,
    "user_knn": 0.45,
    "item_knn": 0.45,
    "svd": 0.4,
    "svdpp": 0.4,
    "content": 0.6,
    "hybrid": 0.45,
}


def rmse(said, true):
    return float(np.sqrt(np.mean((said - true) ** 2)))


@pytest.fixture(params=RATINGS)
def name(request):
    return request.param


@pytest.fixture
def config(name, parts):
    own = {"svd": {"factors": 4}, "svdpp": {"factors": 4}}
    own["hybrid"] = {"collaborative": {"factors": 4, "penalty": 1.0}}
    needed = {"item_vectors": parts[2]} if RATINGS[name].needs else {}
    return {**needed, **own.get(name, {})}


def test_it_learns(name, config, parts):
    train, valid, _ = parts
    light = {"penalty": 1.0} if "penalty" in RATINGS[name].grid else {}
    model = RATINGS[name](**light, **config).fit(*train)
    said = model.predict(*valid.asked)
    assert said.dtype == np.float32
    assert rmse(said, valid.value) < FLOORS[name]


def test_the_same_again(name, config, parts):
    train, valid, _ = parts
    model = RATINGS[name](**config)
    again = type(model)(**model.config())
    np.testing.assert_array_equal(
        model.fit(*train).predict(*valid.asked), again.fit(*train).predict(*valid.asked)
    )


def test_unknown_users_and_items_are_answered(name, config, parts):
    """User 80 and item 60 are there, but nobody rated; -1 is not there at all."""
    train, _, vectors = parts
    if "item_vectors" in config:
        config = {**config, "item_vectors": np.r_[vectors, [[0, 0]]]}
    model = RATINGS[name](**config).fit(*train[:3], 81, 61)
    asked = np.array([80, -1, 80, -1, 3, 3]), np.array([60, -1, 4, 4, 60, -1])
    said = model.predict(*asked)
    assert np.isfinite(said).all()
    # Nothing is known of either: the mean; else what is known of the other.
    np.testing.assert_allclose(said[:2], train.value.mean(), atol=0.02)
    assert said[2] == pytest.approx(said[3])
    assert said[4] == pytest.approx(said[5])
    if name != "mean":
        assert abs(said[2] - said[0]) > 0.01
        assert abs(said[4] - said[0]) > 0.01


def test_it_stays_between_the_ratings_seen(name, config, parts):
    train, _, _ = parts
    high = cut(train, train.value > 3)
    said = RATINGS[name](**config).fit(*high).predict(*train.asked)
    assert said.min() >= high.value.min()
    assert said.max() <= high.value.max()


def test_a_pair_rated_twice_counts_once_with_the_mean(name, config, parts):
    train, valid, _ = parts
    split = Ratings(
        np.r_[train.user, train.user[:9]],
        np.r_[train.item, train.item[:9]],
        np.r_[train.value[:9] + 0.25, train.value[9:], train.value[:9] - 0.25],
        *train[3:],
    )
    model = RATINGS[name]
    once = model(**config).fit(*train).predict(*valid.asked)
    twice = model(**config).fit(*split).predict(*valid.asked)
    np.testing.assert_allclose(once, twice, atol=2e-3)


def test_a_single_rating_is_enough(name, config):
    if "item_vectors" in config:
        config = {**config, "item_vectors": np.ones((2, 3))}
    model = RATINGS[name](**config).fit(np.array([1]), np.array([0]), np.array([4.0]), 2, 2)
    np.testing.assert_array_equal(model.predict(np.array([0, 1, -1]), np.array([0, 1, 1])), 4)
    assert model.predict(np.zeros(0, int), np.zeros(0, int)).shape == (0,)


@pytest.mark.parametrize(
    ("user", "item", "value", "message"),
    [
        ([], [], [], "of one length, at least 1, but are of 0, 0 and 0"),
        ([0], [0, 1], [1.0], "of 1, 2 and 1"),
        ([2], [0], [1.0], "`user` must hold rows from 0 to 1, but goes from 2 to 2"),
        ([0], [-1], [1.0], "`item` must hold rows from 0 to 1, but goes from -1 to -1"),
        ([0, 1], [0, 1], [1.0, np.nan], "1 of its 2 ratings are not. Leave examples"),
    ],
)
def test_what_is_no_rating_is_refused(name, config, user, item, value, message):
    with pytest.raises(ValueError, match=message):
        RATINGS[name](**config).fit(np.array(user), np.array(item), np.array(value), 2, 2)


def test_what_was_not_trained_on_is_refused(name, config, parts):
    model = RATINGS[name](**config)
    with pytest.raises(NotFittedError, match="call `fit` first"):
        model.predict(np.zeros(1, int), np.zeros(1, int))
    model.fit(*parts[0])
    with pytest.raises(ValueError, match="`item` must hold rows from -1 to 59"):
        model.predict(np.zeros(1, int), np.full(1, 60))
    with pytest.raises(ValueError, match="must be of one length, but are of 2 and 1"):
        model.predict(np.zeros(2, int), np.zeros(1, int))


def test_tuning_takes_what_loses_least_on_validation(name, config, parts, monkeypatch):
    train, valid, _ = parts
    model = RATINGS[name]
    if name in ("mean", "hybrid"):
        return
    small = {key: tuple(values)[::2] for key, values in model.grid.items()}
    monkeypatch.setattr(model, "grid", small)
    fixed = {key: value for key, value in config.items() if key not in small}
    chosen = model.tune(train, valid, rmse, **fixed)
    lost = {}
    for params in model.combinations(fixed):
        said = model(**fixed, **params).fit(*train).predict(*valid.asked)
        lost[tuple(params.values())] = rmse(said, valid.value)
    best = lost[tuple(chosen.params.values())]
    assert best == pytest.approx(min(lost.values()), abs=1e-6)
    assert max(lost.values()) > best
    assert chosen.untried == 0


def test_tuning_ends_when_time_does(name, config, parts):
    train, valid, _ = parts
    nothing = cut(valid, slice(0))
    assert RATINGS[name].tune(train, nothing, rmse, **config) == Tuned({}, 0)
    found = RATINGS[name].tune(train, valid, rmse, deadline=0.0, **config)
    assert (found.untried > 0) == (name != "mean")
    assert set(found.params) <= {"weight", "content"}


def test_taste_is_learned_whatever_the_order_and_type_of_rows(name, config, parts):
    train, valid, _ = parts
    order = np.random.default_rng(4).permutation(len(train.value))
    turned = cut(train, order)
    turned = Ratings(turned.user.astype(np.int32), turned.item.astype(np.uint16), *turned[2:])
    np.testing.assert_allclose(
        RATINGS[name](**config).fit(*train).predict(*valid.asked),
        RATINGS[name](**config).fit(*turned).predict(*valid.asked),
        atol=1e-4,
    )


def test_parts_join():
    whole, _ = made(9, 7)
    joined = cut(whole, slice(0, 5)).joined(cut(whole, slice(5, None)))
    np.testing.assert_array_equal(joined.value, whole.value)
    assert joined[3:] == (9, 7)
