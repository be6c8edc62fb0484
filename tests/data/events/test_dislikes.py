"""Negative events: never a positive, kept as what they are."""

import numpy as np
import pytest

from tfmm.data import ShopFileError
from tfmm.data.events.dislikes import disliked_pairs
from tfmm.data.events.pairs import Pairs
from tfmm.tasks.retrieval.left_out import left_out


@pytest.fixture
def scored(shop):
    shop.write(
        "events.csv",
        "user,item,score,n\nu1,001,1,1\nu1,002,-1,1\nu2,001,-0.5,1\nu2,002,2,1\nu3,001,0,1\n",
    )
    del shop.mapping["events"]["time"]
    shop.mapping["events"]["rating"] = "score"
    return shop


def test_dislikes_are_kept_and_never_positive(scored):
    data = scored.load()
    assert data.report.findings == []
    assert data.examples.rating.tolist() == [1, -1, -0.5, 2, 0]
    assert data.events.weight.tolist() == [1, 2]
    assert data.report.counts["events_dropped"] == {"disliked": 3}
    (note,) = data.report.notes
    assert (note.column, note.count) == ("score", 3)
    assert note.examples == ("row 2: '-1'", "row 3: '-0.5'", "row 5: '0'")
    user, item = disliked_pairs(data.examples)
    assert (user.tolist(), item.tolist()) == ([0, 1], [1, 0])  # 0 is no dislike


@pytest.fixture
def returned(shop):
    shop.write(
        "events.csv",
        "user,item,n\nu1,001,2\nu1,001,-2\nu1,002,3\nu1,002,-1\nu2,001,-1\nu2,002,\nu2,002,-1\nu3,001,1\n",
    )
    del shop.mapping["events"]["time"]
    shop.mapping["events"]["quantity"] = "n"
    return shop


def test_returns_undo_what_was_bought(returned):
    data = returned.load()
    assert data.examples.counts.tolist() == [False, False, True, False, False, False, False, True]
    assert data.report.counts["events_dropped"] == {"returned": 6}
    said = {note.said: note.count for note in data.report.notes}
    assert said == {
        "returns are kept as negative events": 4,
        "purchases are undone by a return": 2,
    }
    pairs = Pairs.from_events(data.events, 3, 2)
    assert list(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True)) == [(0, 1), (2, 0)]


@pytest.mark.parametrize("seen", [True, False])
def test_dislikes_are_left_out_of_answers_where_the_shop_says_so(scored, seen):
    data = scored.load()
    pairs = Pairs.from_events(data.events, len(data.users), len(data.items))
    own = np.array([[1, 0], [0, 1], [0, 0]]) * seen
    assert ((left_out(data, pairs, seen=seen).toarray() != 0) == own).all()
    scored.mapping["events"]["disliked"] = "exclude"
    data = scored.load()
    whole = left_out(data, pairs, seen=seen)
    assert ((whole.toarray() != 0) == own + np.array([[0, 1], [1, 0], [0, 0]])).all()
    assert data.shop.to_dict()["events"]["disliked"] == "exclude"


def test_disliked_needs_something_that_tells_it(shop):
    shop.mapping["events"]["disliked"] = "exclude"
    with pytest.raises(ShopFileError, match="`disliked` has no meaning without `rating` or"):
        shop.load()
