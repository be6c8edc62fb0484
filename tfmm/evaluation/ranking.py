"""Ranking all items for blocks of users at once: the k best unseen items of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.progress import progress

Scorer = Callable[[NDArray[np.int32]], NDArray[np.float32]]
"""Gives scores float32 `[B, n_items]` for user rows int32 `[B]`."""

BLOCK_SCORES = 2**24
"""Scores held at once where no block size is given: 64 MiB."""

_GROUPS = 512


class Ranking(NamedTuple):
    """The best items of each user, best first.

    `items` int32 `[U, k]`, -1 where fewer than k items are left; `scores` float32 `[U, k]`, -inf
    there.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]


class NotANumberError(ValueError):
    """Scores hold NaN, which has no place in a ranking."""


def rank_vectors(
    user_vectors: NDArray[np.float32],
    item_vectors: NDArray[np.float32],
    seen: sp.csr_matrix | None = None,
    *,
    k: int = 100,
    block: int | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> Ranking:
    """Ranks all items by inner product.

    ```python
    ranking = rank_vectors(user_vectors, item_vectors, k=10)
    ranking.items[0], ranking.scores[0]  # the ten best items of the first user
    ```

    Args:
        user_vectors: float32 `[U, D]`.
        item_vectors: float32 `[N, D]`.
        seen: sparse `[U, N]`; its stored entries are left out of the ranking.
        k: items to return for each user.
        block: users scored at once, by default as many as `BLOCK_SCORES` scores allow.
        candidates: bool `[N]`; items that may be ranked, by default all.

    Returns:
        The ranking. Equal scores go by item row, lower first.

    Raises:
        ValueError: shapes that do not fit together, or k below 1.
        NotANumberError: scores that are NaN, with their number.
    """
    if user_vectors.ndim != 2 or item_vectors.ndim != 2:
        raise ValueError(
            f"`user_vectors` and `item_vectors` must be of shapes [U, D] and [N, D], but they are "
            f"of shapes {list(user_vectors.shape)} and {list(item_vectors.shape)}."
        )
    if user_vectors.shape[1] != item_vectors.shape[1]:
        raise ValueError(
            f"Users have vectors of {user_vectors.shape[1]} dimensions and items of "
            f"{item_vectors.shape[1]}; their inner product needs the same number."
        )
    n_items = len(item_vectors)
    _check(k, len(user_vectors), n_items, seen, candidates)
    if candidates is not None:
        rows = np.flatnonzero(candidates).astype(np.int32)
        left = None if seen is None else seen[:, rows]
        return _back(rank_vectors(user_vectors, item_vectors[rows], left, k=k, block=block), rows)

    import tensorflow as tf  # here, so that measuring baselines does not load it

    # TensorFlow's product rather than NumPy's: its threads sleep between products, where those of
    # NumPy's BLAS go on spinning beside the sorting.
    items = tf.convert_to_tensor(np.asarray(item_vectors, np.float32))

    def score(rows: slice) -> NDArray[np.float32]:
        queries = np.asarray(user_vectors[rows], np.float32)
        return np.asarray(tf.matmul(queries, items, transpose_b=True))

    def taken(rows: slice) -> sp.csr_matrix | None:
        return None if seen is None else seen[rows]

    return _rank(score, taken, len(user_vectors), n_items, k, block)


def rank_scores(
    score: Scorer,
    users: NDArray[np.int32],
    seen: sp.csr_matrix | None = None,
    *,
    n_items: int | None = None,
    k: int = 100,
    block: int | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> Ranking:
    """Ranks all items by any score.

    Args:
        score: takes user rows int32 `[B]`, gives float32 `[B, N]`. An item scored -inf is never
            ranked.
        users: int32 `[U]`, the users to rank for.
        seen: sparse `[n_users, N]`, a row for every user row; its stored entries are left out.
        n_items: N, needed where neither `seen` nor `candidates` says it and no `block` is given.
        k: items to return for each user.
        block: users scored at once, by default as many as `BLOCK_SCORES` scores allow.
        candidates: bool `[N]`; items that may be ranked, by default all.

    Returns:
        The ranking. Equal scores go by item row, lower first.

    Raises:
        ValueError: scores of another shape than `[B, N]`, or k below 1.
        NotANumberError: scores that are NaN, with their number.
    """
    users = np.asarray(users, np.int32)
    if n_items is None and seen is not None:
        n_items = seen.shape[1]
    if n_items is None and candidates is not None:
        n_items = len(candidates)
    if n_items is None:
        n_items = score(users[:1]).shape[1] if len(users) else 0
    largest = int(users.max()) + 1 if len(users) else 0
    _check(k, largest, n_items, seen, candidates)
    rows = None if candidates is None else np.flatnonzero(candidates).astype(np.int32)
    if rows is not None and seen is not None:
        seen = seen[:, rows]

    def ranked_scores(part: slice) -> NDArray[np.float32]:
        scores = np.asarray(score(users[part]), np.float32)
        if scores.shape != (len(users[part]), n_items):
            raise ValueError(
                f"The scorer must give scores of shape [{len(users[part])}, {n_items}] for "
                f"{len(users[part])} users, but gave {list(scores.shape)}."
            )
        return np.ascontiguousarray(scores if rows is None else scores[:, rows])

    def taken(part: slice) -> sp.csr_matrix | None:
        return None if seen is None else seen[users[part]]

    ranking = _rank(ranked_scores, taken, len(users), n_items, k, block)
    return ranking if rows is None else _back(ranking, rows)


def _back(ranking: Ranking, rows: NDArray[np.int32]) -> Ranking:
    """A ranking of candidates as one of items; -1, for none, takes the appended entry."""
    return Ranking(np.append(rows, np.int32(-1))[ranking.items], ranking.scores)


def _check(
    k: int,
    n_users: int,
    n_items: int,
    seen: sp.csr_matrix | None,
    candidates: NDArray[np.bool_] | None,
) -> None:
    if k < 1:
        raise ValueError(f"`k` is {k}, but at least 1 item must be ranked.")
    if seen is not None and seen.shape[1] != n_items:
        raise ValueError(f"`seen` has {seen.shape[1]} columns, but there are {n_items} items.")
    if seen is not None and n_users > seen.shape[0]:
        raise ValueError(f"`seen` has {seen.shape[0]} rows, but there is a user {n_users - 1}.")
    if candidates is not None and candidates.shape != (n_items,):
        raise ValueError(
            f"`candidates` must be of shape [{n_items}], but it is {list(candidates.shape)}."
        )


def _rank(
    score: Callable[[slice], NDArray[np.float32]],
    seen: Callable[[slice], sp.csr_matrix | None],
    n_rows: int,
    n_items: int,
    k: int,
    block: int | None,
) -> Ranking:
    size = block or max(1, min(1024, BLOCK_SCORES // max(n_items, 1)))
    items = np.full((n_rows, k), -1, np.int32)
    best = np.full((n_rows, k), -np.inf, np.float32)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        blocks = progress(
            _slices(n_rows, size),
            n_rows,
            "ranking",
            unit="rows",
            size=lambda rows: rows.stop - rows.start,
        )
        for rows in blocks:
            scores, taken = score(rows), seen(rows)
            # NumPy lets go of the interpreter in these loops, so threads share a block's rows.
            shares = list(_slices(len(scores), -(-len(scores) // workers)))
            work = [
                pool.submit(top_k, scores[part], k, None if taken is None else taken[part])
                for part in shares
            ]
            try:
                parts = [part.result() for part in work]
            except NotANumberError:
                raise _not_a_number(scores) from None
            items[rows] = np.concatenate([part.items for part in parts])
            best[rows] = np.concatenate([part.scores for part in parts])
    return Ranking(items, best)


def _slices(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def top_k(scores: NDArray[np.float32], k: int, seen: sp.csr_matrix | None = None) -> Ranking:
    """The k best of each row, equal scores by column, lower first; -inf is never among them.

    Most columns are ruled out by one bound: with the columns in groups, the (k + s)-th largest of
    the groups' maxima is at most the (k + s)-th largest score, and so at most the k-th largest that
    is left without the row's s seen columns. Only what lies above it is looked at and sorted; the
    scores are not written to.

    Args:
        scores: float32 `[B, N]`, contiguous.
        k: how many.
        seen: sparse `[B, N]`; its stored entries are left out.

    Raises:
        NotANumberError: scores that are NaN, with their number.
    """
    b, n = scores.shape
    items = np.full((b, k), -1, np.int32)
    best = np.full((b, k), -np.inf, np.float32)
    if not b or not n:
        return Ranking(items, best)
    coarse = _group_maxima(scores, max(_GROUPS, 4 * k))
    if np.isnan(coarse.max()):
        raise _not_a_number(scores)
    taken = np.zeros(b, np.int64) if seen is None else np.diff(seen.indptr)
    groups = coarse.shape[1]
    long = np.flatnonzero(k + taken > groups) if groups < n else np.empty(0, np.intp)
    if seen is not None and len(long):
        # Histories as long as there are groups leave no bound: these rows are copied and masked.
        masked = scores[long]
        masked[_places(seen[long])] = -np.inf
        items[long], best[long] = top_k(masked, k)
        short = np.flatnonzero(k + taken <= groups)
        items[short], best[short] = top_k(scores[short], k, seen[short])
        return Ranking(items, best)

    coarse.sort(axis=1)
    bound = coarse[np.arange(b), np.maximum(groups - k - taken, 0)]
    above = np.flatnonzero(scores > bound[:, None])
    hidden = np.empty(0, np.int64)
    if seen is not None:
        row, col = _places(seen)
        hidden = row * n + col
        at = np.searchsorted(above, hidden)
        there = at < len(above)
        there[there] = above[at[there]] == hidden[there]
        above = np.delete(above, at[there])
    row, col = np.divmod(above, n)
    found = np.bincount(row, minlength=b)
    width = max(int(found.max()), k)
    place = np.arange(len(above)) - np.repeat(np.cumsum(found) - found, found)
    values = np.full((b, width), -np.inf, np.float32)
    columns = np.full((b, width), -1, np.int32)
    values[row, place] = scores.ravel()[above]
    columns[row, place] = col
    # The bound itself may be among the k best, and many may share it: its lowest columns.
    for i in np.flatnonzero((found < k) & (bound > -np.inf)):
        equal = np.flatnonzero(scores[i] == bound[i])
        if seen is not None:
            equal = equal[~np.isin(equal, seen.indices[seen.indptr[i] : seen.indptr[i + 1]])]
        equal = equal[: k - found[i]]
        values[i, found[i] : found[i] + len(equal)] = bound[i]
        columns[i, found[i] : found[i] + len(equal)] = equal
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return Ranking(np.take_along_axis(columns, order, 1), np.take_along_axis(values, order, 1))


def _group_maxima(scores: NDArray[np.float32], groups: int) -> NDArray[np.float32]:
    """Maxima `[B, groups]` over every groups-th column, or a copy where there are few columns."""
    b, n = scores.shape
    depth = n // groups
    if depth < 4:
        return scores.copy()
    coarse: NDArray[np.float32] = scores[:, : depth * groups].reshape(b, depth, groups).max(axis=1)
    rest = scores[:, depth * groups :]
    np.maximum(coarse[:, : rest.shape[1]], rest, out=coarse[:, : rest.shape[1]])
    return coarse


def _places(matrix: sp.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each stored entry, int64 `[S]`."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return row, matrix.indices.astype(np.int64)


def _not_a_number(scores: NDArray[np.float32]) -> NotANumberError:
    nan = np.isnan(scores)
    return NotANumberError(
        f"{int(nan.sum()):,} of {scores.size:,} scores in a block of {len(scores)} users are NaN, "
        f"in the rows of {int(nan.any(axis=1).sum())} of them. To resolve this, look for NaN in "
        f"the model's vectors: a diverged training, or a feature that was not checked."
    )
