from types import SimpleNamespace

import numpy as np
import pytest

from tfmm.data.events.pairs import Pairs, stable_order


def log(user, item, time=None, weight=None):
    return SimpleNamespace(
        user=np.array(user, np.int32),
        item=np.array(item, np.int32),
        time=None if time is None else np.array(time, np.int64),
        weight=np.ones(len(user), np.float32) if weight is None else np.array(weight, np.float32),
    )


def test_repeated_pair_counts_once_with_its_weights_summed():
    pairs = Pairs.from_events(log([0, 0, 1, 0], [2, 1, 2, 2], weight=[1, 2, 4, 8]), 2, 3)
    assert pairs.user.tolist() == [0, 0, 1]
    assert pairs.item.tolist() == [2, 1, 2]
    assert pairs.weight.tolist() == [9, 2, 4]
    assert pairs.place.tolist() == [0, 1, 2]
    assert pairs.user.dtype == pairs.item.dtype == np.int32


def test_earliest_event_gives_the_pair_its_time_whatever_the_file_order():
    pairs = Pairs.from_events(log([0, 0, 0], [1, 0, 1], time=[30, 20, 10]), 1, 2)
    assert pairs.item.tolist() == [1, 0]
    assert pairs.time.tolist() == [10, 20]
    assert pairs.place.tolist() == [2, 1]


def test_ties_in_time_go_by_file_order():
    pairs = Pairs.from_events(log([1, 0, 0, 0], [0, 3, 1, 2], time=[9, 5, 5, 1]), 2, 4)
    assert pairs.item.tolist() == [2, 3, 1, 0]


def test_matches_a_naive_reference_on_random_events():
    rng = np.random.default_rng(0)
    user, item, time = (rng.integers(0, high, 400) for high in (7, 9, 30))
    weight = rng.integers(1, 5, 400)
    pairs = Pairs.from_events(log(user, item, time, weight), 8, 9)
    first, summed = {}, {}
    for row in np.argsort(time, kind="stable"):
        key = (user[row], item[row])
        first.setdefault(key, (user[row], time[row], row))
        summed[key] = summed.get(key, 0) + weight[row]
    expected = sorted(first, key=first.__getitem__)
    assert list(zip(pairs.user, pairs.item, strict=True)) == expected
    assert pairs.weight.tolist() == [summed[key] for key in expected]
    assert pairs.place.tolist() == [first[key][2] for key in expected]


def test_offsets_cover_users_without_pairs():
    pairs = Pairs.from_events(log([1, 1, 3], [0, 1, 0]), 5, 2)
    assert pairs.offsets.tolist() == [0, 0, 2, 2, 3, 3]
    assert pairs.user_counts().tolist() == [0, 2, 0, 1, 0]
    assert pairs.item_counts().tolist() == [2, 1]


def test_csr_holds_weights_with_sorted_columns():
    pairs = Pairs.from_events(log([0, 0], [2, 0], time=[1, 2], weight=[3, 4]), 2, 3)
    matrix = pairs.csr()
    assert matrix.dtype == np.float32
    assert matrix.indices.tolist() == [0, 2]
    assert matrix.toarray().tolist() == [[4, 0, 3], [0, 0, 0]]
    assert pairs.item.tolist() == [2, 0]


def test_concat_restores_what_subsets_divided():
    rng = np.random.default_rng(1)
    events = log(rng.integers(0, 20, 300), rng.integers(0, 30, 300), rng.integers(0, 50, 300))
    pairs = Pairs.from_events(events, 20, 30)
    mask = rng.random(len(pairs)) < 0.5
    again = Pairs.concat(pairs.subset(mask), pairs.subset(~mask))
    for name in ("user", "item", "time", "weight", "place"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pairs, name))


def test_concat_counts_a_shared_pair_once():
    a = Pairs.from_events(log([0, 1], [1, 1], weight=[1, 2]), 2, 3)
    b = Pairs.from_events(log([0, 0], [2, 1], weight=[4, 8]), 2, 3)
    both = Pairs.concat(a, b)
    assert sorted(zip(both.user, both.item, both.weight, strict=True)) == [
        (0, 1, 9),
        (0, 2, 4),
        (1, 1, 2),
    ]


def test_concat_of_other_sizes_is_refused():
    with pytest.raises(ValueError, match=r"of 2 x 3 and of 2 x 4"):
        Pairs.concat(Pairs.empty(2, 3), Pairs.empty(2, 4))


def test_unknown_rows_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"item rows must lie in \[0, 2\).*drop events of unknown"):
        Pairs.from_events(log([0, 0], [1, -1]), 1, 2)


def test_columns_of_unequal_length_are_refused():
    events = log([0, 1], [0, 1])
    events.weight = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="of one length"):
        Pairs.from_events(events, 2, 2)


def test_subset_refuses_a_mask_that_is_not_bool():
    pairs = Pairs.from_events(log([0, 1], [0, 1]), 2, 2)
    with pytest.raises(ValueError, match="bool array with one entry for each of the 2 pairs"):
        pairs.subset(np.array([0, 1]))


def test_no_events_make_no_pairs():
    pairs = Pairs.from_events(log([], []), 3, 2)
    assert len(pairs) == 0
    assert pairs.csr().shape == (3, 2)
    assert len(Pairs.concat(pairs, pairs)) == 0


def test_stable_order_is_the_stable_argsort():
    rows = np.random.default_rng(2).integers(0, 11, 500).astype(np.int32)
    np.testing.assert_array_equal(stable_order(rows, 12), np.argsort(rows, kind="stable"))
