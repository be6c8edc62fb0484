"""Some items and those most like them, for people who look at a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import ImageColumn, TextColumn
from tfmm.evaluation.html.kept import keep_shelves
from tfmm.evaluation.html.shelves import Card, Section, Shelf

#: Title and text of each group of items.
_TOLD = {
    "warm": (
        "Similar items",
        "The items that the test asks for most, and those that the model takes to be most like "
        "them.",
    ),
    "cold": (
        "New items and those like them",
        "Items that were never trained on, and those that the model takes to be most like them: "
        "new ones are placed by what is read of them alone.",
    ),
}


def similar_items(
    vectors: NDArray[np.float32], asked: Mapping[str, NDArray[np.integer]], items: Catalog
) -> dict[str, list[dict[str, Any]]]:
    """The six items most like some, by cosine: the section `similar` of `metrics.json`.

    Args:
        vectors: float32 `[N, D]`, of all items.
        asked: rows of items, `warm` ones and `cold` ones.
        items: the catalogue.

    Returns:
        By group a list of `{item, similar: [{item, cosine}, …]}`.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    found: dict[str, list[dict[str, Any]]] = {}
    for group, rows in asked.items():
        cosines = unit[rows] @ unit.T
        cosines[np.arange(len(rows)), rows] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, : min(6, len(unit) - 1)]
        found[group] = [
            {
                "item": str(items.ids[row]),
                "similar": [
                    {"item": str(items.ids[one]), "cosine": round(float(cosines[at, one]), 4)}
                    for one in best[at]
                ],
            }
            for at, row in enumerate(rows)
        ]
    return {group: rows for group, rows in found.items() if rows}


def show_similar(found: Mapping[str, Sequence[Any]], items: Catalog, folder: Path) -> None:
    """Keeps what `similar_items` found, with titles and pictures, for the page of the report.

    Args:
        found: as it was returned.
        items: the catalogue.
        folder: of the report's plots.
    """
    if not found:
        return

    def card(item: str, note: str = "") -> Card:
        row = int(items.rows([item])[0])
        columns = items.features.values()
        titles = [str(c.values[row]) for c in columns if isinstance(c, TextColumn)]
        paths = [path for c in columns if isinstance(c, ImageColumn) for path in c.paths[row]]
        return Card(next(filter(None, titles), item), paths[0] if paths else None, note)

    keep_shelves(
        folder,
        [
            Section(
                *_TOLD[group],
                "item",
                "most like it",
                [
                    Shelf(
                        row["item"],
                        [card(row["item"])],
                        [card(one["item"], f"{one['cosine']:.3f}") for one in row["similar"]],
                    )
                    for row in rows
                ],
            )
            for group, rows in found.items()
        ],
    )
