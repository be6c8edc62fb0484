"""Batches of labelled items: their order, their balance, and going on in the middle."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.tasks.classification.batches import label_batches, rarer

ROWS = np.arange(10, 74)
HAS = np.eye(2, dtype=bool)[(np.arange(80) >= 70).astype(int)]
VALUES = np.arange(80, dtype=np.float32)[:, None]
ITEMS = FeatureColumns({"light": VALUES, "heavy": -VALUES}, np.ones((80, 2), bool), {"heavy": 80})


def epochs(count: int = 1, **options) -> list[list[dict]]:
    batches = label_batches(ROWS, ITEMS, HAS, batch_size=24, **options)
    return [list(batches.as_numpy_iterator()) for _ in range(count)]


def order(epoch: list[dict]) -> list[int]:
    return np.concatenate([batch["items"] for batch in epoch]).tolist()


def test_an_epoch_has_every_item_once_with_its_inputs_and_labels() -> None:
    (epoch,) = epochs()
    assert [len(batch["items"]) for batch in epoch] == [24, 24, 16]
    assert sorted(order(epoch)) == ROWS.tolist()
    for batch in epoch:
        np.testing.assert_array_equal(batch["features"]["light"][:, 0], batch["items"])
        np.testing.assert_array_equal(batch["encode"]["heavy"]["inputs"][:, 0], -batch["items"])
        np.testing.assert_array_equal(batch["labels"], HAS[batch["items"]])


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_the_order_is_the_epochs_own_and_a_resumed_training_meets_the_same(balance) -> None:
    first, second = epochs(2, balance=balance)
    assert order(first) != order(second)
    (resumed,) = epochs(1, balance=balance, first_epoch=1)
    assert order(resumed) == order(second)
    (other,) = epochs(1, balance=balance, seed=2)
    assert order(other) != order(first)


def test_balance_draws_labels_equally_often() -> None:
    drawn = np.concatenate([order(epoch) for epoch in epochs(40, balance=1.0)])
    assert (drawn >= 70).mean() == pytest.approx(0.5, abs=0.05)
    plain = np.concatenate([order(epoch) for epoch in epochs(2)])
    assert (plain >= 70).mean() == 4 / 64


def test_what_is_seldomer_where_labels_are_told_is_hidden_as_often() -> None:
    present = np.ones((80, 3), bool)
    present[40:60, 1], present[:, 2] = False, False
    shares = rarer(present, np.arange(40), np.arange(40, 80))
    np.testing.assert_allclose(shares, [0.0, 0.5, 0.9])
    assert not rarer(present, np.arange(40), ROWS[:0]).any()

    light = [
        np.concatenate([batch["present"] for batch in epoch])[:, 0]
        for epoch in epochs(40, hidden=np.array([0.5, 0.0], np.float32))
    ]
    assert np.mean(light) == pytest.approx(0.5, abs=0.03)
    assert (light[0] != light[1]).any()
    # An item shows one at least.
    for epoch in epochs(3, hidden=np.array([0.9, 0.9], np.float32)):
        assert all(batch["present"].any(axis=1).all() for batch in epoch)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no labelled items"):
        label_batches(ROWS[:0], ITEMS, HAS)
    with pytest.raises(ValueError, match="balance lie in"):
        label_batches(ROWS, ITEMS, HAS, balance=2.0)
