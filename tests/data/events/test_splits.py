import datetime
import hashlib
import math
from types import SimpleNamespace

import numpy as np
import pytest

from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import SplitError
from tfmm.data.events.splits import split


def log(user, item, time=None, weight=None, **extra):
    return SimpleNamespace(
        user=np.array(user, np.int32),
        item=np.array(item, np.int32),
        time=None if time is None else np.array(time, np.int64),
        weight=np.ones(len(user), np.float32) if weight is None else np.array(weight, np.float32),
        extra={name: np.asarray(column) for name, column in extra.items()},
    )


@pytest.fixture
def events():
    rng = np.random.default_rng(3)
    user = np.repeat(np.arange(40), np.arange(1, 41))
    return log(user, rng.integers(0, 60, len(user)), rng.integers(0, 10**6, len(user)))


def as_set(pairs):
    return set(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))


def digest(made):
    parts = (made.train, made.valid, made.test, made.cold_valid_pairs, made.cold_test_pairs)
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.user.astype("<i4").tobytes() + part.item.astype("<i4").tobytes())
    return hashed.hexdigest()[:16]


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.2), (0.07, 0.5), (0.0, 0.3)])
def test_by_user_holds_out_exact_ceilings(valid, test):
    n = np.array([1, 2, 3, 5, 10, 30, 100])
    user = np.repeat(np.arange(len(n)), n)
    item = np.concatenate([np.arange(count) for count in n])
    made = split(log(user, item), "user", valid=valid, test=test)
    per_hundred = [round(100 * share) for share in (valid, test)]
    to_test = [math.ceil(per_hundred[1] * count / 100) for count in n.tolist()]
    to_valid = [
        min(-(-per_hundred[0] * count // 100), count - out)
        for count, out in zip(n.tolist(), to_test, strict=True)
    ]
    assert made.test.user_counts().tolist() == to_test
    assert made.valid.user_counts().tolist() == to_valid
    assert (made.train.user_counts() + made.valid.user_counts() + to_test).tolist() == n.tolist()


def test_single_item_of_a_user_goes_to_the_test():
    made = split(log([0, 1, 1, 1, 1, 1], [0, 0, 1, 2, 3, 4]))
    assert made.test.user_counts().tolist() == [1, 1]
    assert made.valid.user_counts().tolist() == [0, 1]
    assert made.train.user_counts().tolist() == [0, 3]


@pytest.mark.parametrize("by", ["user", "leave_one_out", "time"])
def test_parts_are_disjoint_and_complete(events, by):
    made = split(events, by, cold_items=0.2)
    parts = [made.train, made.valid, made.test, made.cold_valid_pairs, made.cold_test_pairs]
    assert sum(map(len, parts)) == len(Pairs.from_events(events, 40, 60))
    assert len(set.union(*map(as_set, parts))) == sum(map(len, parts))
    assert as_set(made.final_train()) == as_set(made.train) | as_set(made.valid)


def test_split_is_the_same_on_every_machine():
    # A change of these values changes every reported number: the draws must not move.
    row = np.arange(600)
    events = log(row % 23, row * row * 7 % 41)
    assert digest(split(events, "user", seed=7, cold_items=0.1)) == "ae716908f246af5c"
    assert digest(split(events, "user", seed=8, cold_items=0.1)) == "c2622625ec5722fe"


def test_cold_items_leave_every_other_part(events):
    made = split(events, "user", cold_items=0.2)
    with_events = len(np.unique(events.item))
    cold = np.r_[made.cold_valid, made.cold_test]
    assert len(cold) == math.ceil(0.2 * with_events)
    assert len(made.cold_test) - len(made.cold_valid) in (0, 1)
    for part in (made.train, made.valid, made.test):
        assert not np.isin(part.item, cold).any()
    assert set(made.cold_test_pairs.item.tolist()) == set(made.cold_test.tolist())
    assert made.warm_items.sum() == 60 - len(cold)
    counts = made.train.user_counts() + made.valid.user_counts() + made.test.user_counts()
    assert (made.test.user_counts() == -(-counts // 5)).all()


def test_leave_one_out_takes_the_last_by_time_then_by_file_order():
    events = log([0] * 4 + [1] * 2 + [2], [0, 1, 2, 3, 0, 1, 5], [4, 9, 9, 1, 2, 1, 7])
    made = split(events, "leave_one_out")
    assert as_set(made.test) == {(0, 2), (1, 0)}
    assert as_set(made.valid) == {(0, 1)}
    assert as_set(made.train) == {(0, 3), (0, 0), (1, 1), (2, 5)}
    assert made.ordered
    assert made.refit


def test_time_split_cuts_everyone_at_once(events):
    made = split(events, "time", valid=0.1, test=0.2)
    assert made.train.time.max() < made.valid.time.min()
    assert made.valid.time.max() < made.test.time.min()
    total = len(made.train) + len(made.valid) + len(made.test)
    assert len(made.test) == pytest.approx(0.2 * total, abs=2)
    assert made.ordered


def test_time_split_keeps_one_instant_together():
    made = split(
        log([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 2, 2, 3]), "time", valid=0.2, test=0.2
    )
    assert as_set(made.train) == {(0, 0)}
    assert as_set(made.valid) == {(1, 1), (2, 2), (3, 3)}


def test_time_split_at_given_instants():
    day = 86_400_000_000
    events = log([0] * 4, [0, 1, 2, 3], [0, day - 1, day, 2 * day])
    for valid, test in [
        ("1970-01-02", "1970-01-02T19:00:00-05:00"),
        (datetime.date(1970, 1, 2), datetime.datetime(1970, 1, 3)),
    ]:
        made = split(events, "time", valid=valid, test=test)
        assert [len(part) for part in (made.train, made.valid, made.test)] == [2, 1, 1]


def test_training_weights_do_not_know_events_after_the_cut():
    events = log([0, 0, 0, 1], [0, 1, 0, 1], [1, 2, 50, 40], weight=[1, 1, 10, 1])
    made = split(events, "time", valid=0.0, test=0.25)
    assert as_set(made.train) == {(0, 0), (0, 1)}
    assert made.train.weight.tolist() == [1, 1]


def test_column_split_compares_values_as_strings():
    for column in ([0, 0, 1, 2, 9], [0.0, 0.0, 1.0, 2.0, 9.0], ["0", "0", "1", "2", "9"]):
        events = log([0, 1, 0, 0, 1], [0, 1, 1, 2, 2], x_label=column)
        made = split(events, "column", column="x_label", train=0, valid=1, test="2")
        assert as_set(made.train) == {(0, 0), (1, 1)}
        assert as_set(made.valid) == {(0, 1)}
        assert as_set(made.test) == {(0, 2)}
        assert not made.refit
        assert made.final_train() is made.train


def test_column_split_drops_held_out_pairs_that_training_has():
    events = log([0, 0, 0], [0, 0, 1], part=["train", "test", "test"])
    made = split(events, "column", column="part", train="train", test="test")
    assert as_set(made.test) == {(0, 1)}
    assert len(made.valid) == 0


def test_column_split_can_hold_out_cold_items(events):
    events.extra["part"] = np.arange(len(events.user)) % 3
    made = split(events, "column", column="part", train=0, valid=1, test=2, cold_items=0.3)
    cold = np.r_[made.cold_valid, made.cold_test]
    assert len(cold)
    assert not np.isin(made.train.item, cold).any()
    assert not np.isin(made.test.item, cold).any()


def test_shop_data_gives_its_sizes(events):
    shop = SimpleNamespace(events=events, users=range(50), items=range(70))
    made = split(shop)
    assert (made.n_users, made.n_items) == (50, 70)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "users"}, "by one of user, leave_one_out, time, column. Did you mean 'user'"),
        ({"valid": 1.5}, "`valid` is 1.5, but it must be a fraction"),
        ({"valid": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"by": "user", "test": "0.2"}, "`test` is '0.2', but it must be a fraction"),
        ({"cold_items": 1}, "`cold_items` is 1, but it must be a fraction"),
        ({"seed": -1}, "`seed` is -1"),
        ({"column": "x_label"}, "takes no `column`.*by: column"),
        ({"by": "leave_one_out", "test": 0.2}, "takes no `test`"),
        ({"by": "time", "valid": "2020-01-02", "test": 0.2}, "either two fractions or two ISO"),
        ({"by": "time", "valid": "soon", "test": "2020-01-02"}, "'soon', which is no ISO time"),
        ({"by": "time", "valid": "2020-01-02", "test": "2020-01-01"}, "must not be later"),
        ({"by": "time", "valid": "1960-01-01", "test": "1961-01-01"}, "nothing to train on"),
        ({"by": "column", "column": "part"}, "needs `column`, `train` and `test`"),
        ({"by": "column", "column": "prat", "train": 0, "test": 1}, "no column 'prat'.*'part'"),
        (
            {"by": "column", "column": "part", "train": 7, "test": 1},
            "no such value; it has 0, 1, 2",
        ),
    ],
)
def test_bad_arguments_say_what_to_do(events, arguments, message):
    events.extra["part"] = np.arange(len(events.user)) % 3
    with pytest.raises(SplitError, match=f"(?s){message}"):
        split(events, **arguments)


