"""Content by logistic regression: what a group of shoppers likes about items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tfmm.baselines.base import Baseline
from tfmm.data.catalog import Catalog
from tfmm.data.events.pairs import Pairs

_MEDIA = ("image", "audio", "video")


@dataclass(kw_only=True)
class Content(Baseline):
    """Scores an item by how likely shoppers of a group are to have it, given its content alone.

    Shoppers are grouped by k-means over the mean content vectors of their histories; for each group
    a logistic regression over the items' vectors learns which of the group's user-item pairs are
    there. It needs no event of an item, so it ranks items that were never trained on too; a shopper
    is no more than their group.

    Source: the content-based models of Pazzani and Billsus, The Adaptive Web, 2007, chapter 10.

    Raises:
        ValueError: groups below 1 or a strength that is not above 0.
    """

    name: ClassVar[str] = "content"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {"groups": (1, 16, 48), "strength": (0.1, 10.0)}

    item_vectors: NDArray[np.float32] | None = None
    """Content of the items, float32 `[n_items, D]`, such as `content_vectors` makes."""

    groups: int = 16
    """Groups of shoppers."""

    strength: float = 1.0
    """Inverse of the regression's penalty."""

    seed: int = 1
    """Of the groups."""

    scores_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)
    groups_: KMeans | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ValueError(f"`groups` is {self.groups}, but there must be at least 1.")
        if not self.strength > 0:
            raise ValueError(f"`strength` is {self.strength}, but it must be above 0.")

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        """Learns from `train`, float32 `[n_users, n_items]`.

        Raises:
            ValueError: no item vectors, or not one for each item.
        """
        values = self._values(train)
        if self.item_vectors is None or len(self.item_vectors) != values.shape[1]:
            came = "none" if self.item_vectors is None else len(self.item_vectors)
            raise ValueError(
                f"The baseline 'content' needs `item_vectors` of the {values.shape[1]} items, but "
                f"there are {came}. Make them with tfmm.baselines.content_vectors(shop.items)."
            )
        some = values[np.diff(values.indptr) > 0]
        profiles = self._profiles(some)
        n = min(self.groups, len(np.unique(profiles, axis=0)))
        self.groups_ = KMeans(n, n_init=1, random_state=self.seed).fit(profiles)
        counts = np.array(
            [some[self.groups_.labels_ == g].sum(axis=0).A1 for g in range(n)], np.float64
        )
        sizes = np.bincount(self.groups_.labels_, minlength=n)
        # The last row is everybody, for shoppers without a history.
        counts, sizes = np.vstack([counts, counts.sum(axis=0)]), np.append(sizes, len(profiles))
        rows = [self._regress(c, int(s)) for c, s in zip(counts, sizes, strict=True)]
        self.scores_ = np.array(rows, np.float32)
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        scores = self.scores_
        histories = self._histories(histories, None if scores is None else scores.shape[1])
        assert scores is not None
        assert self.groups_ is not None
        group = np.full(histories.shape[0], len(scores) - 1)
        some = np.flatnonzero(np.diff(histories.indptr) > 0)
        if len(some):
            group[some] = self.groups_.predict(self._profiles(histories[some]))
        return scores[group]

    def _profiles(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """Mean content of histories, scaled to length one."""
        mean = np.asarray(histories @ self.item_vectors, np.float32)
        return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), np.float32(1e-12))

    def _regress(self, counts: NDArray[np.float64], size: int) -> NDArray[np.float64]:
        """Logits `[n_items]` of how likely a shopper of `size` has an item that `counts` have."""
        there = np.minimum(counts, size)
        # Every item twice: once for those who have it, once for those who do not.
        weights = np.concatenate([there, size - there]) / max(size, 1)
        if not 0 < there.sum() < size * len(there):
            return np.zeros(len(there))
        labels = np.repeat([1, 0], len(there))
        twice = np.concatenate([self.item_vectors, self.item_vectors])
        fitted = LogisticRegression(C=self.strength, max_iter=300).fit(twice, labels, weights)
        return fitted.decision_function(self.item_vectors)


def content_vectors(items: Catalog, dim: int = 64, seed: int = 1) -> NDArray[np.float32]:
    """What a shop's tables say of its items, as vectors.

    Words become TF-IDF, categories and tags ones and zeros, numbers deviations from their mean;
    what is wider than `dim` is brought to it by latent semantic analysis. Every feature is scaled
    to a mean squared length of one, and zeros where it is missing. Media files are not looked at.

    Args:
        items: the catalogue.
        dim: the most dimensions of a feature.
        seed: of the analysis.

    Returns:
        float32 `[n_items, D]`.

    Raises:
        ValueError: there is no feature to read.
    """
    parts = []
    for column in items.features.values():
        if column.kind in _MEDIA:
            continue
        values = _values(column)
        if min(values.shape) > dim and values.shape[1] > dim:
            values = TruncatedSVD(dim, random_state=seed).fit_transform(values)
        dense = np.asarray(values.toarray() if sp.issparse(values) else values, np.float32)
        dense = np.where(column.present[:, None], dense, np.float32(0))
        length = np.sqrt((dense**2).sum() / max(len(dense), 1))
        parts.append(dense / max(float(length), 1e-12))
    if not parts:
        raise ValueError(
            "The baseline 'content' needs item features of the kinds text, category, tags, number "
            f"or vector, but the shop's items have {', '.join(items.features) or 'none'}. To "
            "resolve this, name some in the shop file, or leave the baseline out."
        )
    return np.concatenate(parts, axis=1).astype(np.float32)


def _values(column: Any) -> Any:
    """A column as numbers `[n, D]`, sparse or dense."""
    n = len(column)
    if column.kind == "text":
        if not column.present.any():
            return np.zeros((n, 1), np.float32)
        return TfidfVectorizer(sublinear_tf=True, dtype=np.float32).fit_transform(column.values)
    if column.kind == "category":
        rows = np.flatnonzero(column.codes >= 0)
        ones, width = np.ones(len(rows), np.float32), max(len(column.vocabulary), 1)
        return sp.csr_matrix((ones, (rows, column.codes[rows])), shape=(n, width))
    if column.kind == "tags":
        ones, width = np.ones(len(column.values), np.float32), max(len(column.vocabulary), 1)
        return sp.csr_matrix((ones, column.values, column.offsets), shape=(n, width))
    values = np.asarray(column.values, np.float32).reshape(n, -1)
    known = values[column.present]
    if column.kind == "number" and len(known):
        return (values - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-6)
    return values
