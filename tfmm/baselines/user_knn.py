"""User-kNN: what similar shoppers chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines import neighbours
from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs

_Stats = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(kw_only=True)
class UserKNN(Baseline):
    """Scores an item by the similarities of the k most similar training users who have it.

    A shopper in the training matrix is among their own neighbours; that adds to the score of items
    they have, which ranking leaves out.

    Source: Herlocker et al., An algorithmic framework for performing collaborative filtering, SIGIR
    1999, for implicit feedback.
    """

    name: ClassVar[str] = "user_knn"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "shrink": (0.0, 3.0, 10.0),
        "k": (200, 800),
    }

    k: int = 800
    """Neighbours asked for each shopper."""

    shrink: float = 0.0
    """Added to the denominator of the similarity: the larger, the less short histories count."""

    similarity: neighbours.Similarity = "cosine"
    """`"cosine"` or `"pearson"`."""

    users_: sp.csr_matrix | None = field(default=None, init=False, repr=False)
    stats_: _Stats | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        neighbours.check(self.similarity, self.k, self.shrink)

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        self.users_ = self._values(train)
        self.stats_ = neighbours.row_stats(self.users_)
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        users, stats = self.users_, self.stats_
        histories = self._histories(histories, None if users is None else users.shape[1])
        assert users is not None
        assert stats is not None
        scores = np.empty(histories.shape, np.float32)
        for block in neighbours.row_blocks(histories, users):
            rows = histories[block]
            similar = neighbours.similar_rows(
                rows,
                users,
                neighbours.row_stats(rows),
                stats,
                similarity=self.similarity,
                shrink=self.shrink,
                k=self.k,
            )
            scores[block] = (similar @ users).toarray()
        return scores
