"""The rows of a table of items or users while a shop is read, and what its ids mean elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.knowledge.reading import KnownItems


@dataclass(frozen=True, eq=False)
class CatalogRows:
    """A table's ids, the place of each in the catalogue of what survives its checks, and that.

    A place is -1 where a row was dropped; variants have their product's. `whole` is True where ids
    written as `17.0` are `17` now, else None.
    """

    ids: NDArray[np.object_]
    places: NDArray[np.int32]
    catalog: Catalog
    whole: bool | None = None


def known_ids(rows: CatalogRows | None, catalog: Catalog) -> KnownItems:
    """What an id of a further table means; without a table of them they are those seen."""
    if rows is None:
        rows = CatalogRows(catalog.ids, np.arange(len(catalog), dtype=np.int32), catalog)
    return KnownItems(rows.ids, rows.places, rows.whole, len(catalog))
