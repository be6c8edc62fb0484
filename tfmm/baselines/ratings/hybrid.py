"""A hybrid of what users rated and what items are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import Tuned
from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.content import ContentRatings
from tfmm.baselines.ratings.svd import SVD
from tfmm.baselines.supervised import Loss


@dataclass(kw_only=True)
class Hybrid(RatingBaseline):
    """`weight` times what a collaborative model says plus the rest times what content says.

    Tuning chooses each part's parameters by that part alone, then the weight of both. An item that
    nobody rated is rated by content alone.

    Source: the weighted hybrid of Burke, Hybrid recommender systems, UMUAI 2002.

    Raises:
        ValueError: a weight outside of 0 to 1; in `fit`, no vector for each item.
    """

    name: ClassVar[str] = "hybrid"
    needs: ClassVar[tuple[str, ...]] = ("item_vectors",)
    weights: ClassVar[Sequence[float]] = tuple(n / 20 for n in range(21))

    item_vectors: NDArray[np.floating] | None = None
    """See `ContentRatings`."""

    weight: float = 0.8
    """Share of the collaborative model."""

    collaborative: Mapping[str, Any] = field(default_factory=dict)
    """Configuration of its `SVD`."""

    content: Mapping[str, Any] = field(default_factory=dict)
    """Configuration of its `ContentRatings`."""

    parts_: tuple[SVD, ContentRatings] | None = field(default=None, init=False, repr=False)
    rated_: NDArray[np.bool_] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"`weight` is {self.weight}, but must be from 0 to 1.")

    @classmethod
    def tune(
        cls,
        train: Any,
        valid: Any,
        loss: Loss,
        *,
        deadline: float = np.inf,
        **config: Any,
    ) -> Tuned:
        """The parameters of both parts, each the best alone, then the weight."""
        if not len(valid.value):
            return Tuned({})
        chosen: dict[str, Any] = {}
        untried = 0
        if "collaborative" not in config:
            params, untried = SVD.tune(train, valid, loss, deadline=deadline)
            chosen["collaborative"] = params
        if "content" not in config:
            vectors = config.get("item_vectors")
            params, more = ContentRatings.tune(
                train, valid, loss, deadline=deadline, item_vectors=vectors
            )
            chosen["content"], untried = params, untried + more
        if "weight" not in config:
            fitted = cls(**config, **chosen).fit(*train)
            both = fitted._both(*valid.asked)
            lost = [
                loss(fitted._clipped(fitted._sum(*both, valid.item, weight)), valid.value)
                for weight in cls.weights
            ]
            chosen["weight"] = cls.weights[int(np.argmin(lost))]
        return Tuned(chosen, untried)

    def _fit(self, ratings: Ratings) -> None:
        self.parts_ = (
            SVD(**self.collaborative).fit(*ratings),
            ContentRatings(item_vectors=self.item_vectors, **self.content).fit(*ratings),
        )
        self.rated_ = np.bincount(ratings.item, minlength=ratings.n_items + 1) > 0

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        return self._sum(*self._both(user, item), item, self.weight)

    def _both(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert self.parts_ is not None
        return self.parts_[0].predict(user, item), self.parts_[1].predict(user, item)

    def _sum(
        self,
        ours: NDArray[np.float32],
        content: NDArray[np.float32],
        item: NDArray[np.integer],
        weight: float,
    ) -> NDArray[np.floating]:
        assert self.rated_ is not None
        share = np.where(self.rated_[item], weight, 0.0)
        return share * ours + (1 - share) * content
