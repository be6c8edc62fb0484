"""The catalogue: ids in row order, and a column for each feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfmm.data.columns import Column, as_rows


@dataclass(frozen=True, eq=False)
class Variants:
    """Ids of the variants of products, which are no items of their own.

    Args:
        ids: object[k] of distinct str, none of them an item's.
        rows: int32[k], the row of the product of each.
    """

    ids: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    rows: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Catalog:
    """Items (or users) of a shop.

    Args:
        ids: object[n] of distinct str; row i belongs to `ids[i]`.
        features: a column of n rows by feature name, in the shop file's order.
        variants: of the items, where they have such.

    Raises:
        ValueError: for an id that repeats, or a column of another length.
    """

    ids: NDArray[np.object_]
    features: Mapping[str, Column] = field(default_factory=dict)
    variants: Variants = field(default_factory=Variants)

    def __post_init__(self) -> None:
        if not self._index.is_unique:
            twice = self._index[self._index.duplicated()][0]
            raise ValueError(f"the ids of a catalogue must be distinct, but {twice!r} repeats")
        for name, column in self.features.items():
            if len(column) != len(self.ids):
                raise ValueError(
                    f"feature {name!r} has {len(column)} rows but there are {len(self.ids)} ids"
                )

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.ids, dtype=object)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Iterable[str]) -> NDArray[np.int32]:
        """The row of each id, int32[m]; -1 for ids that the catalogue lacks."""
        if isinstance(ids, str):
            raise TypeError(f"rows takes a sequence of ids, got the single string {ids!r}")
        wanted = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=object)
        return self._index.get_indexer(pd.Index(wanted, dtype=object)).astype(np.int32)

    def take(self, rows: ArrayLike) -> Catalog:
        """The catalogue of these rows, in this order."""
        rows = as_rows(rows, len(self))
        place = np.full(len(self), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        kept = place[self.variants.rows] >= 0
        return Catalog(
            self.ids[rows],
            {name: column.take(rows) for name, column in self.features.items()},
            Variants(self.variants.ids[kept], place[self.variants.rows[kept]]),
        )
