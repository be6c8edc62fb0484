"""What is known of the products: names, values, prices and words, and which meet filters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmm.data.search_catalog import SearchCatalog
from tfmm.serving.ask.hybrid import Hybrid
from tfmm.serving.ask.keyword_tokens import keyword_tokens
from tfmm.serving.ask.keywords import Keywords
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.reading.clean import clean_text
from tfmm.serving.assistant.reading.language import Language
from tfmm.serving.linking import Linker

_LONGEST_TITLE, _LONGEST_SENTENCE = 120, 400
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*|\n")


class Products:
    """A catalogue as a conversation needs it.

    Args:
        catalog: titles, words, facets and numbers.
        languages: their words for values are found too.
        price: the number feature that is the price; by default the first whose name says so, else
            there is none.

    Raises:
        ValueError: the catalogue has no words, or no such number feature.
    """

    def __init__(
        self, catalog: SearchCatalog, languages: Sequence[Language], price: str | None = None
    ):
        self.catalog = catalog
        self.keywords = Keywords(catalog)
        self.hybrid = Hybrid(self.keywords)
        counts = {
            name: dict(
                zip(
                    map(str, column.vocabulary),
                    np.bincount(column.values, minlength=len(column.vocabulary)).tolist(),
                    strict=True,
                )
            )
            for name, column in catalog.facets.items()
        }
        synonyms: dict[str, list[str]] = {}
        for language in languages:
            for part in (language.values, language.synonyms):
                for value, words in part.items():
                    synonyms.setdefault(value, []).extend(words)
        spelt = Counter(word for words in catalog.words for word in set(keyword_tokens(words)))
        often = (word for word, count in spelt.items() if count > 1)
        self.linker = Linker(
            counts, list(catalog.numbers), synonyms=synonyms, words=often, price=price
        )
        self.price = self.linker.price
        #: The feature that says what kind of product it is; None where no language knows its name.
        self.kind = next(
            (
                name
                for name in catalog.facets
                if any(language.concept(name) == "type" for language in languages)
            ),
            None,
        )

    def __contains__(self, item_id: str) -> bool:
        return self._row(item_id) >= 0

    def title(self, item_id: str) -> str:
        """The first line of a title, without anything that shows nothing."""
        first = self.catalog.title(item_id).split("\n")[0]
        return clean_text(first, _LONGEST_TITLE) or clean_text(item_id, _LONGEST_TITLE)

    def values(self, item_id: str, feature: str) -> tuple[str, ...]:
        """A product's values of a category or tags feature."""
        column, row = self.catalog.facets[feature], self._row(item_id)
        if row < 0:
            return ()
        codes = column.values[column.offsets[row] : column.offsets[row + 1]]
        return tuple(str(value) for value in column.vocabulary[codes])

    def number(self, item_id: str, feature: str) -> float | None:
        """A product's value of a number feature; None where it has none."""
        row = self._row(item_id)
        value = self.catalog.numbers[feature].values[row] if row >= 0 else np.nan
        # As written in a table: 34.95, not the nearest double of its float32.
        return None if np.isnan(value) else float(str(value))

    def price_of(self, item_id: str) -> float | None:
        """A product's price; None where it has none."""
        return None if self.price is None else self.number(item_id, self.price)

    def sentences(self, item_id: str) -> list[str]:
        """What a product's texts say, without its title, its values and its id."""
        row = self._row(item_id)
        if row < 0:
            return []
        told = {self.title(item_id), item_id, clean_text(str(self.catalog.titles[row]), 10_000)}
        told |= {" ".join(self.values(item_id, feature)) for feature in self.catalog.facets}
        found = (
            clean_text(part, _LONGEST_SENTENCE)
            for part in _SENTENCES.split(str(self.catalog.words[row])[:20_000])
        )
        return [sentence for sentence in dict.fromkeys(found) if sentence and sentence not in told]

    @property
    def features(self) -> list[str]:
        """The features that have values: those of facets, then numbers."""
        return [*self.catalog.facets, *self.catalog.numbers]

    @cached_property
    def several(self) -> frozenset[str]:
        """Features of which a product may have several values."""
        return frozenset(
            name
            for name, column in self.catalog.facets.items()
            if len(column.offsets) > 1 and int(np.diff(column.offsets).max()) > 1
        )

    def mask(self, filters: Filters, exclude: Iterable[str] = ()) -> NDArray[np.bool_]:
        """Which products meet filters and are not left out, bool[n]."""
        mask = self.keywords.open_to(exclude, ())
        for name, values in filters.wanted.items():
            each = [self.catalog.allowed([f"{name}={value}"]) for value in values]
            join = np.logical_and if name in self.several else np.logical_or
            mask &= join.reduce(each)
        for name, values in filters.refused.items():
            mask &= ~self.catalog.allowed([f"{name}={value}" for value in values])
        for word in filters.without:
            mask &= self.keywords.scores(word) == 0
        for name, (low, high) in filters.ranges.items():
            numbers = self.catalog.numbers[name].values
            # A comparison with NaN is false: what has no price is not below one.
            if low is not None:
                mask &= numbers >= np.float32(low)
            if high is not None:
                mask &= numbers <= np.float32(high)
        return mask

    def known_filters(self, filters: Filters) -> Filters:
        """Filters without features that this catalogue lacks: those of a restored state, say."""
        have = {*filters.wanted, *filters.refused, *filters.ranges}
        facets, numbers = self.catalog.facets, self.catalog.numbers
        bad = {name for name in (*filters.wanted, *filters.refused) if name not in facets}
        bad |= {name for name in filters.ranges if name not in numbers}
        return filters.dropping(sorted(have & bad))

    def _row(self, item_id: str) -> int:
        return int(self.catalog.rows([item_id])[0])
