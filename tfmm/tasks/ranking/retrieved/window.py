"""The parts of a ranker that reads a retrieval run: those of that run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.examples import Examples
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.reading.parts import EventParts


@dataclass(frozen=True)
class Window:
    """What a retrieval model was chosen on and is tested on; microseconds since 1970 UTC.

    Attributes:
        begin: the first instant that the chosen model has not met.
        test: the first that the finished one has not met.
        end: the first that is in no part.
        repeats: whether what a shopper had before is asked for too.
    """

    begin: int
    test: int
    end: int
    repeats: bool

    def as_json(self) -> dict[str, int | bool]:
        """Its fields by name."""
        return dataclasses.asdict(self)

    def parts(
        self, examples: Examples, values: NDArray[np.float32], share: float, seed: int
    ) -> EventParts:
        """What the run was chosen on is learned from, but for a share of its shoppers, who are
        validated on; its test is the test.

        Without `repeats` an event that a shopper had of the same item before is in no part where
        events say no more than that they were, as in the run's own parts.

        Args:
            examples: the events.
            values: their labels, float32 `[m, L]`, NaN where unknown.
            share: of the shoppers.
            seed: of their draw.

        Raises:
            RunFileError: nothing is left to learn from or to test on.
        """
        assert examples.time is not None
        time, rows = examples.time, np.flatnonzero(np.isfinite(values).any(axis=1))
        if not self.repeats and not examples.labels and examples.rating is None:
            rows = rows[_first(examples, rows)]
        shoppers = np.random.default_rng(seed).random(int(examples.user.max(initial=0)) + 1) < share
        inside = (time[rows] >= self.begin) & (time[rows] < self.test)
        held = shoppers[examples.user[rows]]
        test = rows[(time[rows] >= self.test) & (time[rows] < self.end)]
        train, valid = rows[inside & ~held], rows[inside & held]
        if not len(train) or not len(test):
            raise RunFileError(
                f"`vectors`: a ranker learns from the events that its retrieval run was chosen on "
                f"and is tested on the run's test, but these are {len(train):,} and "
                f"{len(test):,}. Give the retrieval run larger `split.valid` and `split.test`."
            )
        return EventParts(train, valid, test)

    def known(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """As of when an event is judged: as of when its part began, int64 `[m]`."""
        asked = np.where(time >= self.begin, self.begin, time)
        return np.where(time >= self.test, self.test, asked)


def _first(examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an event is the shopper's first of its item."""
    assert examples.time is not None
    order = np.lexsort((rows, examples.time[rows]))
    pairs = examples.user[rows].astype(np.int64) * (int(examples.item.max()) + 1)
    pairs += examples.item[rows]
    _, at = np.unique(pairs[order], return_index=True)
    first = np.zeros(len(rows), bool)
    first[order[at]] = True
    return first
