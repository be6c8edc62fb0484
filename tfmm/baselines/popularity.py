"""Popularity: the same ranking for everyone, of all time or of late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs


@dataclass(kw_only=True)
class Popularity(Baseline):
    """Scores an item by the number of its users (by its summed weights if `weighted`)."""

    name: ClassVar[str] = "popularity"

    counts_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        values = self._values(train)
        summed = np.bincount(values.indices, values.data.astype(np.float64), values.shape[1])
        self.counts_ = summed.astype(np.float32)
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        counts = self.counts_
        histories = self._histories(histories, None if counts is None else len(counts))
        assert counts is not None
        return np.tile(counts, (histories.shape[0], 1))


@dataclass(kw_only=True)
class RecentPopularity(Popularity):
    """Scores an item by its events, each worth half for every half-life of its age: what sells
    now."""

    name: ClassVar[str] = "recent_popularity"
    decays: ClassVar[bool] = True
    timed: ClassVar[bool] = True

    half_life: float | None = 7.0
