"""What a search run answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmm.data.catalog import Catalog
from tfmm.data.columns import TextColumn
from tfmm.index import TermFilter
from tfmm.tasks.base import Export
from tfmm.tasks.items.servable import ItemServable
from tfmm.tasks.items.serve import export_of, index_of
from tfmm.tasks.items.settings import ItemSettings
from tfmm.tasks.search.hubness import search_bias
from tfmm.tasks.search.model import ItemModel, ItemVectors
from tfmm.tasks.search.signatures import search_of

INTENDED_USE = (
    "Finding items of this catalogue by words, by pictures or by sounds, as far as it has "
    "signatures for them, and finding items like an item. Ranking only: a score has no unit and "
    "does not compare between models."
)
LIMITS = (
    (
        "Items that were not in the exported tables are unknown: they are not found, and are "
        "ignored where a request names them. `tfmm index` takes in new ones."
    ),
    (
        "It finds what its training texts, pictures and sounds are like; words that the catalogue "
        "never used say little."
    ),
    (
        "Filters know the category and tags features of the catalogue as of the export; stock "
        "that changes by the minute belongs into `exclude`."
    ),
    (
        "The metrics below were measured in training, on items held out whole; they do not hold "
        "for other shops."
    ),
)


def search_export(
    task: Any, model: ItemModel, settings: ItemSettings, vectors: np.ndarray
) -> Export:
    """The export of a finished model.

    Args:
        task: of search, over the items that are served.
        model: finished.
        settings: what the export fixes.
        vectors: float32 `[N, D]`, of the task's items in their order.
    """
    items, search = task.data.items, search_of(model, texts_of(task.data.items, model))
    bias = search_bias(task.config, vectors, model.hubs)

    def make(settings: ItemSettings) -> ItemServable:
        return ItemServable(
            items.ids,
            vectors,
            filters=TermFilter.from_catalog(items),
            index=index_of(task.config.index, settings, len(vectors)),
            search=search,
            search_bias=bias,
            variants=items.variants,
            **settings.but_index(),
        )

    card: dict[str, Any] = {
        "intended_use": INTENDED_USE,
        "limits": list(LIMITS),
        "data": {"items": len(items)},
    }
    return export_of(task, make, settings, card)


def texts_of(items: Catalog, model: ItemVectors) -> list[str]:
    """Some texts of the catalogue that it can be searched by."""
    columns = [items.features[name] for name in model.queries.columns] if model.queries else []
    return [str(text) for c in columns if isinstance(c, TextColumn) for text in c.values[:8]]
