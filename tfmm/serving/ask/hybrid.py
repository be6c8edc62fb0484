"""Words and meaning together: a model's hits ranked with those of keyword search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from tfmm.data.search_catalog import SearchCatalog
from tfmm.evaluation.query_metrics import query_metrics
from tfmm.serving.ask.keywords import Keywords, best
from tfmm.serving.client.hits import Hits

#: Tried by `Hybrid.tuned`.
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class Hybrid:
    """Ranks what a model found together with what BM25 finds in the catalogue's words.

    ```python
    hybrid = Hybrid(SearchCatalog.load("catalog.parquet"))
    client.search(text="acme XR-500", hybrid=hybrid)
    ```

    Each side's scores are brought to 0 to 1 for the query, the model's between its worst and best
    hit, BM25's by its best; an item that a side did not find has 0 there. The sum is weighted.
    Whatever the weight, an item whose id or product code the query names comes first.

    Args:
        catalog: the items' words; a `Keywords` of it saves building one.
        weight: of BM25, 0 (the model alone) to 1 (BM25 alone). The default won on validation
            queries in the words of the titles (`benchmarks/hybrid.py`), where BM25 is at its best;
            `tuned` chooses one for a shop's own queries, which may need the model more.

    Raises:
        ValueError: a weight outside 0 to 1.
        ModuleNotFoundError: the package bm25s is not installed.
    """

    def __init__(self, catalog: SearchCatalog | Keywords, *, weight: float = 0.95):
        if not 0 <= weight <= 1:
            raise ValueError(f"weight must lie in 0 to 1, got {weight}.")
        self.keywords = catalog if isinstance(catalog, Keywords) else Keywords(catalog)
        self.catalog = self.keywords.catalog
        self.weight = weight

    def rank(
        self,
        text: str,
        hits: Hits,
        exclude: Iterable[str] = (),
        allow: Iterable[str] = (),
        k: int | None = None,
    ) -> Hits:
        """A model's hits and keyword search's, as one list; scores are 0 to 1, and 2
        more for items that the query names by id or code.

        Args:
            text: the query.
            hits: what the model found for it.
            exclude, allow: as the model was asked, for what keyword search adds.
            k: items to return, by default as many as `hits`.

        Raises:
            SearchCatalogError: an `allow` term that the catalogue does not know.
        """
        k = len(hits) if k is None else k
        scores = np.where(self.keywords.open_to(exclude, allow), self.keywords.scores(text), 0)
        exact = self.keywords.exact(text) & (scores > 0)
        found = best(scores + exact * scores.max(initial=0), k)
        meaning = dict(zip(hits.item_id, _spread(hits.score), strict=True))
        words: dict[str, float] = {}
        first: dict[str, float] = {}
        top = float(scores.max(initial=0)) or 1.0
        rows = [*found.tolist(), *(row for row in self.catalog.rows(hits.item_id) if row >= 0)]
        for row in rows:
            item = str(self.catalog.ids[row])
            words[item] = float(scores[row]) / top
            first[item] = float(exact[row])
        joined = {
            item: (1 - self.weight) * meaning.get(item, 0.0)
            + self.weight * words.get(item, 0.0)
            + 2 * first.get(item, 0.0)
            for item in {**meaning, **words}
        }
        ranked = sorted(joined, key=lambda item: -joined[item])[:k]
        return Hits(ranked, [joined[item] for item in ranked])

    def tuned(
        self,
        texts: Sequence[str],
        hits: Sequence[Hits],
        relevant: Sequence[Mapping[str, float]],
        weights: Sequence[float] = WEIGHTS,
    ) -> Self:
        """The same with the weight of the best mean NDCG@10 on queries kept for validation.

        Args:
            texts: the queries.
            hits: what the model found for each, before ranking.
            relevant: the relevant ids of each, with their relevance.
            weights: those to try; of equally good ones the first is taken.
        """
        quality = {}
        for weight in weights:
            hybrid = type(self)(self.keywords, weight=weight)
            quality[weight] = np.mean(
                [
                    query_metrics(hybrid.rank(text, found).item_id, wanted, (10,))["ndcg@10"]
                    for text, found, wanted in zip(texts, hits, relevant, strict=True)
                ]
            )
        return type(self)(self.keywords, weight=max(quality, key=lambda weight: quality[weight]))


def _spread(scores: Sequence[float]) -> list[float]:
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    if high == low:
        return [1.0] * len(scores)
    return [(score - low) / (high - low) for score in scores]
