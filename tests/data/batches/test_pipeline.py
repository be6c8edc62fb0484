"""Training batches: no leak in histories, each item once, order by seed and epoch alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data.batches.pipeline import (
    FeatureColumns,
    row_batches,
    sampling_probability,
    training_batches,
)
from tfmm.data.events.pairs import Pairs

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    rng = np.random.default_rng(0)

    class Log:
        user = rng.integers(0, USERS, 700).astype(np.int32)
        item = rng.integers(0, ITEMS, 700).astype(np.int32)
        time = rng.integers(0, 9, 700)
        weight = np.ones(700, np.float32)

    return Pairs.from_events(Log, USERS, ITEMS)


@pytest.fixture(scope="module")
def columns(tmp_path_factory) -> FeatureColumns:
    pictures = np.random.default_rng(1).integers(0, 255, (ITEMS, 2, 2, 3)).astype(np.uint8)
    file = tmp_path_factory.mktemp("columns") / "pictures.npy"
    np.save(file, pictures)
    return FeatureColumns(
        {"row": np.arange(ITEMS, dtype=np.int32), "picture": np.load(file, mmap_mode="r")},
        np.ones((ITEMS, 2), bool),
        {"picture": 8},
    )


def examples(batches):
    """(user, target item, history items) of every example, in order."""
    for batch in batches:
        items = batch["items"].numpy()
        rows = zip(*(batch[k].numpy() for k in ("user", "target", "history")), strict=True)
        for user, target, history in rows:
            yield int(user), int(items[target]), [int(items[h]) for h in history if h >= 0]


def block(pairs: Pairs, user: int) -> tuple[list[int], list[int]]:
    part = slice(*pairs.offsets[user : user + 2])
    return pairs.item[part].tolist(), pairs.time[part].tolist()


def test_every_pair_is_met_once_an_epoch(pairs, columns):
    met = [(u, t) for u, t, _ in examples(training_batches(pairs, columns, batch_size=128))]
    assert sorted(met) == sorted(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))


def test_random_history_holds_other_items_of_the_user_and_never_the_target(pairs, columns):
    for user, target, history in examples(
        training_batches(pairs, columns, batch_size=128, history_size=5)
    ):
        items, _ = block(pairs, user)
        assert target not in history
        assert len(set(history)) == len(history) == min(5, len(items) - 1)
        assert set(history) <= set(items)
        assert history == sorted(history, key=items.index)


def test_random_history_draws_every_other_item(pairs, columns):
    batches = training_batches(pairs, columns, batch_size=128, history_size=3)
    drawn: dict[tuple[int, int], set[int]] = {}
    for _ in range(25):
        for user, target, history in examples(batches):
            drawn.setdefault((user, target), set()).update(history)
    complete = [set(block(pairs, u)[0]) - {t} == met for (u, t), met in drawn.items()]
    assert np.mean(complete) > 0.9


def test_ordered_history_is_strictly_earlier_and_latest_last(pairs, columns):
    batches = training_batches(pairs, columns, batch_size=128, history_size=4, ordered=True)
    for user, target, history in examples(batches):
        items, times = block(pairs, user)
        now = times[items.index(target)]
        assert history == [i for i, t in zip(items, times, strict=True) if t < now][-4:]


def test_without_histories_a_batch_holds_its_targets_alone(pairs, columns):
    for batch in training_batches(pairs, columns, batch_size=128, history_size=0):
        assert (batch["history"].numpy() == -1).all()
        assert len(batch["items"]) == len(set(batch["target"].numpy()))


def test_batches_name_each_item_once_and_encode_a_budget_of_them(pairs, columns):
    for batch in training_batches(pairs, columns, batch_size=256, negatives=6):
        items = batch["items"].numpy()
        assert len(set(items)) == len(items)
        np.testing.assert_array_equal(batch["features"]["row"], items)
        at = batch["encode"]["picture"]["at"].numpy()
        assert len(at) == min(8, len(items)) == len(set(at))
        inputs = batch["encode"]["picture"]["inputs"]
        np.testing.assert_array_equal(inputs, columns.columns["picture"][items[at]])
        assert batch["negatives"].shape == (6,)
        assert batch["probability"].shape == (len(batch["user"]) + 6,)


def test_order_depends_on_seed_and_epoch_alone(pairs, columns):
    def epochs(count, **options):
        batches = training_batches(pairs, columns, batch_size=128, **options)
        return [list(examples(batches)) for _ in range(count)]

    first, second = epochs(2, seed=3)
    assert first != second
    assert epochs(2, seed=3) == [first, second]
    assert epochs(1, seed=3, first_epoch=1) == [second]
    assert epochs(1, seed=4) != [first]


def test_balance_draws_rare_items_more_often_and_tells_the_probability(pairs, columns):
    chance, item = sampling_probability(pairs, balance=1.0)
    assert chance.sum() == pytest.approx(1.0)
    met = np.unique(pairs.item)
    np.testing.assert_allclose(item[met], 1 / len(met), rtol=1e-5)
    counts = np.zeros(ITEMS)
    batches = training_batches(pairs, columns, batch_size=512, balance=1.0)
    for _ in range(30):
        for _, target, _ in examples(batches):
            counts[target] += 1
    np.testing.assert_allclose(counts[met] / counts.sum(), 1 / len(met), rtol=0.35)


def test_groups_balance_classes(pairs):
    groups = (np.arange(ITEMS) < 4).astype(int)
    _, item = sampling_probability(pairs, balance=1.0, groups=groups)
    assert item[groups == 1].sum() == pytest.approx(0.5, abs=1e-6)


def test_weights_are_scaled_to_mean_one(pairs, columns):
    heavy = Pairs(pairs.user, pairs.item, pairs.time, pairs.weight * 10, USERS, ITEMS)
    weights = tf.concat([b["weight"] for b in training_batches(heavy, columns)], 0)
    assert float(tf.reduce_mean(weights)) == pytest.approx(1.0, rel=1e-5)


def test_refusals_name_the_argument(pairs, columns):
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        training_batches(pairs, columns, batch_size=0)
    with pytest.raises(ValueError, match="no training pairs"):
        training_batches(pairs.subset(np.zeros(len(pairs), bool)), columns)
    timeless = Pairs(pairs.user, pairs.item, None, pairs.weight, USERS, ITEMS)
    with pytest.raises(ValueError, match="name the `time` column"):
        training_batches(timeless, columns, ordered=True)
    with pytest.raises(ValueError, match=r"balance must lie in \[0, 1\], got 2"):
        training_batches(pairs, columns, balance=2)


def test_row_batches_cover_all_rows_in_order(columns):
    batches = list(row_batches(np.arange(ITEMS), columns, ["row"], 16))
    assert [len(b["items"]) for b in batches] == [16, 16, 8]
    np.testing.assert_array_equal(
        np.concatenate([b["features"]["row"] for b in batches]), np.arange(ITEMS)
    )
