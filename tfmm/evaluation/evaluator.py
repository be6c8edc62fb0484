"""The one way to evaluate: rank all items once, then every metric and breakdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs
from tfmm.evaluation import breakdowns, metrics
from tfmm.evaluation.ranking import Ranking, Scorer, rank_scores, rank_vectors

KS = (5, 10, 20)

PairsOrMatrix: TypeAlias = Pairs | sp.csr_matrix
"""User-item pairs: the stored entries of a matrix `[n_users, n_items]` count, not their values."""


class Scores(Protocol):
    """Anything with scores for user rows."""

    def score(self, users: NDArray[np.int32]) -> NDArray[np.float32]:
        """Scores float32 `[B, n_items]` for users int32 `[B]`."""


Vectors: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""User vectors `[n_users, D]` and item vectors `[n_items, D]`, scored by inner product."""


def tested_users(parts: Sequence[sp.csr_matrix]) -> NDArray[np.int32]:
    """The rows of the users with test items in any of some parts `[n_users, n_items]`.

    Raises:
        ValueError: there are none.
    """
    tests = np.sum([np.diff(matrix.indptr) for matrix in parts], axis=0)
    users = np.flatnonzero(tests).astype(np.int32)
    if not len(users):
        raise ValueError(
            "No user has a test item, so there is nothing to measure. To resolve this, hold out "
            "more in the split, or look in the loading report for dropped events."
        )
    return users


def evaluate(
    model: Scorer | Scores | Vectors,
    truth: PairsOrMatrix,
    *,
    seen: PairsOrMatrix | None = None,
    cold: PairsOrMatrix | None = None,
    ks: Sequence[int] = KS,
    item_vectors: NDArray[np.float32] | None = None,
    candidates: NDArray[np.bool_] | None = None,
    max_users: int | None = None,
    seed: int = 1,
    block: int | None = None,
    per_user: bool = False,
    repeats: bool = False,
) -> dict[str, Any]:
    """Ranks all items for every user with test items and measures the ranking.

    ```python
    made = split(data, cold_items=0.2)
    seen = made.final_train()
    evaluate(model, made.test, seen=seen, cold=made.cold_test_pairs)["model"]["recall@20"]
    ```

    Args:
        model: what ranks: a function of user rows int32 `[B]` or an object with such a `score`,
            giving float32 `[B, n_items]`; or user vectors `[n_users, D]` with item vectors
            `[n_items, D]`.
        truth: test items of warm items, for all users.
        seen: what the users were trained on, left out of the ranking unless `repeats`; it also is
            what novelty, the popularity deciles and "new users" go by.
        cold: test items that were held out whole; measured in the same ranking of all items.
        ks: list lengths.
        item_vectors: `[n_items, D]` for the lists' diversity, by default those of `model`, if any.
        candidates: bool `[n_items]`, items that may be ranked, by default all.
        max_users: where more users have test items, so many are drawn with `seed`.
        seed: of that draw.
        block: users ranked at once.
        per_user: whether each user's own values are given too.
        repeats: whether `seen` is ranked too.

    Returns:
        `{"model": metrics over truth, "cold": metrics over cold where given, "breakdowns":
        {"users": {"warm": ..., "new": ...}, "popularity": [a row for each decile]}}`, where metrics
        are `{"recall@5": ..., "users": n}`, see `tfmm.evaluation.metrics`. With `per_user` also
        `per_user`: `users` int32 `[U]`, the rows of those with test items in `truth`, and `recall`
        and `ndcg` by k, float64 `[U]`.

    Raises:
        ValueError: no test items, ks below 1, or sizes that differ.
        NotANumberError: scores that are NaN.
    """
    ks = sorted(set(ks))
    truth = as_matrix(truth)
    parts = {"model": truth}
    if cold is not None:
        parts["cold"] = as_matrix(cold)
    train = sp.csr_matrix(truth.shape, dtype=np.float32) if seen is None else as_matrix(seen)
    for name, matrix in (("cold", parts.get("cold")), ("seen", train)):
        if matrix is not None and matrix.shape != truth.shape:
            raise ValueError(
                f"`{name}` is of {matrix.shape[0]} users x {matrix.shape[1]} items, but `truth` is "
                f"of {truth.shape[0]} x {truth.shape[1]}."
            )
    n_users, n_items = truth.shape
    users = tested_users(list(parts.values()))
    if max_users is not None and len(users) > max_users:
        drawn = np.argsort(np.random.PCG64(seed).random_raw(len(users)), kind="stable")
        users = np.sort(users[drawn[:max_users]])

    left_out = sp.csr_matrix(train.shape, dtype=np.float32) if repeats else train
    depth = min(max(ks), n_items)
    if isinstance(model, tuple):
        user_vectors, vectors = model
        item_vectors = vectors if item_vectors is None else item_vectors
        if len(user_vectors) != n_users or len(vectors) != n_items:
            raise ValueError(
                f"There are {len(user_vectors)} user and {len(vectors)} item vectors, but `truth` "
                f"is of {n_users} users x {n_items} items."
            )
        ranking = rank_vectors(
            user_vectors[users],
            vectors,
            left_out[users],
            k=depth,
            block=block,
            candidates=candidates,
        )
    else:
        score = model.score if hasattr(model, "score") else model
        ranking = rank_scores(
            score, users, left_out, n_items=n_items, k=depth, block=block, candidates=candidates
        )
    ranked = _widen(ranking, max(ks))

    item_counts = np.bincount(train.indices, minlength=n_items)
    n_train = np.diff(train.indptr)
    lists = metrics.novelty(ranked, item_counts, int((n_train > 0).sum()), ks)
    if item_vectors is not None:
        lists |= metrics.intra_list_diversity(ranked, item_vectors, ks)

    told = {f"{metric}@{k}" for metric in ("recall", "ndcg") for k in ks}
    result: dict[str, Any] = {}
    for name, matrix in parts.items():
        part = matrix[users]
        n_test = np.diff(part.indptr)
        counted = n_test > 0
        found = metrics.hits(ranked, part)
        values = metrics.ranking_metrics(found, n_test, ks) | lists
        result[name] = {
            **{
                metric: float(value[counted].mean()) if counted.any() else 0.0
                for metric, value in values.items()
            },
            **metrics.coverage(ranked[counted], n_items, ks),
            "users": int(counted.sum()),
        }
        if name == "model":
            if per_user:
                kept = {metric: v[counted] for metric, v in values.items() if metric in told}
                result["per_user"] = {"users": users[counted], **kept}
            result["breakdowns"] = {
                "users": breakdowns.by_user_group(values, n_test, n_train[users]),
                "popularity": breakdowns.by_popularity(ranked, found, part, item_counts, ks),
            }
    return result


def as_matrix(pairs: PairsOrMatrix) -> sp.csr_matrix:
    """The pairs as a sparse matrix."""
    return pairs.csr() if isinstance(pairs, Pairs) else sp.csr_matrix(pairs)


def _widen(ranking: Ranking, k: int) -> NDArray[np.int32]:
    """Lists of k places also where the catalogue has fewer items."""
    missing = k - ranking.items.shape[1]
    return np.pad(ranking.items, ((0, 0), (0, missing)), constant_values=-1)
