"""Batches of items with what they can be asked by, and which items are held out."""

import numpy as np
import pytest

from tfmm.data.batches.aligned import QueryColumns, aligned_batches, held_out, same_text
from tfmm.data.batches.pipeline import FeatureColumns

N = 40
ITEMS = FeatureColumns({"photo": np.arange(N, dtype=np.float32)[:, None]}, np.ones((N, 1), bool))
QUERIES = QueryColumns(
    {"title": [np.arange(N, dtype=np.int32)[:, None] * 10]},
    {"title": np.arange(N) != 3},
    np.arange(N, dtype=np.int32) // 2,
)


def passes(count, **options):
    batches = aligned_batches(np.arange(N), ITEMS, QUERIES, **{"batch_size": 16} | options)
    return [[b["items"].numpy().tolist() for b in batches] for _ in range(count)]


def test_texts_are_the_same_but_for_case_and_punctuation():
    texts = ["Red Shirt", "red-shirt!", "红色 连衣裙", "红色连衣裙", "", "", "red shirts"]
    found = same_text(texts)
    assert found[0] == found[1]
    assert len({*found[[0, 2, 3, 4, 5, 6]]}) == 6


def test_whole_groups_are_held_out():
    groups = np.arange(300) // 3
    valid, test = held_out(groups, 0.1, 0.2, seed=4)
    assert abs(len(valid) - 30) <= 3
    assert abs(len(test) - 60) <= 3
    assert not set(groups[valid]) & set(groups[test])
    for rows in (valid, test):
        assert not set(groups[rows]) & set(groups[np.setdiff1d(np.arange(300), rows)])
    again = held_out(groups, 0.1, 0.2, seed=4)
    np.testing.assert_array_equal(valid, again[0])
    none, some = held_out(groups, 0.0, 0.2)
    assert len(none) == 0
    assert len(some) >= 60


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="below 1 together"):
        held_out(np.arange(9), 0.5, 0.5)
    with pytest.raises(ValueError, match="leave none of 2 groups"):
        held_out(np.array([0, 0, 1]), 0.4, 0.4)


def test_a_batch_holds_each_items_own_query():
    (batch, *_) = aligned_batches(np.arange(N), ITEMS, QUERIES, batch_size=16)
    rows = batch["items"].numpy()
    assert len(set(rows.tolist())) == 16
    np.testing.assert_array_equal(batch["features"]["photo"][:, 0], rows)
    np.testing.assert_array_equal(batch["queries"]["title"][0][:, 0], rows * 10)
    np.testing.assert_array_equal(batch["asked"]["title"], rows != 3)
    np.testing.assert_array_equal(batch["groups"], rows // 2)


def test_a_resumed_training_sees_what_an_unbroken_one_would_have_seen():
    whole = passes(4, seed=5)
    assert whole[0] != whole[1]
    assert passes(2, seed=5, first_pass=2) == whole[2:]
    long = passes(2, seed=5, steps=5)
    assert [len(one) for one in long] == [5, 5]
    assert passes(1, seed=5, steps=5, first_pass=1) == long[1:]


def test_items_of_one_class_stand_together_in_blocks():
    classes = np.arange(N) % 5
    for batch in passes(1, classes=classes, block=4)[0]:
        together = np.array(classes)[batch].reshape(-1, 4)
        assert (together == together[:, :1]).all()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (np.arange(1), {}, "two items or more"),
        (np.arange(9), {"batch_size": 1}, "batch_size must be at least 2"),
        (np.arange(9), {"block": 4}, "needs the items' `classes`"),
    ],
)
def test_what_cannot_be_batched_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        aligned_batches(rows, ITEMS, QUERIES, **options)
