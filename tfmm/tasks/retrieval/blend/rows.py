"""Rows of items: under their ids in a saved file, and of the items that others are like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.index.tuning import nearest


def saved_rows(saved_ids: NDArray[Any], item_ids: Iterable[Any]) -> NDArray[np.int64]:
    """The row of each id among the saved ones, int64 `[N]`; -1 for those that were not saved."""
    place = {item: row for row, item in enumerate(saved_ids.tolist())}
    return np.array([place.get(str(item), -1) for item in item_ids], np.int64)


def like(
    learned: NDArray[np.float32],
    items: NDArray[np.integer],
    lenders: NDArray[np.integer],
    neighbours: int,
) -> NDArray[np.integer]:
    """The `lenders` that items are most like by the cosine of learned vectors, int
    `[len(items), neighbours]`, or as many as there are."""
    unit = learned / np.maximum(np.linalg.norm(learned, axis=1, keepdims=True), 1e-12)
    return lenders[nearest(unit[items], unit[lenders], min(neighbours, len(lenders)))]
