"""Finds products for a conversation: asks the model and keyword search, and keeps what meets the
filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.known.products import Products
from tfmm.serving.client.client import Client
from tfmm.serving.client.hits import Hits

#: Products of a keyword search that are ranked.
_KEYWORD_HITS = 200


@dataclass(frozen=True)
class Wanted:
    """What is to be found; see `State` for its parts."""

    source: str
    filters: Filters
    query: str = ""
    picture: bytes | None = None
    reference: str = ""
    shopper: str = ""
    looked: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Finder:
    """Asks one served model for the products of a catalogue.

    Prices, refusals and words that must be absent are held against the catalogue here, since no
    signature takes them; the categories that are wanted go to the model as `allow`. What the model
    does not rank and the filters admit comes behind what it does, by its words, so that a filter
    never loses a product for the k that a model was exported with.

    Args:
        client: of a model with any of `search_text`, `search_image`, `search_mixed`,
            `similar_items`, `recommend` and `recommend_session`; what it lacks is done by words.
        products: the catalogue.
    """

    def __init__(self, client: Client, products: Products):
        self._client = client
        self._products = products
        self._signatures = client.metadata().signatures

    def find(self, wanted: Wanted) -> list[str]:
        """The ids of all products that are found, best first.

        Raises:
            ServingError: the server did not answer, or answered with an error.
        """
        open_to = self._products.mask(wanted.filters, wanted.exclude)
        if not open_to.any():
            return []
        text = self._text(wanted)
        hits = self._asked(wanted, text)
        catalog = self._products.catalog
        rows = [row for row in catalog.rows(hits.item_id) if row >= 0 and open_to[row]]
        if text or wanted.filters or wanted.source == "recommend":
            rest = open_to.copy()
            rest[rows] = False
            scores = self._products.keywords.scores(text) if text else np.zeros(len(catalog))
            if not wanted.filters and wanted.source != "recommend":
                rest &= scores > 0
            left = np.flatnonzero(rest)
            rows += left[np.argsort(-scores[left], kind="stable")].tolist()
        return [str(catalog.ids[row]) for row in dict.fromkeys(rows)]

    def _text(self, wanted: Wanted) -> str:
        values = [value for found in wanted.filters.wanted.values() for value in found]
        if wanted.source == "similar":
            return ""
        return " ".join([*values, wanted.query]).strip()

    def _asked(self, wanted: Wanted, text: str) -> Hits:
        allow, exclude = self._terms(wanted.filters), list(wanted.exclude)
        if wanted.source == "similar" and "similar_items" in self._signatures:
            return self._client.similar(wanted.reference, allow=self._fit("similar_items", allow))
        if wanted.source == "recommend":
            return self._recommended(wanted, allow)
        if wanted.source == "similar":
            title = self._products.title(wanted.reference)
            found = self._products.keywords.search(
                title, _KEYWORD_HITS, [*exclude, wanted.reference]
            )
            return found
        if wanted.picture is not None:
            return self._by_picture(wanted.picture, text, allow)
        return self._by_words(text, exclude, allow)

    def _recommended(self, wanted: Wanted, allow: list[str]) -> Hits:
        if wanted.shopper and "recommend" in self._signatures:
            return self._client.recommend(wanted.shopper, allow=self._fit("recommend", allow))
        if "recommend_session" in self._signatures:
            found = self._client.recommend_session(
                list(wanted.looked), allow=self._fit("recommend_session", allow)
            )
            return _one(found)
        return Hits([], [])

    def _by_picture(self, picture: bytes, text: str, allow: list[str]) -> Hits:
        if text and "search_mixed" in self._signatures:
            allow = self._fit("search_mixed", allow)
            return _one(self._client.search(image=picture, text=text, allow=allow))
        if "search_image" not in self._signatures:
            return Hits([], [])
        allow = self._fit("search_image", allow)
        return _one(self._client.search(image=picture, allow=allow))

    def _by_words(self, text: str, exclude: list[str], allow: list[str]) -> Hits:
        if not text:
            return Hits([], [])
        if "search_text" not in self._signatures:
            return self._products.keywords.search(text, _KEYWORD_HITS, exclude, allow)
        found = _one(self._client.search(text=text, allow=self._fit("search_text", allow)))
        return self._products.hybrid.rank(text, found, exclude, allow, k=_KEYWORD_HITS)

    def _terms(self, filters: Filters) -> list[str]:
        return list(dict.fromkeys(filters.terms))

    def _fit(self, signature: str, allow: Sequence[str]) -> list[str]:
        """The terms where a signature takes as many; otherwise none, since all of them hold here
        again and a part of them would mean something else."""
        spec = self._signatures[signature].inputs.get("allow")
        if spec is None:
            return []
        width = spec.shape[1] if spec.shape is not None and len(spec.shape) == 2 else -1
        return list(allow) if width < 0 or len(allow) <= width else []


def _one(found: Hits | list[Hits]) -> Hits:
    assert isinstance(found, Hits)
    return found
