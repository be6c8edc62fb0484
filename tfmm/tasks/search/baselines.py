"""What finds items without a model: chance, and the words of what else is known of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from tfmm.data.catalog import Catalog
from tfmm.tasks.search.measure import KS, same_group, vector_metrics


def search_baselines(
    items: Catalog, feature: str, groups: NDArray[np.integer], rows: NDArray[np.integer]
) -> dict[str, dict[str, float]]:
    """Metrics of the baselines, by name.

    - `chance`: a random order of all items, as is expected of it.
    - `words`: where items are asked for by a text, cosines of TF-IDF with the words of their other
      texts, categories and tags; the text that is asked by is not among them, since an item would
      be found by being itself.

    Args:
        items: the catalogue.
        feature: what items are asked for by.
        groups: int `[n_items]`; all items of an item's group are right.
        rows: the items that are asked for.
    """
    found: dict[str, dict[str, float]] = {
        "chance": {f"recall@{k}": min(1.0, k / len(items)) for k in KS}
    }
    column: Any = items.features[feature]
    words = _words(items, feature)
    if column.kind == "text" and any(words):
        vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
        try:
            known = vectorizer.fit_transform(words)
        except ValueError:
            return found  # no word is longer than a letter
        asked = vectorizer.transform([str(text) for text in column.values[rows]])
        found["words"] = vector_metrics(asked, known, same_group(groups, rows))
    return found


def _words(items: Catalog, without: str) -> list[str]:
    """The texts, categories and tags of each item, but for one feature's."""
    parts: list[list[str]] = [[] for _ in range(len(items))]
    for name, column in items.features.items():
        if name == without:
            continue
        for words, told in zip(parts, _told(column), strict=False):
            words.extend(told)
    return [" ".join(words) for words in parts]


def _told(column: Any) -> Any:
    """What a column says in words, a list a row; nothing for other kinds."""
    if column.kind == "text":
        return ([str(text)] for text in column.values)
    if column.kind == "category":
        words = list(map(str, column.vocabulary))
        return ([words[code]] if code >= 0 else [] for code in column.codes)
    if column.kind == "tags":
        words = list(map(str, column.vocabulary))
        spans = zip(column.offsets[:-1], column.offsets[1:], strict=True)
        return ([words[code] for code in column.values[start:stop]] for start, stop in spans)
    return ()
