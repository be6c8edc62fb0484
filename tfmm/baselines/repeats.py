"""Repeats: what a shopper bought before, they buy again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines.popularity import RecentPopularity

_LEAST = np.float32(1e-6)


@dataclass(kw_only=True)
class Repeats(RecentPopularity):
    """Scores an item by the shopper's own events on it, each worth half for every half-life of its
    age; what they never had comes after it, by popularity of late."""

    name: ClassVar[str] = "repeats"

    half_life: float | None = 90.0

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        popular = super().score(histories)
        own = self._histories(histories, popular.shape[1]).toarray()
        # Far below the least that an own event can be worth and still be told from it.
        top = popular.max(initial=0) or np.float32(1)
        return np.asarray(own + popular / top * _LEAST, np.float32)
