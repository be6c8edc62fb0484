"""What a client knows of the catalogue: titles, searched words, facets and numbers, in one small
file."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import (
    CategoryColumn,
    ImageColumn,
    NumberColumn,
    TagsColumn,
    TextColumn,
)
from tfmm.data.files import replacing
from tfmm.data.shop import ShopData, load
from tfmm.data.shop_file.schema import Shop

#: Where an exported version keeps its file.
CATALOG_FILE = "assets.extra/search_catalog.parquet"
_FACET = "facet:"
_NUMBER = "number:"
_FORMAT = 1


class SearchCatalogError(ValueError):
    """A file that holds no search catalogue, or a question that the catalogue cannot answer."""


@dataclass(frozen=True, eq=False)
class SearchCatalog:
    """Titles, words and facets of a shop's items, for keyword search and for showing hits.

    ```python
    catalog = SearchCatalog.from_shop("shop.yaml")
    catalog.save("catalog.parquet")
    ```

    Args:
        ids: object[n] of distinct str.
        titles: object[n] of str, what an item is called.
        words: object[n] of str, the text that keyword search reads.
        facets: the items' values of each category and tags feature, n rows.
        pictures: each item's picture file, None where there is none; not kept in files.
        numbers: the items' values of each number feature, n rows.
    """

    ids: NDArray[np.object_]
    titles: NDArray[np.object_]
    words: NDArray[np.object_]
    facets: Mapping[str, TagsColumn]
    pictures: Sequence[Path | None] = field(default=())
    numbers: Mapping[str, NumberColumn] = field(default_factory=dict)

    @classmethod
    def from_shop(
        cls,
        shop: str | os.PathLike[str] | Shop | ShopData | Catalog,
        *,
        title: str | None = None,
        words: Sequence[str] | None = None,
    ) -> Self:
        """Of a shop file, a loaded shop or its items.

        Words of an item are those of its text features, its categories and tags, and its id.

        Args:
            shop: the shop.
            title: the text feature that names an item, by default the first.
            words: the text features to search, by default all.

        Raises:
            ShopFileError: a shop file or table that cannot be used as written.
            SearchCatalogError: there is no text feature, or not the one asked for.
        """
        if not isinstance(shop, (ShopData, Catalog)):
            shop = load(shop, verify_media=False)
        items = shop.items if isinstance(shop, ShopData) else shop
        texts = {
            name: column.values
            for name, column in items.features.items()
            if isinstance(column, TextColumn)
        }
        wanted = list(texts) if words is None else list(words)
        title = title or next(iter(texts), "")
        for name in (title, *wanted):
            if name not in texts:
                raise SearchCatalogError(
                    f"the items have no text feature {name!r}; they have: "
                    f"{', '.join(texts) or 'none'}. Searching by keywords needs one."
                )
        facets = {
            name: found
            for name, column in items.features.items()
            if (found := _as_tags(column)) is not None
        }
        parts: list[Any] = [texts[name] for name in wanted]
        parts += [_joined(column) for column in facets.values()]
        parts.append(items.ids)
        joined = np.empty(len(items), object)
        joined[:] = ["\n".join(filter(None, row)) for row in zip(*parts, strict=True)]
        pictures = [column for column in items.features.values() if isinstance(column, ImageColumn)]
        first = [paths[0] if paths else None for paths in pictures[0].paths] if pictures else []
        numbers = {
            name: column
            for name, column in items.features.items()
            if isinstance(column, NumberColumn)
        }
        return cls(items.ids, texts[title], joined, facets, first, numbers)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            SearchCatalogError: it holds something else.
        """
        path = Path(file)
        if not path.is_file():
            raise FileNotFoundError(f"There is no search catalogue {path}.")
        try:
            table = pa.parquet.read_table(path)
            about = json.loads((table.schema.metadata or {})[b"tfmm_search_catalog"])
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise SearchCatalogError(
                f"{path} is no search catalogue: expected the Parquet file that "
                "SearchCatalog.save, `tfmm catalog` or `tfmm export` writes."
            ) from error
        if about["format"] != _FORMAT:
            raise SearchCatalogError(
                f"{path} has the form {about['format']}, expected {_FORMAT}: write it again with "
                "this version of tfmm."
            )
        ids, titles, words = (
            np.asarray(table[name].to_numpy(), object) for name in ("item_id", "title", "words")
        )
        facets = {
            name.removeprefix(_FACET): _from_lists(table[name])
            for name in table.column_names
            if name.startswith(_FACET)
        }
        numbers = {
            name.removeprefix(_NUMBER): NumberColumn(table[name].to_numpy())
            for name in table.column_names
            if name.startswith(_NUMBER)
        }
        return cls(ids, titles, words, facets, numbers=numbers)

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Writes a Parquet file, its folder made, and returns its path; pictures are left out."""
        path = Path(file)
        columns: dict[str, Any] = {
            "item_id": pa.array(self.ids, pa.string()),
            "title": pa.array(self.titles, pa.string()),
            "words": pa.array(self.words, pa.string()),
        }
        for name, column in self.facets.items():
            values = pa.array(column.vocabulary, pa.string()).take(pa.array(column.values))
            offsets = pa.array(column.offsets.astype(np.int32))
            columns[_FACET + name] = pa.ListArray.from_arrays(offsets, values)
        for name, number in self.numbers.items():
            columns[_NUMBER + name] = pa.array(number.values, pa.float32())
        about = {b"tfmm_search_catalog": json.dumps({"format": _FORMAT}).encode()}
        table = pa.table(columns).replace_schema_metadata(about)
        with replacing(path) as aside:
            pa.parquet.write_table(table, aside, compression="zstd")
        return path

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {item: row for row, item in enumerate(self.ids)}

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """The row of each id, int64[m]; -1 for ids that the catalogue lacks."""
        return np.array([self._index.get(item, -1) for item in ids], np.int64)

    def title(self, item_id: str) -> str:
        """What an item is called; its id where the catalogue lacks it or it has no title."""
        row = self._index.get(item_id, -1)
        return (self.titles[row] if row >= 0 else "") or item_id

    def picture(self, item_id: str) -> Path | None:
        """An item's picture; None where there is none, or the catalogue came from a file."""
        row = self._index.get(item_id, -1)
        return self.pictures[row] if 0 <= row < len(self.pictures) else None

    def facet_counts(self, ids: Iterable[str]) -> dict[str, dict[str, int]]:
        """How many of these items have each value of each facet, the most frequent first.

        Ids that the catalogue lacks count nowhere; values that no item here has are left out.
        """
        rows = self.rows(ids)
        rows = rows[rows >= 0]
        counts = {}
        for name, column in self.facets.items():
            found = np.bincount(column.take(rows).values, minlength=len(column.vocabulary))
            order = np.argsort(-found, kind="stable")[: int((found > 0).sum())]
            counts[name] = {str(column.vocabulary[code]): int(found[code]) for code in order}
        return counts

    def allowed(self, terms: Iterable[str]) -> NDArray[np.bool_]:
        """Which items `feature=value` terms allow, bool[n]: OR within a feature, AND across.

        Raises:
            SearchCatalogError: a term of another form, or of a feature that is no facet here.
        """
        by_feature: dict[str, NDArray[np.bool_]] = {}
        for term in terms:
            name, equals, value = term.partition("=")
            if not equals or name not in self.facets:
                raise SearchCatalogError(
                    f"allow: {term!r} is no `feature=value` term of this catalogue; its features "
                    f"are: {', '.join(self.facets) or 'none'}."
                )
            column = self.facets[name]
            mask = by_feature.setdefault(name, np.zeros(len(self), bool))
            code = np.flatnonzero(column.vocabulary == value)
            if len(code):
                owner = np.repeat(np.arange(len(self)), np.diff(column.offsets))
                mask[owner[column.values == code[0]]] = True
        return np.logical_and.reduce([np.ones(len(self), bool), *by_feature.values()])


def _as_tags(column: Any) -> TagsColumn | None:
    if isinstance(column, TagsColumn):
        return column
    if isinstance(column, CategoryColumn):
        present = column.codes >= 0
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(present)])
        return TagsColumn(column.codes[present], offsets, column.vocabulary)
    return None


def _joined(column: TagsColumn) -> list[str]:
    names = column.vocabulary[column.values]
    starts = column.offsets.tolist()
    return [" ".join(names[start:end]) for start, end in itertools.pairwise(starts)]


def _from_lists(lists: pa.ChunkedArray) -> TagsColumn:
    lengths = np.array([len(row) for row in lists.to_pylist()], np.int64)
    flat = np.asarray(lists.combine_chunks().flatten().to_numpy(zero_copy_only=False), object)
    vocabulary, codes = np.unique(flat, return_inverse=True) if len(flat) else (flat, flat)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return TagsColumn(codes.astype(np.int32), offsets, vocabulary)
