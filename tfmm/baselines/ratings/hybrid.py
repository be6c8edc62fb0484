"""A hybrid of what users rated and what items are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.content import ContentRatings
from tfmm.baselines.ratings.svd import SVDpp
from tfmm.baselines.supervised import Said, Supervised, WeightedSum


@dataclass(kw_only=True)
class Hybrid(WeightedSum, RatingBaseline):
    """The weighted sum of `SVDpp` and `ContentRatings`; see `WeightedSum`.

    An item that nobody rated is rated by content alone.

    Raises:
        ValueError: a weight outside of 0 to 1; in `fit`, no vector for each item.
    """

    name: ClassVar[str] = "hybrid"
    needs: ClassVar[tuple[str, ...]] = ("item_vectors",)

    item_vectors: NDArray[np.floating] | None = None
    """See `ContentRatings`."""

    parts_: tuple[SVDpp, ContentRatings] | None = field(default=None, init=False, repr=False)
    rated_: NDArray[np.bool_] | None = field(default=None, init=False, repr=False)

    @classmethod
    def parts(cls, config: Mapping[str, Any]) -> dict[str, tuple[type[Supervised], dict[str, Any]]]:
        vectors = {"item_vectors": config.get("item_vectors")}
        return {"collaborative": (SVDpp, {}), "content": (ContentRatings, vectors)}

    def weighted(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> Callable[[float], Said]:
        assert self.parts_ is not None
        assert self.rated_ is not None
        ours, other = (part.predict(user, item) for part in self.parts_)
        rated = self.rated_[item]

        def said(weight: float) -> Said:
            share = np.where(rated, weight, 0.0)
            return self._clipped(share * ours + (1 - share) * other)

        return said

    def _fit(self, ratings: Ratings) -> None:
        self.parts_ = (
            SVDpp(**self.collaborative).fit(*ratings),
            ContentRatings(item_vectors=self.item_vectors, **self.content).fit(*ratings),
        )
        self.rated_ = np.bincount(ratings.item, minlength=ratings.n_items + 1) > 0

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        return self.weighted(user, item)(self.weight)
