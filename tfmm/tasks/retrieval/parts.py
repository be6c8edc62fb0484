"""The parts that retrieval learns from: pairs of shoppers and items, and items with their texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.tasks.search.examples import SearchParts


@dataclass(frozen=True, eq=False)
class Part:
    """What one part holds.

    Attributes:
        pairs: user-item pairs.
        rows: int64 `[n]`, the items whose queries are learned from or asked; None for a model that
            does not search.
    """

    pairs: Pairs
    rows: NDArray[np.int64] | None


@dataclass(frozen=True, eq=False)
class RetrievalParts:
    """The parts of both objectives.

    Attributes:
        split: of the events.
        search: of the items; None for a model that does not search.
    """

    split: Split
    search: SearchParts | None

    @property
    def train(self) -> Part:
        return self._part("train")

    @property
    def valid(self) -> Part:
        return self._part("valid")

    @property
    def test(self) -> Part:
        return self._part("test")

    @property
    def refit(self) -> bool:
        return self.split.refit

    def final_train(self) -> Part:
        """What the tested model is fitted on."""
        if not self.refit:
            return self.train
        return Part(
            self.split.final_train(),
            None if self.search is None else self.search.final_train(),
        )

    def counts(self) -> dict[str, Any]:
        """Pairs in each part and cold items, for reports."""
        return self.split.counts()

    def _part(self, name: str) -> Part:
        return Part(getattr(self.split, name), getattr(self.search, name, None))
