"""Ratings by neighbours, against loops over them."""

import numpy as np
import pytest

from tests.baselines.ratings.conftest import made
from tfmm.baselines.ratings import Biases, ItemKNN, UserKNN, neighbours

ALL = np.repeat(np.arange(25), 18), np.tile(np.arange(18), 25)


def naive(ratings, user, item, *, of_users, k, shrink, similarity):
    """The same by loops, from the definitions."""
    offsets = Biases().fit(*ratings).offsets_
    left = np.full((25, 18), np.nan)
    left[ratings.user, ratings.item] = ratings.value - offsets.of(ratings.user, ratings.item)
    if of_users:
        left = left.T
    said = offsets.of(user, item)
    for at, (row, column) in enumerate(zip(user, item, strict=True)):
        own, by = (row, column) if of_users else (column, row)
        found = []
        for other in range(left.shape[1]):
            both = ~np.isnan(left[:, own]) & ~np.isnan(left[:, other])
            if other == own or np.isnan(left[by, other]) or not both.any():
                continue
            x, y, n = left[both, own], left[both, other], both.sum()
            if similarity == "pearson":
                similar = x @ y / np.sqrt((x @ x) * (y @ y)) * (n - 1) / (n - 1 + shrink)
            else:
                lengths = np.nansum(left[:, own] ** 2) * np.nansum(left[:, other] ** 2)
                similar = x @ y / np.sqrt(lengths) * n / (n + shrink)
            if similar > 1e-6:
                found.append((similar, left[by, other]))
        found = sorted(found, reverse=True)[:k]
        if found:
            said[at] += np.average([v for _, v in found], weights=[s for s, _ in found])
    return np.clip(said, ratings.value.min(), ratings.value.max())


@pytest.mark.parametrize("similarity", ["pearson", "cosine"])
@pytest.mark.parametrize("kind", [ItemKNN, UserKNN])
@pytest.mark.parametrize("cells", [1, 60, 4_000_000])
def test_it_is_what_the_definition_says_whatever_the_blocks(kind, similarity, cells, monkeypatch):
    monkeypatch.setattr(neighbours, "_CELLS", cells)
    ratings, _ = made(25, 18, share=0.4)
    options = {"k": 3, "shrink": 5.0, "similarity": similarity}
    said = kind(**options).fit(*ratings).predict(*ALL)
    wanted = naive(ratings, *ALL, of_users=kind.of_users, **options)
    np.testing.assert_allclose(said, wanted, atol=1e-4)


def test_a_rating_that_its_offsets_explain_wholly_is_a_rating_still():
    """All ratings are 3: nothing is left, and 3 is what is said."""
    user, item = np.nonzero(np.ones((4, 3)))
    for similarity in ("pearson", "cosine"):
        model = ItemKNN(similarity=similarity).fit(user, item, np.full(12, 3.0), 4, 3)
        np.testing.assert_array_equal(model.predict(user, item), 3)


def test_neighbours_are_found_once_for_all_k(parts, monkeypatch):
    train, valid, _ = parts
    calls = []
    monkeypatch.setattr(
        ItemKNN,
        "_neighbours",
        lambda self, *asked, own=ItemKNN._neighbours: calls.append(1) or own(self, *asked),
    )
    tried = list(ItemKNN.tries(train, valid, similarity="cosine"))
    assert len(tried) == 3 * len(ItemKNN.grid["k"])
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "`k` is 0"),
        ({"shrink": -1.0}, "`shrink` is -1.0"),
        ({"similarity": "jaccard"}, "`similarity` is 'jaccard'"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        UserKNN(**options)
