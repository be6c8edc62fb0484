"""Metrics of rankings, each defined once, for models and baselines alike.

For a user with the set T of test items and the ranked list r_1 ... r_k, with hit_i = 1 if r_i is in
T:

- recall@k: hits / |T|.
- ndcg@k: sum of hit_i / log2(i + 1), divided by the same sum of an ideal list, which begins with
  min(k, |T|) hits. Järvelin and Kekäläinen, ACM TOIS 2002, with binary gains.
- mrr@k: 1 / rank of the first hit, 0 without one. Voorhees, TREC-8, 1999.
- hit_rate@k: 1 if there is a hit.
- precision@k: hits / k.
- precision@k: hits / k.
- map@k: mean over the hits' ranks i of the precision at i, that is its sum divided by min(k, |T|).
- novelty@k: mean of -log2(share of the training users who have the item), an item of none counting
  as of one. Zhou et al., PNAS 2010; Castells, Vargas and Wang, DDR 2011.
- intra_list_diversity@k: 1 - mean cosine of the vectors of all pairs in the list. Ziegler et al.,
  WWW 2005; Smyth and McClave, ICCBR 2001.
- coverage@k: distinct items over all users' lists / all items. Ge et al., RecSys 2010.

All but coverage are means over the users with test items; novelty and diversity are taken over the
same users' lists.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

PerUser = dict[str, NDArray[np.float64]]
"""Values by metric, such as `recall@20`: float64 `[U]`."""

_BLOCK = 1024


def hits(ranked: NDArray[np.int32], truth: sp.csr_matrix) -> NDArray[np.bool_]:
    """Which ranked items are test items: bool `[U, K]`.

    Args:
        ranked: int32 `[U, K]`, -1 for none.
        truth: sparse `[U, N]`, its stored entries the test items.
    """
    n_users, n_items = truth.shape
    owner = np.repeat(np.arange(n_users), np.diff(truth.indptr))
    tests = np.sort(owner * n_items + truth.indices)
    if not len(tests):
        return np.zeros(ranked.shape, np.bool_)
    listed = np.arange(n_users)[:, None] * n_items + ranked
    at = np.minimum(np.searchsorted(tests, listed), len(tests) - 1)
    return (tests[at] == listed) & (ranked >= 0)


def ranking_metrics(
    found: NDArray[np.bool_], n_test: NDArray[np.integer], ks: Sequence[int]
) -> PerUser:
    """Recall, NDCG, MRR, hit rate and MAP of each user, 0 where a user has no test items.

    Args:
        found: bool `[U, K]` from `hits`, K at least `max(ks)`.
        n_test: `[U]`, number of test items.
        ks: list lengths.
    """
    top = max(ks)
    check_ks(ks, found.shape[1])
    discount = discounts(top)
    ideal = np.r_[0.0, np.cumsum(discount)]
    # Hits are few: everything is summed over them alone.
    user, place = np.nonzero(found[:, :top])
    begins = np.searchsorted(user, np.arange(len(found)))
    nth = np.arange(len(user)) - begins[user] + 1
    precision = nth / (place + 1)
    some = np.maximum(n_test, 1)
    values: PerUser = {}
    for k in ks:
        inside = place < k
        owner = user[inside]

        def summed(
            what: NDArray[np.float64], owner: NDArray[np.intp] = owner
        ) -> NDArray[np.float64]:
            return np.bincount(owner, what, len(found)).astype(np.float64)

        count = summed(np.ones(len(owner)))
        values[f"recall@{k}"] = count / some
        values[f"ndcg@{k}"] = summed(discount[place[inside]]) / ideal[np.minimum(some, k)]
        values[f"mrr@{k}"] = summed(np.where(nth == 1, 1 / (place + 1), 0)[inside])
        values[f"hit_rate@{k}"] = (count > 0).astype(np.float64)
        values[f"map@{k}"] = summed(precision[inside]) / np.minimum(some, k)
    return values


def discounts(k: int) -> NDArray[np.float64]:
    """What a hit counts at each of the ranks 1 to k in NDCG: float64 `[k]`."""
    return 1 / np.log2(np.arange(1, k + 1) + 1)


def rank_metrics(
    ranks: Sequence[NDArray[np.integer]], n_right: NDArray[np.integer], ks: Sequence[int]
) -> PerUser:
    """Recall, hit rate, precision and MRR of queries, whose right answers' ranks are known.

    MRR looks at the whole ranking here, not at the first k.

    Args:
        ranks: of each query the ranks, from 1 and ascending, of the right answers that were found.
        n_right: `[Q]`, right answers in all, at least 1.
        ks: list lengths.
    """
    top = max(ks)
    found = np.zeros((len(ranks), top), np.bool_)
    for row, one in enumerate(ranks):
        found[row, one[one <= top] - 1] = True
    values = ranking_metrics(found, n_right, ks)
    kept = {f"recall@{k}": values[f"recall@{k}"] for k in ks}
    kept |= {f"hit@{k}": values[f"hit_rate@{k}"] for k in ks}
    kept |= {f"precision@{k}": found[:, :k].sum(axis=1) / k for k in ks}
    return kept | {"mrr": np.array([1.0 / one[0] if len(one) else 0.0 for one in ranks])}


def novelty(
    ranked: NDArray[np.int32], item_counts: NDArray[np.integer], n_users: int, ks: Sequence[int]
) -> PerUser:
    """Novelty of each user's list in bits; lists shorter than k count what they have.

    Args:
        ranked: int32 `[U, K]`, -1 for none.
        item_counts: `[N]`, training users of each item.
        n_users: training users in all.
        ks: list lengths.
    """
    check_ks(ks, ranked.shape[1])
    bits = np.r_[-np.log2(np.maximum(item_counts, 1) / max(n_users, 1)), 0.0]
    total = np.cumsum(bits[ranked[:, : max(ks)]], axis=1)
    length = np.maximum(np.cumsum(ranked[:, : max(ks)] >= 0, axis=1), 1)
    return {f"novelty@{k}": total[:, k - 1] / length[:, k - 1] for k in ks}


def intra_list_diversity(
    ranked: NDArray[np.int32], item_vectors: NDArray[np.float32], ks: Sequence[int]
) -> PerUser:
    """Intra-list diversity of each user's list, 0 for lists of fewer than two items.

    Args:
        ranked: int32 `[U, K]`, -1 for none.
        item_vectors: `[N, D]`; a vector of zeros has cosine 0 with every other.
        ks: list lengths.
    """
    check_ks(ks, ranked.shape[1])
    vectors = np.asarray(item_vectors, np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    unit = np.concatenate([unit, np.zeros_like(unit[:1])])
    has_length = np.r_[norms[:, 0] > 0, False]
    edges = [0, *sorted(set(ks))]
    values = {k: np.zeros(len(ranked)) for k in ks}
    for start in range(0, len(ranked), _BLOCK):
        block = ranked[start : start + _BLOCK]
        total = np.zeros((len(block), vectors.shape[1]), np.float32)
        for begin, k in itertools.pairwise(edges):
            # The cosines of all pairs sum to the squared length of the vectors' sum, less the
            # cosines of each with itself.
            total += unit[block[:, begin:k]].sum(axis=1)
            itself = has_length[block[:, :k]].sum(axis=1)
            length = (block[:, :k] >= 0).sum(axis=1)
            pairs = length * (length - 1)
            cosine = ((total.astype(np.float64) ** 2).sum(axis=1) - itself) / np.maximum(pairs, 1)
            values[k][start : start + _BLOCK] = np.where(pairs > 0, 1 - cosine, 0)
    return {f"intra_list_diversity@{k}": values[k] for k in ks}


def coverage(ranked: NDArray[np.int32], n_items: int, ks: Sequence[int]) -> dict[str, float]:
    """Share of the items that are in at least one list.

    Args:
        ranked: int32 `[U, K]`, -1 for none.
        n_items: number of items.
        ks: list lengths.
    """
    check_ks(ks, ranked.shape[1])
    values = {}
    for k in ks:
        shown = np.zeros(n_items + 1, np.bool_)
        shown[ranked[:, :k]] = True
        values[f"coverage@{k}"] = float(shown[:n_items].sum() / max(n_items, 1))
    return values


def check_ks(ks: Sequence[int], ranked: int | None = None) -> None:
    """Refuses list lengths below 1, or above the number of items ranked where it is known.

    Raises:
        ValueError: naming them.
    """
    if not ks or min(ks) < 1 or (ranked is not None and max(ks) > ranked):
        most = "1 or more" if ranked is None else f"from 1 to the {ranked} items ranked"
        raise ValueError(f"`ks` is {list(ks)}, but each must be {most}.")
