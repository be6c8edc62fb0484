"""Items that are one to a model: of equal text, or with the same first file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.batches.aligned import same_text
from tfmm.data.catalog import Catalog
from tfmm.data.columns import MediaColumn, TextColumn
from tfmm.encoders.cache import file_digests


def near_copies(
    items: Catalog, features: Iterable[str], groups: NDArray[np.integer] | None = None
) -> NDArray[np.int32]:
    """The group of each item, int32 `[n]`: items that share a text or their first file are in one.

    Other pictures than the first may be of a size chart or a parcel, which half a shop shares.

    Args:
        items: the catalogue.
        features: those that count; texts are equal but for case and punctuation, files by content.
        groups: int `[n]`, further groups that stay together.
    """
    keys: list[NDArray[Any]] = [] if groups is None else [groups.astype(str)]
    for name in dict.fromkeys(features):
        column = items.features[name]
        if isinstance(column, MediaColumn):
            found = file_digests([paths[0] if paths else None for paths in column.paths])
            keys.append(np.array([d.hex() if d else f"none {i}" for i, d in enumerate(found)]))
        elif isinstance(column, TextColumn) and groups is None:
            keys.append(same_text(column.values).astype(str))
    if not keys:
        return np.arange(len(items), dtype=np.int32)
    return components(keys)


def components(keys: list[NDArray[Any]]) -> NDArray[np.int32]:
    """The component of each row, int32 `[n]`, rows that share any of the keys `[n]` being one."""
    n = len(keys[0])
    edges = []
    for values in keys:
        distinct, member = np.unique(values, return_inverse=True)
        edges.append(sp.csr_array((np.ones(n), (np.arange(n), member)), (n, len(distinct))))
    shared = sp.hstack(edges).tocsr()
    graph = sp.block_array([[None, shared], [shared.T, None]])
    return sp.csgraph.connected_components(graph, directed=False)[1][:n]
