"""Batches of whole histories: each pair a target once, told from what came before it alone."""

import numpy as np
import pytest

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.batches.sequences import sequence_batches
from tfmm.data.events.pairs import Pairs

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    rng = np.random.default_rng(0)

    class Log:
        user = rng.integers(0, USERS, 700).astype(np.int32)
        item = rng.integers(0, ITEMS, 700).astype(np.int32)
        time = rng.integers(0, 9, 700)
        weight = rng.integers(1, 4, 700).astype(np.float32)

    return Pairs.from_events(Log, USERS, ITEMS)


@pytest.fixture(scope="module")
def columns() -> FeatureColumns:
    rows = np.arange(ITEMS, dtype=np.int32)
    budgets = {"heavy": 8}
    return FeatureColumns({"row": rows, "heavy": rows}, np.ones((ITEMS, 2), bool), budgets)


def examples(batches):
    """(user, target item, items before it) of every example, in order."""
    for batch in batches:
        items, history = batch["items"].numpy(), batch["history"].numpy()
        rows = zip(batch["read"].numpy(), batch["target"].numpy(), strict=True)
        for (whose, count), target in rows:
            before = history[whose, :count]
            assert (before >= 0).all()
            yield int(batch["user"][whose]), int(items[target]), items[before].tolist()


@pytest.mark.parametrize(("size", "batch_size"), [(50, 128), (4, 64), (50, 3), (1, 5), (50, 5000)])
def test_every_pair_is_told_once_from_the_items_before_it(pairs, columns, size, batch_size):
    met = []
    options = {"history_size": size, "batch_size": batch_size, "negatives": 5}
    for user, target, before in examples(sequence_batches(pairs, columns, **options)):
        own = pairs.item[slice(*pairs.offsets[user : user + 2])].tolist()
        place = own.index(target)
        assert before == own[place - len(before) : place]
        assert before or place == 0
        assert len(before) <= size
        met.append((user, target))
    assert sorted(met) == sorted(zip(pairs.user.tolist(), pairs.item.tolist(), strict=True))


def test_a_long_enough_stretch_reads_the_whole_history(pairs, columns):
    for user, target, before in examples(sequence_batches(pairs, columns, batch_size=64)):
        own = pairs.item[slice(*pairs.offsets[user : user + 2])].tolist()
        assert len(before) == own.index(target)


def test_batches_are_about_as_large_as_asked_for_and_little_is_padding(pairs, columns):
    batches = list(sequence_batches(pairs, columns, batch_size=64))
    sizes = [len(batch["target"]) for batch in batches]
    assert len(sizes) == pytest.approx(len(pairs) / 64, abs=1)
    assert max(sizes) < 2 * 64
    padding = np.mean([(batch["history"].numpy() < 0).mean() for batch in batches])
    assert padding < 0.2


def test_order_is_a_function_of_seed_and_epoch(pairs, columns):
    def epochs(first, count, **options):
        batches = sequence_batches(pairs, columns, batch_size=64, first_epoch=first, **options)
        return [list(examples(batches)) for _ in range(count)]

    whole = epochs(0, 3)
    assert whole[0] != whole[1]
    assert epochs(1, 2) == whole[1:]
    assert epochs(0, 1, seed=2)[0] != whole[0]


def test_a_batch_names_each_item_once_and_weighs_and_corrects_its_targets(pairs, columns):
    (batch,) = sequence_batches(pairs, columns, batch_size=5000, negatives=7)
    items = batch["items"].numpy()
    assert len(set(items)) == len(items)
    np.testing.assert_array_equal(batch["features"]["row"], items)
    at = batch["encode"]["heavy"]["at"].numpy()
    np.testing.assert_array_equal(batch["encode"]["heavy"]["inputs"], items[at])
    target = items[batch["target"].numpy()]
    user = batch["user"].numpy()[batch["read"].numpy()[:, 0]]
    weight = dict(zip(pairs.numbers().tolist(), pairs.weight, strict=True))
    expected = np.array([weight[u * ITEMS + i] for u, i in zip(user, target, strict=True)])
    np.testing.assert_allclose(batch["weight"], expected / pairs.weight.mean(), rtol=1e-5)
    drawn = 5000 * np.bincount(pairs.item, minlength=ITEMS) / len(pairs) + 7 / ITEMS
    candidates = np.concatenate([target, items[batch["negatives"].numpy()]])
    np.testing.assert_allclose(batch["probability"], (drawn / drawn.max())[candidates], rtol=1e-5)


def test_nothing_to_learn_from_is_refused(columns):
    with pytest.raises(ValueError, match="no training pairs"):
        sequence_batches(Pairs.empty(USERS, ITEMS), columns)
