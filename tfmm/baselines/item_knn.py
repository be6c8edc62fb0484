"""Item-kNN: items bought together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines import neighbours
from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs


@dataclass(kw_only=True)
class ItemKNN(Baseline):
    """Scores an item by its similarity to the items of the history.

    The similarity of two items is the cosine or Pearson correlation of their columns of the
    training matrix; each item keeps its k nearest. Neither the item-item matrix nor a whole product
    is ever dense: items are worked off in blocks of bounded memory, so a million items fit.

    Source: Sarwar et al., Item-based collaborative filtering recommendation algorithms, WWW 2001;
    the shrinkage as in Bell and Koren, ICDM 2007.
    """

    name: ClassVar[str] = "item_knn"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "shrink": (0.0, 10.0, 30.0, 100.0, 300.0),
        "k": (100, 300, 1000),
    }

    decays: ClassVar[bool] = True

    k: int = 300
    """Neighbours kept for each item."""

    shrink: float = 30.0
    """Added to the denominator of the similarity: the larger, the less rare items count."""

    similarity: neighbours.Similarity = "cosine"
    """`"cosine"` or `"pearson"`."""

    longest: int | None = 2000
    """Users with more items than this teach no similarity: a user's cost is the square of their
    items, and those with thousands are rarely people. None: all users."""

    similar_: sp.csr_matrix | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        neighbours.check(self.similarity, self.k, self.shrink)

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        values = self._values(train)
        if self.longest is not None:
            values = values[np.flatnonzero(np.diff(values.indptr) <= self.longest)]
        items = sp.csr_matrix(values.T)
        total, square = neighbours.row_stats(items)
        blocks = [
            neighbours.similar_rows(
                items[block],
                items,
                (total[block], square[block]),
                (total, square),
                similarity=self.similarity,
                shrink=self.shrink,
                k=self.k,
                first=block.start,
            )
            for block in neighbours.row_blocks(items, items)
        ]
        self.similar_ = sp.csr_matrix(sp.vstack(blocks))
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        similar = self.similar_
        histories = self._histories(histories, None if similar is None else similar.shape[0])
        assert similar is not None
        return (histories @ similar).toarray()

    @classmethod
    def variants(
        cls, train: Pairs | sp.csr_matrix, grid: Mapping[str, Sequence[Any]], **config: Any
    ) -> Iterator[tuple[dict[str, Any], Self]]:
        """One fit for all values of `k`: fewer neighbours are the largest of more."""
        ks = sorted(grid.get("k", [config.get("k", cls.k)]), reverse=True)
        rest = {name: values for name, values in grid.items() if name != "k"}
        for values in itertools.product(*rest.values()):
            params = dict(zip(rest, values, strict=True))
            fitted = cls(**{**config, **params, "k": ks[0]}).fit(train)
            for k in ks:
                cut = cls(**{**config, **params, "k": k})
                cut.similar_ = _cut(fitted.similar_, k)
                yield {**params, **({"k": k} if "k" in grid else {})}, cut


def _cut(similar: sp.csr_matrix, k: int) -> sp.csr_matrix:
    row = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
    return neighbours.keep_largest(row, similar.indices, similar.data, similar.shape, k)
