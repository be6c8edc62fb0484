"""Popularity within what a shopper looks for: the best sellers of their categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines.popularity import Popularity
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.data.events.pairs import Pairs

_LEAST = np.float32(1e-4)


@dataclass(kw_only=True)
class CategoryPopularity(Popularity):
    """Scores an item by its popularity times the share of its category in the shopper's history.

    Items of categories that the shopper has nothing of come after all others, by popularity.

    Raises:
        ValueError: in `fit`, without the items' categories.
    """

    name: ClassVar[str] = "category_popularity"
    decays: ClassVar[bool] = True

    categories: Mapping[str, NDArray[np.int32]] | None = None
    """Category of each item by feature, int32 `[n_items]`, -1 for none, as `item_categories` makes
    them."""

    feature: str | None = None
    """The feature that counts; by default the first."""

    members_: sp.csr_matrix | None = field(default=None, init=False, repr=False)

    @classmethod
    def grid_for(cls, config: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        return {"feature": tuple(config.get("categories") or ())}

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        """Learns from `train`.

        Raises:
            ValueError: no categories of these items.
        """
        n = train.n_items if isinstance(train, Pairs) else train.shape[1]
        found = self.categories or {}
        category = found.get(self.feature or next(iter(found), ""))
        if category is None or len(category) != n:
            raise ValueError(
                f"The baseline 'category_popularity' needs the `categories` of the {n} items, but "
                f"there are {'none' if category is None else len(category)}. Make them with "
                "tfmm.baselines.item_categories(shop.items)."
            )
        # An item without a category is in one of its own, which nobody has anything else of.
        code = np.where(category >= 0, category, category.max(initial=-1) + 1)
        self.members_ = sp.csr_matrix((np.ones(n, np.float32), code, np.arange(n + 1)))
        return super().fit(train)

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        counts, members = self.counts_, self.members_
        histories = self._histories(histories, None if counts is None else len(counts))
        assert counts is not None
        assert members is not None
        had = np.asarray((histories @ members).todense(), np.float32)
        share = had / np.maximum(had.sum(axis=1, keepdims=True), np.float32(1e-12))
        return (share[:, members.indices] + _LEAST) * counts


def item_categories(items: Catalog) -> dict[str, NDArray[np.int32]]:
    """The category of each item, by category feature: int32 `[n_items]`, -1 for none."""
    return {
        name: column.codes.astype(np.int32)
        for name, column in items.features.items()
        if isinstance(column, CategoryColumn)
    }
