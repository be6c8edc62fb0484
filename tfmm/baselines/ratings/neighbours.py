"""Ratings by neighbours: how alike items were rated by the user, or alike users the item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines.neighbours import Similarity, check, keep_largest
from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.biases import ITEM_PENALTY, USER_PENALTY, Offsets, offsets
from tfmm.baselines.supervised import Said

_CELLS = 4_000_000
_LEAST = 1e-6


class _Powers(NamedTuple):
    """What is left of ratings without offsets, its squares, and ones."""

    left: sp.csr_matrix
    square: sp.csr_matrix
    met: sp.csr_matrix

    @classmethod
    def of(cls, left: sp.csr_matrix) -> _Powers:
        datas = left.data**2, np.ones_like(left.data)
        return cls(left, *(_with(left, data) for data in datas))


@dataclass(kw_only=True)
class ItemKNN(RatingBaseline):
    """The offsets of user and item, plus how the user rated the k items most like it beyond theirs.

    What is compared are the ratings less the offsets of their users and items. `"pearson"` is their
    correlation over the n users who rated both, times (n - 1) / (n - 1 + shrink); `"cosine"`
    divides by the lengths over all users, times n / (n + shrink). Only similarities above 0 count,
    and they are the weights of the mean over neighbours.

    Similarities are made for the items that are asked for, in blocks of bounded memory, when
    they are asked for.

    ```python
    import numpy as np
    from tfmm.baselines.ratings import ItemKNN

    user, item = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 1, 0, 1, 0, 1, 0])
    value = np.array([5, 5, 1, 1, 4, 4, 5])
    model = ItemKNN(shrink=1.0).fit(user, item, value, 4, 2)
    model.predict(np.array([3]), np.array([1]))  # above what its offsets say
    ```

    Source: Koren, Factor in the neighbors, ACM TKDD 2010, section 2.2; as KNNBaseline of Surprise
    (Hug, JOSS 2020).

    Raises:
        ValueError: `k` below 1, a `shrink` below 0 or no such similarity.
    """

    name: ClassVar[str] = "item_knn"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "similarity": ("pearson", "cosine"),
        "shrink": (30.0, 100.0, 300.0),
        "k": (10, 20, 40, 80),
    }
    of_users: ClassVar[bool] = False
    """Whether users are compared rather than items."""

    k: int = 40
    """Neighbours that count at most."""

    shrink: float = 100.0
    """The larger, the less the similarity counts of two that few have both."""

    similarity: Similarity = "cosine"
    """`"pearson"` or `"cosine"`."""

    offsets_: Offsets | None = field(default=None, init=False, repr=False)
    rows_: sp.csr_matrix | None = field(default=None, init=False, repr=False)
    columns_: sp.csr_matrix | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check(self.similarity, self.k, self.shrink)

    def _fit(self, ratings: Ratings) -> None:
        self.offsets_ = offsets(ratings, USER_PENALTY, ITEM_PENALTY)
        left = (ratings.value - self.offsets_.of(ratings.user, ratings.item)).astype(np.float32)
        # A rating that its offsets explain wholly leaves a 0, which SciPy stores like any other.
        shape = (ratings.n_users, ratings.n_items)
        by_user = sp.coo_matrix((left, (ratings.user, ratings.item)), shape=shape).tocsr()
        by_item = sp.csr_matrix(by_user.T)
        self.rows_, self.columns_ = (by_user, by_item) if self.of_users else (by_item, by_user)

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        return self._mean_of(self._neighbours(user, item), user, item)

    @classmethod
    def tries(
        cls, train: Ratings, valid: Ratings, **config: Any
    ) -> Iterator[tuple[dict[str, Any], Said]]:
        """Neighbours are found once for all values of `k`: fewer are the nearest of more."""
        found: dict[tuple[Any, ...], tuple[ItemKNN, sp.csr_matrix]] = {}
        most = config.get("k", max(cls.grid["k"]))
        for params in cls.combinations(config):
            rest = {name: value for name, value in params.items() if name != "k"}
            key = tuple(rest.values())
            if key not in found:
                model = cls(**{**config, **rest, "k": most}).fit(*train)
                found = {key: (model, model._neighbours(*valid.asked))}
            model, near = found[key]
            fewer = _cut(near, params.get("k", most))
            yield params, model._clipped(model._mean_of(fewer, *valid.asked))

    def _mean_of(
        self, near: sp.csr_matrix, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        assert self.offsets_ is not None
        assert self.columns_ is not None
        row = np.repeat(np.arange(len(user)), np.diff(near.indptr))
        weighted = np.bincount(row, near.data * self.columns_.data[near.indices], len(user))
        total = np.bincount(row, near.data, len(user))
        said = self.offsets_.of(user, item)
        return said + np.divide(weighted, total, out=np.zeros(len(user)), where=total > 0)

    def _neighbours(self, user: NDArray[np.integer], item: NDArray[np.integer]) -> sp.csr_matrix:
        """The similarities that count for each pair, by their place among all ratings."""
        rows, columns = self.rows_, self.columns_
        assert rows is not None
        assert columns is not None
        row, column = (user, item) if self.of_users else (item, user)
        degree = np.append(np.diff(columns.indptr), 0)
        order = np.argsort(row, kind="stable")
        order = order[(row[order] >= 0) & (degree[column[order]] > 0)]
        powers, turned = _Powers.of(rows), _Powers.of(columns)
        parts: list[tuple[NDArray[Any], ...]] = []
        for block in _blocks(row[order], degree[column[order]], rows.shape[0]):
            asked = order[block]
            own, local = np.unique(row[asked], return_inverse=True)
            similar = self._similar(own, powers, turned)
            size = degree[column[asked]]
            pair = np.repeat(np.arange(len(asked)), size)
            begins = columns.indptr[column[asked]] - np.cumsum(size) + size
            place = np.arange(size.sum()) + np.repeat(begins, size)
            value = similar[local[pair], columns.indices[place]]
            keep = value > _LEAST
            shape = (len(asked), columns.nnz)
            near = keep_largest(pair[keep], place[keep], value[keep], shape, self.k)
            parts.append(
                (np.repeat(asked, np.diff(near.indptr)), near.indices.astype(np.int64), near.data)
            )
        shape = (len(row), columns.nnz)
        if not parts:
            return sp.csr_matrix(shape, dtype=np.float32)
        pairs, places, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        return sp.coo_matrix((values, (pairs, places)), shape=shape).tocsr()

    def _similar(
        self, own: NDArray[np.integer], rows: _Powers, columns: _Powers
    ) -> NDArray[np.float32]:
        """Of the rows `own` with all rows, float32 `[b, n]`; 0 with itself."""
        left, square, met = (power[own] for power in rows)
        product = (left @ columns.left).toarray()
        both = (met @ columns.met).toarray()
        if self.similarity == "pearson":
            scale = (square @ columns.met).toarray() * (met @ columns.square).toarray()
            both = np.maximum(both - 1, 0)
        else:
            length = np.asarray(rows.square.sum(axis=1), np.float32)
            scale = length[own] * length.T
        scale = np.sqrt(scale) * (both + np.float32(self.shrink))
        similar = np.divide(product * both, scale, out=np.zeros_like(product), where=scale > 0)
        similar[np.arange(len(own)), own] = 0
        return similar


@dataclass(kw_only=True)
class UserKNN(ItemKNN):
    """The offsets of user and item, plus how the k users most like them rated the item beyond
    theirs; all else as in `ItemKNN`, users compared rather than items.

    Source: Herlocker et al., An algorithmic framework for performing collaborative filtering, SIGIR
    1999; with offsets as KNNBaseline of Surprise (Hug, JOSS 2020).
    """

    name: ClassVar[str] = "user_knn"
    of_users: ClassVar[bool] = True

    shrink: float = 300.0
    similarity: Similarity = "pearson"


def _blocks(row: NDArray[np.integer], size: NDArray[np.integer], n_rows: int) -> Iterator[slice]:
    """Runs of pairs, ordered by row, with few enough rows and ratings to compare; one at least."""
    rows_before = np.r_[0, np.cumsum(np.r_[True, row[1:] != row[:-1]][: len(row)])]
    cost = rows_before * n_rows + np.r_[0, np.cumsum(size, dtype=np.int64)]
    start = 0
    while start < len(row):
        end = int(np.searchsorted(cost, cost[start] + _CELLS, side="right")) - 1
        end = max(end, start + 1)
        yield slice(start, end)
        start = end


def _with(rows: sp.csr_matrix, data: NDArray[np.float32]) -> sp.csr_matrix:
    return sp.csr_matrix((data, rows.indices, rows.indptr), shape=rows.shape)


def _cut(near: sp.csr_matrix, k: int) -> sp.csr_matrix:
    row = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    return keep_largest(row, near.indices, near.data, near.shape, k)