@pytest.mark.parametrize("by", ["leave_one_out", "time"])
def test_splits_in_time_need_times(by):
    with pytest.raises(SplitError, match=r"needs the time of each event.*by: user"):
        split(log([0, 0], [0, 1]), by)


def repeated_log():
    user, item, day = np.array(
        [(0, 0, 1), (0, 1, 2), (1, 0, 3), (0, 0, 5), (1, 2, 6), (0, 1, 8), (1, 0, 9), (1, 1, 9)]
    ).T
    return SimpleNamespace(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        time=day.astype(np.int64) * 86_400_000_000,
        weight=np.ones(len(user), np.float32),
        extra={},
    )


def test_repeats_are_held_out_again_where_they_are_asked_for():
    cut = {"by": "time", "valid": "1970-01-05", "test": "1970-01-08"}
    once = split(repeated_log(), **cut)
    assert [
        list(zip(p.user, p.item, strict=True)) for p in (once.train, once.valid, once.test)
    ] == [
        [(0, 0), (0, 1), (1, 0)],
        [(1, 2)],
        [(1, 1)],
    ]
    again = split(repeated_log(), **cut, repeats=True)
    assert again.repeats
    assert list(zip(again.valid.user, again.valid.item, strict=True)) == [(0, 0), (1, 2)]
    assert list(zip(again.test.user, again.test.item, strict=True)) == [(0, 1), (1, 0), (1, 1)]
    final = again.final_train()
    assert final.csr().toarray().tolist() == [[2, 1, 0], [1, 0, 1]]
    assert len(final.log.user) == 5


