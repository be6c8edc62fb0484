"""Baselines that know when: each against what is counted by hand."""

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm import baselines
from tfmm.baselines import (
    EASE,
    CategoryPopularity,
    ItemKNN,
    Markov,
    Popularity,
    RecentPopularity,
    Repeats,
    item_categories,
)
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, NumberColumn
from tfmm.data.events.pairs import DAY, Log, Pairs

# user, item, day: user 0 buys milk (1) again and again; item 3 is new and sells fast.
EVENTS = [
    (0, 1, 0), (0, 0, 2), (0, 1, 8), (1, 0, 1), (1, 2, 3), (2, 0, 2), (2, 3, 9), (3, 3, 10),
    (1, 3, 10),
]  # fmt: skip


@pytest.fixture
def pairs():
    user, item, day = np.array(EVENTS, np.int64).T
    weight = np.arange(1, len(user) + 1).astype("f")
    log = Log(user.astype(np.int32), item.astype(np.int32), day * DAY, weight)
    return Pairs.from_events(log, 5, 4)


def test_an_event_is_worth_half_for_every_half_life(pairs):
    expected = np.zeros((5, 4))
    for user, item, day in EVENTS:
        expected[user, item] += 0.5 ** ((10 - day) / 2)
    np.testing.assert_allclose(pairs.decayed(2.0).toarray(), expected, rtol=1e-6)
    weighed = np.zeros((5, 4))
    for number, (user, item, day) in enumerate(EVENTS):
        weighed[user, item] += (number + 1) * 0.5 ** ((10 - day) / 2)
    np.testing.assert_allclose(pairs.decayed(2.0, weighted=True).toarray(), weighed, rtol=1e-6)


def test_the_log_holds_every_event_of_the_pairs_in_order_of_time(pairs):
    assert len(pairs) == 8
    assert pairs.log.time.tolist() == sorted(day * DAY for *_, day in EVENTS)
    some = pairs.subset(pairs.item == 1)
    assert some.log.time.tolist() == [0, 8 * DAY]
    both = Pairs.concat(some, pairs.subset(pairs.item == 3))
    assert both.log.item.tolist() == [1, 1, 3, 3, 3]
    few = pairs.of_items(np.array([3, 1]))
    assert few.n_items == 2
    assert few.log.item.tolist() == [1, 1, 0, 0, 0]
    assert Pairs.empty(2, 3, timed=True).log.time.tolist() == []


def test_pairs_without_times_have_no_age():
    log = Log(np.zeros(1, np.int32), np.zeros(1, np.int32), None, np.ones(1, "f"))
    with pytest.raises(ValueError, match="events: time"):
        Pairs.from_events(log, 1, 1).decayed(7.0)


def test_a_half_life_is_above_0(pairs):
    with pytest.raises(ValueError, match="above 0 days, got 0"):
        pairs.decayed(0)


def test_recent_popularity_ranks_what_sells_now(pairs):
    nobody = sp.csr_matrix((1, 4), dtype=np.float32)
    assert np.argsort(-Popularity().fit(pairs).score(nobody)[0])[0] in (0, 3)
    recent = RecentPopularity(half_life=1.0).fit(pairs).score(nobody)[0]
    assert np.argsort(-recent).tolist() == [3, 1, 0, 2]
    np.testing.assert_allclose(recent[3], 2 + 0.5, rtol=1e-6)


def test_category_popularity_weighs_by_the_share_of_the_history(pairs):
    codes = np.array([0, 0, 1, -1], np.int32)
    fitted = CategoryPopularity(categories={"kind": codes}).fit(pairs)
    scores = fitted.score(pairs.csr())
    # User 1 has one item of each kind, and one of no kind.
    third = 1 / 3 + 1e-4
    np.testing.assert_allclose(scores[1], [3 * third, third, third, 3 * third], rtol=1e-5)
    assert scores[4].tolist() == pytest.approx([3e-4, 1e-4, 1e-4, 3e-4])


def test_categories_come_from_the_catalogue_and_must_fit(pairs):
    items = Catalog(
        np.array(list("abcd"), object),
        {
            "名": CategoryColumn(np.array([0, 1, -1, 0], np.int32), ("x", "y")),
            "n": NumberColumn(np.ones(4, "f")),
        },
    )
    found = item_categories(items)
    assert {name: codes.tolist() for name, codes in found.items()} == {"名": [0, 1, -1, 0]}
    with pytest.raises(ValueError, match="of the 4 items, but there are 2"):
        CategoryPopularity(categories={"a": np.zeros(2, np.int32)}).fit(pairs)
    with pytest.raises(ValueError, match="there are none"):
        CategoryPopularity(categories=found, feature="n").fit(pairs)


def test_repeats_rank_what_one_had_by_how_often_and_how_late(pairs):
    fitted = Repeats(half_life=4.0).fit(pairs)
    scores = fitted.score(fitted.read(pairs))
    assert np.argsort(-scores[0]).tolist() == [1, 0, 3, 2]
    np.testing.assert_allclose(scores[0, 1], 0.25**1.25 + 0.5**0.5, rtol=1e-4)
    assert scores[4].argmax() == 3  # a newcomer gets what is popular


def test_a_markov_chain_counts_what_came_next(pairs):
    fitted = Markov().fit(pairs)
    steps = fitted.next_.toarray()
    expected = np.zeros((4, 4))
    for before, after in ((1, 0), (0, 1), (0, 2), (2, 3), (0, 3)):
        expected[before, after] += 1
    np.testing.assert_array_equal(steps, expected)
    rows = fitted.read(pairs).toarray()
    assert rows.argmax(axis=1)[:4].tolist() == [1, 3, 3, 3]
    assert rows[4].sum() == 0
    late = Markov(half_life=1.0).fit(pairs).next_.toarray()
    np.testing.assert_allclose(late[1, 0], 0.5**8)
    with pytest.raises(ValueError, match="fit it on `Pairs`"):
        Markov().fit(pairs.csr())


@pytest.mark.parametrize(
    "make", [lambda h: EASE(lam=1.0, half_life=h), lambda h: ItemKNN(half_life=h)]
)
def test_neighbours_and_ease_learn_from_events_by_age(make, pairs):
    old = make(None).fit(pairs)
    late = make(1.0).fit(pairs)
    same = make(1.0).fit(pairs.decayed(1.0))
    rows = late.read(pairs)
    np.testing.assert_allclose(late.score(rows), same.score(rows))
    assert not np.allclose(late.score(rows), old.score(rows))
    assert baselines.find(late.name).decays
