"""The parts of a split: what is learned from, what is chosen on, what is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs

#: What part an event belongs to.
TRAIN, VALID, TEST = np.int8(0), np.int8(1), np.int8(2)
DROPPED = np.int8(-1)


class SplitError(ValueError):
    """A split that cannot be made; the message says what came, what was expected and what to do."""


@dataclass(frozen=True, eq=False)
class Split:
    """A log of events divided for training, choosing and testing.

    Attributes:
        train: pairs to learn from.
        valid: held-out pairs of warm items, for choosing.
        test: held-out pairs of warm items, to be met once.
        cold_valid: int32 rows, ascending, of items held out whole for validation.
        cold_test: int32 rows, ascending, of items held out whole for the test.
        cold_valid_pairs: all pairs of the items in `cold_valid`.
        cold_test_pairs: all pairs of the items in `cold_test`.
        by: how it was split: one of `BY`.
        ordered: the split respects time, so a shopper's history holds only strictly earlier events.
        refit: after choosing on `valid`, refit on train + valid before the test. False for splits
            given by a column: published ones are trained on their training part only.
        repeats: the held-out parts hold what a shopper had before too, so that a ranking does not
            leave it out.
    """

    train: Pairs
    valid: Pairs
    test: Pairs
    cold_valid: NDArray[np.int32]
    cold_test: NDArray[np.int32]
    cold_valid_pairs: Pairs
    cold_test_pairs: Pairs
    by: str
    ordered: bool
    refit: bool
    repeats: bool = False

    @property
    def n_users(self) -> int:
        return self.train.n_users

    @property
    def n_items(self) -> int:
        return self.train.n_items

    @property
    def warm_items(self) -> NDArray[np.bool_]:
        """bool `[n_items]`: False for the items held out whole."""
        warm = np.ones(self.n_items, bool)
        warm[self.cold_valid] = False
        warm[self.cold_test] = False
        return warm

    def final_train(self) -> Pairs:
        """What the tested models are fitted on: train + valid where `refit`, else train."""
        return self._final_train

    @cached_property
    def _final_train(self) -> Pairs:
        return Pairs.concat(self.train, self.valid) if self.refit else self.train

    def counts(self) -> dict[str, int]:
        """Pairs in each part and cold items, for reports."""
        return {
            "users": self.n_users,
            "items": self.n_items,
            "train": len(self.train),
            "valid": len(self.valid),
            "test": len(self.test),
            "cold_items": len(self.cold_valid) + len(self.cold_test),
            "cold_valid": len(self.cold_valid_pairs),
            "cold_test": len(self.cold_test_pairs),
        }