def test_a_part_knows_no_weight_of_later_events():
    made = split(repeated_log(), by="time", valid="1970-01-05", test="1970-01-08")
    assert made.train.weight.tolist() == [1, 1, 1]
    assert made.final_train().log.time.max() < made.test.log.time.min()


def test_events_with_times_are_split_by_time_unless_told_otherwise(events):
    assert split(repeated_log()).by == "time"
    untimed = repeated_log()
    untimed.time = None
    assert split(untimed).by == "user"


def test_repeats_need_a_split_that_can_hold_them():
    with pytest.raises(SplitError, match=r"`repeats` is True.*by: time"):
        split(repeated_log(), by="user", repeats=True)


def test_what_comes_after_until_has_not_happened_yet():
    cut = {"by": "time", "valid": "1970-01-04", "test": "1970-01-06"}
    whole, early = repeated_log(), split(repeated_log(), **cut, until="1970-01-09")
    assert early.train.weight.tolist() == [1, 1]
    assert len(early.test) == 1  # user 1 on item 2; the rest are repeats or later
    kept = whole.time < 8 * 86_400_000_000
    shorter = SimpleNamespace(
        **{name: getattr(whole, name)[kept] for name in ("user", "item", "time", "weight")}
    )
    again = split(shorter, **cut)
    for one, other in ((early.train, again.train), (early.valid, again.valid)):
        np.testing.assert_array_equal(one.numbers(), other.numbers())
        np.testing.assert_array_equal(one.place, other.place)
    halves = split(repeated_log(), by="time", valid=0.3, test=0.3, until="1970-01-09")
    assert sum(halves.counts()[part] for part in ("train", "valid", "test")) == 4


def test_until_is_for_splits_by_time():
    with pytest.raises(SplitError, match="takes no `until`"):
        split(repeated_log(), by="user", until="1970-01-09")
    with pytest.raises(SplitError, match="`until` is 'soon', which is no ISO time"):
        split(repeated_log(), by="time", until="soon")
