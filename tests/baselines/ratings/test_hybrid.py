"""Content, and its weighted sum with factors."""

import numpy as np
import pytest

from tests.baselines.ratings.conftest import cut, made
from tfmm.baselines.ratings import ContentRatings, Hybrid, SVDpp
from tfmm.baselines.ratings.biases import offsets


@pytest.mark.parametrize("width", [3, 40], ids=["fewer features than ratings", "more"])
def test_a_users_liking_is_the_ridge_regression_on_vectors(width):
    ratings, _ = made(12, 30)
    x = np.random.default_rng(1).normal(size=(30, width)).astype(np.float32)
    model = ContentRatings(item_vectors=x, penalty=4.0).fit(*ratings)
    start = offsets(ratings, 5.0, 3.0)
    left = ratings.value - start.mean - start.user[ratings.user]
    penalty = 4.0 * np.eye(width)
    all_x = x[ratings.item]
    everybody = np.linalg.solve(all_x.T @ all_x + penalty, all_x.T @ left)
    np.testing.assert_allclose(model.liked_[-1], everybody, atol=1e-3)
    rows = ratings.user == 5
    own = np.linalg.solve(
        all_x[rows].T @ all_x[rows] + penalty, all_x[rows].T @ (left - all_x @ everybody)[rows]
    )
    np.testing.assert_allclose(model.liked_[5], everybody + own, atol=1e-3)


def test_an_item_that_nobody_rated_is_rated_by_its_content(parts):
    train, valid, vectors = parts
    cold = np.arange(8)
    warm = cut(train, ~np.isin(train.item, cold))
    asked = cut(valid, np.isin(valid.item, cold))
    content = ContentRatings(item_vectors=vectors).fit(*warm)
    hybrid = Hybrid(item_vectors=vectors, weight=1.0).fit(*warm)
    said = content.predict(*asked.asked)
    np.testing.assert_array_equal(hybrid.predict(*asked.asked), said)
    factors = SVDpp().fit(*warm).predict(*asked.asked)
    assert np.mean((said - asked.value) ** 2) < 0.7 * np.mean((factors - asked.value) ** 2)


def test_the_sum_is_of_both_by_the_weight(parts):
    train, valid, vectors = parts
    both = [
        SVDpp(factors=3).fit(*train).predict(*valid.asked),
        ContentRatings(item_vectors=vectors, penalty=2.0).fit(*train).predict(*valid.asked),
    ]
    hybrid = Hybrid(
        item_vectors=vectors, weight=0.3, collaborative={"factors": 3}, content={"penalty": 2.0}
    )
    said = hybrid.fit(*train).predict(*valid.asked)
    np.testing.assert_allclose(said, 0.3 * both[0] + 0.7 * both[1], atol=1e-5)


@pytest.mark.parametrize("told", [True, False], ids=["vectors that tell", "vectors of chance"])
def test_the_weight_is_chosen_on_validation(parts, told):
    train, valid, vectors = parts
    if not told:
        vectors = np.random.default_rng(1).normal(size=(60, 30))
    factors = {"factors": 3, "penalty": 100.0 if told else 1.0}
    config = {"item_vectors": vectors, "collaborative": factors}

    def lost(said, true):
        return float(np.mean((said - true) ** 2))

    chosen = Hybrid.tune(train, valid, lost, **config).params
    assert chosen["content"]["penalty"] in ContentRatings.grid["penalty"]
    by_weight = {
        weight: lost(
            Hybrid(**{**config, **chosen, "weight": weight}).fit(*train).predict(*valid.asked),
            valid.value,
        )
        for weight in (0.0, 0.5, 1.0, chosen["weight"])
    }
    assert by_weight[chosen["weight"]] == min(by_weight.values())
    assert (chosen["weight"] > 0.9) != told


def test_vectors_that_are_not_one_an_item_and_weights_out_of_range_are_refused(parts):
    for kind in (ContentRatings, Hybrid):
        with pytest.raises(ValueError, match="`item_vectors` of the 60 items, but there are none"):
            kind().fit(*parts[0])
        with pytest.raises(ValueError, match="of the 60 items, but there are 3"):
            kind(item_vectors=np.ones((3, 2))).fit(*parts[0])
    with pytest.raises(ValueError, match=r"`weight` is 1\.5, but must be from 0 to 1"):
        Hybrid(weight=1.5)
