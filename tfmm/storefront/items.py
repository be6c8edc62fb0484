"""What a page shows of items: names, facets, details, and what two of them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import ImageColumn, NumberColumn, TagsColumn, TextColumn
from tfmm.data.search_catalog import SearchCatalog
from tfmm.storefront.export_files import catalog_of_ids

#: Values of a facet that are shown at most; those that are asked for come besides.
FACET_VALUES = 60


@dataclass(frozen=True, eq=False)
class Items:
    """A shop's items as the page shows them, in plain data for JSON.

    Args:
        catalog: their names, words and facets.
        details: their columns, for texts, numbers and pictures; None where there is no shop.
    """

    catalog: SearchCatalog
    details: Catalog | None = None
    _facet_rows: dict[str, NDArray[np.int64]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_shop(cls, items: Catalog) -> Items:
        """Of a loaded shop; items without any text are named by their ids."""
        if any(isinstance(column, TextColumn) for column in items.features.values()):
            return cls(SearchCatalog.from_shop(items), items)
        return cls(catalog_of_ids(items.ids.tolist()), items)

    def card(self, item_id: str) -> dict[str, Any]:
        """`id`, `title`, how many `pictures`, and the first `price` or other number."""
        numbers = self._numbers(item_id)
        return {
            "id": item_id,
            "title": _first_line(self.catalog.title(item_id)),
            "pictures": len(self.pictures(item_id)),
            "number": numbers[0] if numbers else None,
        }

    def page(self, item_id: str) -> dict[str, Any]:
        """The card, and `known`, `facets`, `numbers` and `texts`: pairs of a name and what it says.

        An item that the catalogue lacks has its id as its title, and is not `known`.
        """
        return {
            **self.card(item_id),
            "known": bool(self.catalog.rows([item_id])[0] >= 0),
            "facets": [[name, self._values(name, item_id)] for name in self.catalog.facets],
            "numbers": self._numbers(item_id),
            "texts": self._texts(item_id),
        }

    def pictures(self, item_id: str) -> tuple[Path, ...]:
        """The files of an item's pictures, of all its features of that kind."""
        row = self._row(item_id)
        if self.details is None or row < 0:
            return ()
        columns = [c for c in self.details.features.values() if isinstance(c, ImageColumn)]
        return tuple(path for column in columns for path in column.paths[row])

    def shared(self, item_id: str, other: str) -> list[list[str]]:
        """The feature and value of each facet that two items have in common."""
        return [
            [name, value]
            for name in self.catalog.facets
            for value in self._values(name, item_id)
            if value in self._values(name, other)
        ]

    def facets(self, allow: Sequence[str]) -> list[dict[str, Any]]:
        """Each facet's values with the number of items that have them, most frequent first.

        A facet counts the items that the other facets' terms allow, so that its own choice can be
        widened.

        Args:
            allow: `feature=value` terms that are chosen.

        Raises:
            SearchCatalogError: a term that is none of this catalogue.
        """
        self.catalog.allowed(allow)
        told = []
        for name, column in self.catalog.facets.items():
            others = [term for term in allow if term.partition("=")[0] != name]
            chosen = {term.partition("=")[2] for term in allow if term not in others}
            counts = np.bincount(
                column.values[self.catalog.allowed(others)[self._owners(name, column)]],
                minlength=len(column.vocabulary),
            )
            order = np.argsort(-counts, kind="stable")
            shown = [
                [str(column.vocabulary[code]), int(counts[code])]
                for place, code in enumerate(order)
                if (place < FACET_VALUES and counts[code]) or column.vocabulary[code] in chosen
            ]
            told.append({"name": name, "values": shown, "total": int((counts > 0).sum())})
        return told

    def browse(self, allow: Sequence[str], start: int, count: int) -> tuple[list[str], int]:
        """Ids `start` to `start + count` of the items that `allow` leaves, and how many it leaves.

        Raises:
            SearchCatalogError: as `facets`.
        """
        rows = np.flatnonzero(self.catalog.allowed(allow))
        return self.catalog.ids[rows[start : start + count]].tolist(), len(rows)

    def _row(self, item_id: str) -> int:
        return int(self.catalog.rows([item_id])[0])

    def _owners(self, name: str, column: TagsColumn) -> NDArray[np.int64]:
        """The row that each of a facet's values belongs to."""
        if name not in self._facet_rows:
            rows = np.arange(len(self.catalog))
            self._facet_rows[name] = np.repeat(rows, np.diff(column.offsets))
        return self._facet_rows[name]

    def _values(self, name: str, item_id: str) -> list[str]:
        column, row = self.catalog.facets[name], self._row(item_id)
        if row < 0:
            return []
        codes = column.values[column.offsets[row] : column.offsets[row + 1]]
        return [str(value) for value in column.vocabulary[codes]]

    def _numbers(self, item_id: str) -> list[list[Any]]:
        row = self._row(item_id)
        if self.details is None or row < 0:
            return []
        return [
            # As written in a table: 34.95, not the nearest double of its float32.
            [name, float(str(column.values[row]))]
            for name, column in self.details.features.items()
            if isinstance(column, NumberColumn) and column.present[row]
        ]

    def _texts(self, item_id: str) -> list[list[str]]:
        row = self._row(item_id)
        if self.details is None or row < 0:
            return []
        return [
            [name, str(column.values[row])]
            for name, column in self.details.features.items()
            if isinstance(column, TextColumn) and column.values[row]
        ]


def _first_line(title: str) -> str:
    return title.split("\n")[0]
