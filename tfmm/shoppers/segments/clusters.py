"""Clusters of shoppers' vectors, as many as hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

#: How alike two clusterings of different halves of the shoppers must be (adjusted Rand index).
STABLE = 0.6
_SAMPLE, _JUDGED = 20_000, 3_000
_MOST = 10


@dataclass(frozen=True, eq=False)
class Clusters:
    """Shoppers in clusters.

    Attributes:
        of: int64 `[n]`, the cluster of each vector, 0 for the largest.
        tried: a row for each number of clusters: `clusters`, `silhouette`, `stability`, `smallest`
            (a share of the shoppers; NaN for too few), `chosen`.
        stable: whether the chosen number is stable, or only the best of those that are not.
    """

    of: NDArray[np.int64]
    tried: pd.DataFrame
    stable: bool


def find_clusters(
    vectors: NDArray[np.floating], at_least: int = 10, *, most: int = _MOST, seed: int = 1
) -> Clusters:
    """k-means on vectors of length 1, with the number of clusters chosen.

    Each number from 2 on is tried: its silhouette (how much nearer a shopper is to the own cluster
    than to the next), and its stability: how alike the clusterings made of two halves of the
    shoppers are, on shoppers of neither. Chosen is the largest silhouette among those whose
    stability is at least 0.6, or the most stable where none is. At most 20,000 shoppers, drawn, are
    clustered and 3,000 judged; all are given the nearest centre.

    Args:
        vectors: float `[n, D]`, finite.
        at_least: shoppers that a cluster has.
        most: clusters that are tried.
        seed: of draws and starts.

    Raises:
        ValueError: there are too few shoppers for two clusters.
    """
    n = len(vectors)
    if n < max(2 * at_least, 6):
        raise ValueError(f"{n:,} shoppers with vectors are too few for two clusters.")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    rng = np.random.default_rng(seed)
    drawn = unit[rng.permutation(n)[:_SAMPLE]]
    judged = drawn[: min(_JUDGED, max(len(drawn) // 3, 3))]
    rest = drawn[len(judged) :]
    rows, models = [], {}
    for k in range(2, min(most, len(rest) // max(at_least, 2)) + 1):
        models[k] = model = _means(drawn, k, seed)
        labels = model.predict(judged)
        halves = [_means(half, k, seed).predict(judged) for half in (rest[::2], rest[1::2])]
        share = np.bincount(model.predict(unit), minlength=k).min() / n
        rows.append(
            {
                "clusters": k,
                "silhouette": float(silhouette_score(judged, labels))
                if 1 < len(set(labels)) < len(judged)
                else -1.0,
                "stability": float(adjusted_rand_score(*halves)),
                "smallest": float(share),
            }
        )
    tried = pd.DataFrame(rows)
    large = tried[tried["smallest"] * n >= at_least]
    if large.empty:
        raise ValueError(f"no clusters have {at_least} shoppers each.")
    held = large[large["stability"] >= STABLE]
    best = (
        held.loc[held["silhouette"].idxmax()]
        if len(held)
        else large.loc[large["stability"].idxmax()]
    )
    chosen = int(best["clusters"])
    tried["chosen"] = tried["clusters"] == chosen
    tried.loc[tried["smallest"] * n < at_least, "smallest"] = np.nan
    of = models[chosen].predict(unit)
    place = np.empty(chosen, np.int64)
    place[np.argsort(-np.bincount(of, minlength=chosen), kind="stable")] = np.arange(chosen)
    return Clusters(place[of], tried, bool(len(held)))


def _means(vectors: NDArray[np.floating], k: int, seed: int) -> KMeans:
    # Its threads wait for each other longer than they work on so little.
    with threadpool_limits(1):
        return KMeans(min(k, len(vectors)), n_init=4, random_state=seed).fit(vectors)
