"""Ratings by content: what of an item's features everybody likes, and what each user does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.biases import ITEM_PENALTY, USER_PENALTY, check_penalties, offsets


@dataclass(kw_only=True)
class ContentRatings(RatingBaseline):
    """The mean, the user's offset, and the item's vector times what the user likes of vectors.

    Ridge regression of all ratings on the items' vectors says what everybody likes; another one for
    each user, of what is left, how they differ. An item is no more than its vector, so items that
    nobody rated are rated too.

    Source: the content-based models of Pazzani and Billsus, The Adaptive Web, 2007, chapter 10.

    Raises:
        ValueError: a penalty that is not above 0; in `fit`, no vector for each item.
    """

    name: ClassVar[str] = "content"
    needs: ClassVar[tuple[str, ...]] = ("item_vectors",)
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {"penalty": (1.0, 3.0, 10.0, 30.0, 100.0)}

    item_vectors: NDArray[np.floating] | None = None
    """Content of the items, float `[n_items, D]`, such as `tfmm.baselines.content_vectors`
    makes."""

    penalty: float = 10.0
    """Of each user's own regression."""

    mean_: float = field(default=0.0, init=False, repr=False)
    user_: NDArray[np.float64] | None = field(default=None, init=False, repr=False)
    liked_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)
    """float32 `[n_users + 1, D]`, the last row that of an unknown user."""

    def __post_init__(self) -> None:
        check_penalties(self, "penalty", above=True)

    def _fit(self, ratings: Ratings) -> None:
        vectors = self.item_vectors
        if vectors is None or len(vectors) != ratings.n_items:
            came = "none" if vectors is None else len(vectors)
            raise ValueError(
                f"The baseline 'content' needs `item_vectors` of the {ratings.n_items} items, but "
                f"there are {came}. Make them with tfmm.baselines.content_vectors(shop.items)."
            )
        start = offsets(ratings, USER_PENALTY, ITEM_PENALTY)
        self.mean_, self.user_ = start.mean, start.user
        left = (ratings.value - start.mean - start.user[ratings.user]).astype(np.float32)
        count = np.bincount(ratings.item, minlength=ratings.n_items).astype(np.float32)
        total = np.bincount(ratings.item, left, ratings.n_items).astype(np.float32)
        x = self._vectors(np.arange(ratings.n_items))
        diagonal = np.eye(x.shape[1], dtype=np.float32)
        everybody = np.linalg.solve(
            x.T @ (count[:, None] * x) + self.penalty * diagonal, x.T @ total
        )
        left -= (x @ everybody)[ratings.item]
        self.liked_ = np.tile(everybody, (ratings.n_users + 1, 1))
        # Ratings come ordered by user.
        bounds = np.searchsorted(ratings.user, np.arange(ratings.n_users + 1))
        with threadpool_limits(1, "blas"):
            for row in np.flatnonzero(np.diff(bounds)):
                part = slice(bounds[row], bounds[row + 1])
                own, wanted = x[ratings.item[part]], left[part]
                if len(own) < own.shape[1]:
                    inner = own @ own.T
                    inner[np.diag_indices(len(own))] += self.penalty
                    self.liked_[row] += own.T @ np.linalg.solve(inner, wanted)
                else:
                    gram = own.T @ own + self.penalty * diagonal
                    self.liked_[row] += np.linalg.solve(gram, own.T @ wanted)

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        assert self.user_ is not None
        assert self.liked_ is not None
        said = self.mean_ + self.user_[user]
        for start in range(0, len(user), 100_000):
            part = slice(start, start + 100_000)
            x = self._vectors(item[part])
            said[part] += np.einsum("nd,nd->n", self.liked_[user[part]], x)
        return said

    def _vectors(self, item: NDArray[np.integer]) -> NDArray[np.float32]:
        """Of items; zeros for one that is not known."""
        assert self.item_vectors is not None
        return (self.item_vectors[item] * (item >= 0)[:, None]).astype(np.float32)
