"""How well a search finds: pictures by texts, texts by pictures, products by their kind.

Ranks are counted by score alone; of equal scores the wrong candidate stands first, so that a model
that scores everything alike finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.evaluation.metrics import rank_metrics

KS = (1, 5, 10)
#: Scores held at once.
_BLOCK = 2**24


def search_metrics(
    scores: NDArray[np.floating], relevant: Any, ks: Sequence[int] = KS
) -> dict[str, float]:
    """Metrics of queries whose scores of all candidates are given.

    Args:
        scores: float `[Q, N]`, higher is better; -inf for a candidate that is left out.
        relevant: `[Q, N]`, a matrix of SciPy or NumPy that is not zero where a candidate is right.
        ks: list lengths.

    Returns:
        Means over the queries that have something right: `recall@k` (found of the right ones),
        `hit@k` (whether any was found), `precision@k` (right ones among the k), `mrr` (one over the
        rank of the first right one), and `queries`, how many there were.

    Raises:
        ValueError: shapes that differ, NaN among the scores, or nothing right at all.
    """
    matrix = sp.csr_array(relevant)
    scores = np.asarray(scores)
    if scores.shape != matrix.shape:
        raise ValueError(
            f"`scores` and `relevant` must have the same shape [queries, candidates], but have "
            f"{list(scores.shape)} and {list(matrix.shape)}."
        )
    return _mean([_ranks(scores, matrix)], ks)


def vector_metrics(
    queries: Any,
    items: Any,
    relevant: Any,
    ks: Sequence[int] = KS,
    *,
    bias: NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """As `search_metrics`, for scores that are inner products, some queries at a time.

    Args:
        queries: float `[Q, D]`.
        items: float `[N, D]`; sparse, or dense, as the queries are.
        relevant: as for `search_metrics`.
        ks: list lengths.
        bias: float `[N]`, joins the scores: a correction for hubs (`tfmm.tasks.search.hubness`).
    """
    matrix = sp.csr_array(relevant)
    block = max(1, _BLOCK // max(1, items.shape[0]))
    parts = []
    for start in range(0, queries.shape[0], block):
        scores = queries[start : start + block] @ items.T
        if sp.issparse(scores):
            scores = scores.toarray()
        if bias is not None:
            scores += bias
        parts.append(_ranks(scores, matrix[start : start + block]))
    return _mean(parts, ks)


def both_ways(
    texts: NDArray[np.floating],
    pictures: NDArray[np.floating],
    groups: NDArray[np.integer],
    rows: NDArray[np.integer] | None = None,
    ks: Sequence[int] = KS,
    *,
    text_bias: NDArray[np.floating] | None = None,
    picture_bias: NDArray[np.floating] | None = None,
) -> dict[str, dict[str, float]]:
    """Pictures by their texts and texts by their pictures, over the whole catalogue.

    Args:
        texts, pictures: vectors float `[n, D]`, row i of both being item i's.
        groups: int `[n]`; the right answers to item i are all items of its group.
        rows: the items that ask; all by default.
        ks: list lengths.
        text_bias, picture_bias: float `[n]`, corrections of the scores of texts and of pictures.

    Returns:
        `text_to_picture` and `picture_to_text`, each as `search_metrics`.
    """
    rows = np.arange(len(groups)) if rows is None else np.asarray(rows)
    relevant = same_group(groups, rows)
    return {
        "text_to_picture": vector_metrics(texts[rows], pictures, relevant, ks, bias=picture_bias),
        "picture_to_text": vector_metrics(pictures[rows], texts, relevant, ks, bias=text_bias),
    }


def category_precision(
    queries: Mapping[str, NDArray[np.floating]],
    items: NDArray[np.floating],
    categories: Sequence[str] | NDArray[np.object_],
    ks: Sequence[int] = KS,
    *,
    bias: NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """How many of the first k products are of the category whose name was asked for.

    Args:
        queries: the vector float `[D]` of each category's name, by the name.
        items: float `[N, D]`.
        categories: the category of each item.
        ks: list lengths.
        bias: as for `vector_metrics`.

    Returns:
        As `search_metrics`; `precision@k` is what counts here.
    """
    names = list(queries)
    found = np.asarray(categories, object)
    relevant = np.stack([found == name for name in names]) if names else np.zeros((0, len(found)))
    vectors = np.stack([queries[name] for name in names]) if names else np.zeros((0, 1))
    return vector_metrics(vectors, items, relevant, ks, bias=bias)


def same_group(groups: NDArray[np.integer], rows: NDArray[np.integer]) -> sp.csr_array:
    """`[len(rows), len(groups)]`, one where an item is of the group of the item that asks."""
    distinct, member = np.unique(groups, return_inverse=True)
    n = len(member)
    of_group = sp.csr_array((np.ones(n, np.int8), (member, np.arange(n))), (len(distinct), n))
    return sp.csr_array(of_group[member[rows]])


def _ranks(scores: NDArray[np.floating], relevant: sp.csr_array) -> list[NDArray[np.int64]]:
    """For each query, the ranks from 1 of its right candidates, ascending."""
    if np.isnan(scores).any():
        raise ValueError("`scores` holds NaN, which has no rank.")
    found = []
    for row, values in enumerate(scores):
        right = relevant.indices[relevant.indptr[row] : relevant.indptr[row + 1]]
        right = right[relevant.data[relevant.indptr[row] : relevant.indptr[row + 1]] != 0]
        if not len(right):
            found.append(np.zeros(0, np.int64))
            continue
        order, own = np.sort(values), np.sort(values[right])
        # Wrong ones that score as high or higher stand before; right ones in any order.
        wrong = _as_high(order, own) - _as_high(own, own)
        found.append(np.sort(wrong[::-1] + np.arange(1, len(own) + 1)))
    return found


def _as_high(ascending: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many of `ascending` are as high as each of `values` or higher."""
    return len(ascending) - np.searchsorted(ascending, values, side="left")


def _mean(parts: Sequence[list[NDArray[np.int64]]], ks: Sequence[int]) -> dict[str, float]:
    ranks = [one for part in parts for one in part if len(one)]
    if not ranks:
        raise ValueError("No query has anything right to find: `relevant` is empty.")
    n_right = np.array([len(one) for one in ranks])
    found = rank_metrics(ranks, n_right, ks)
    return {name: float(np.mean(values)) for name, values in found.items()} | {
        "queries": len(ranks)
    }
