"""Keyword search over a catalogue's words: BM25, and product codes that match exactly."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tfmm.data.search_catalog import SearchCatalog
from tfmm.serving.ask.keyword_tokens import is_code, keyword_tokens, squashed
from tfmm.serving.client.hits import Hits

# A number that more items share than this is a size or a year rather than a code.
_CODE_ITEMS = 10


class Keywords:
    """BM25 (Robertson and Zaragoza, FnTIR 2009; Lucene's form) over a catalogue, by `bm25s`.

    Built in the client in seconds for a hundred thousand items; asking takes about a millisecond.

    Args:
        catalog: the items and their words.
        k1: how fast a word's repeats stop counting.
        b: how much long texts are held down, 0 to 1.

    Raises:
        ModuleNotFoundError: the package bm25s is not installed.
        ValueError: the catalogue has no words.
    """

    def __init__(self, catalog: SearchCatalog, *, k1: float = 1.2, b: float = 0.75):
        try:
            import bm25s
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "searching by keywords needs the package bm25s. Install it with: "
                "pip install 'tfmm[search]'"
            ) from error
        self.catalog = catalog
        tokens = [keyword_tokens(words) for words in catalog.words]
        if not any(tokens):
            raise ValueError("the catalogue has no words to search; expected titles or ids.")
        self._bm25 = bm25s.BM25(k1=k1, b=b, method="lucene")
        self._bm25.index(tokens, show_progress=False)
        self._codes = {squashed(item): row for row, item in enumerate(catalog.ids)}

    def scores(self, text: str) -> NDArray[np.float32]:
        """The BM25 score of each item, float32[n]; 0 where no word of the text occurs."""
        tokens = self.known(text)
        if not tokens:
            return np.zeros(len(self.catalog), np.float32)
        return np.asarray(self._bm25.get_scores(tokens), np.float32)

    def exact(self, text: str) -> NDArray[np.bool_]:
        """Items whose id the text is, or which hold every product code in it, bool[n].

        A code is a token with a digit that few items hold.
        """
        found = np.zeros(len(self.catalog), bool)
        row = self._codes.get(squashed(text))
        if row is not None:
            found[row] = True
            return found
        codes = []
        for token in filter(is_code, self.known(text)):
            items = np.asarray(self._bm25.get_scores([token])) > 0
            if items.sum() <= _CODE_ITEMS:
                codes.append(items)
        return np.logical_and.reduce(codes) if codes else found

    def search(
        self, text: str, k: int = 10, exclude: Iterable[str] = (), allow: Iterable[str] = ()
    ) -> Hits:
        """The k best items that hold a word of the text, without asking any server.

        Raises:
            SearchCatalogError: an `allow` term that the catalogue does not know.
        """
        scores = np.where(self.open_to(exclude, allow), self.scores(text), 0)
        scores = np.where(self.exact(text) & (scores > 0), scores + scores.max(initial=0), scores)
        rows = best(scores, k)
        return Hits([str(item) for item in self.catalog.ids[rows]], scores[rows].tolist())

    def open_to(self, exclude: Iterable[str], allow: Iterable[str]) -> NDArray[np.bool_]:
        """Items that a request with these may be given, bool[n]."""
        mask = self.catalog.allowed(allow)
        rows = self.catalog.rows(exclude)
        mask[rows[rows >= 0]] = False
        return mask

    def known(self, text: str) -> list[str]:
        """The tokens of a text that the catalogue holds, each once."""
        known = self._bm25.vocab_dict
        return [token for token in dict.fromkeys(keyword_tokens(text)) if token in known]


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The rows of the k highest scores above 0, best first, ties in row order."""
    above = np.flatnonzero(scores > 0)
    if len(above) > k:
        cut = np.partition(scores[above], len(above) - k)[len(above) - k]
        above = above[scores[above] >= cut]
    return above[np.argsort(-scores[above], kind="stable")][:k]
