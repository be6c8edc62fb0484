"""How many blocks a search must look into for a recall, measured on sampled queries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.progress import progress

# Scores held at once while the true neighbours are found: 128 MiB of float32.
_SCORES = 2**25
_DEEPEST = 4096
_GROWTH = 1.3


def sample_rows(n: int, size: int, seed: int) -> NDArray[np.int64]:
    """At most `size` of the rows 0 to n - 1, each once, ascending."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def nearest(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    depth: int,
    own: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The rows of the vectors with the highest inner products, best first.

    Args:
        queries: `[Q, D]`.
        vectors: `[N, D]`.
        depth: how many; below N.
        own: `[Q]`, for queries that are some of the vectors: their rows, which do not count. A
            vector is in its own block for sure, which would make a short search look easy.

    Returns:
        int64 `[Q, depth]`.
    """
    step = max(1, _SCORES // len(vectors))
    found = []
    starts = range(0, len(queries), step)
    for start in progress(starts, len(starts), "searching exactly, to tune the index"):
        scores = queries[start : start + step] @ vectors.T
        if own is not None:
            rows = own[start : start + step]
            scores[np.arange(len(rows)), rows] = -np.inf
        rows = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        best = np.argsort(-np.take_along_axis(scores, rows, axis=1), axis=1)
        found.append(np.take_along_axis(rows, best, axis=1))
    return np.concatenate(found)


def recall_of(rows: NDArray[Any], neighbours: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of each query's true neighbours `[Q, depth]` among the rows `[Q, M]` it got."""
    pairs = zip(rows, neighbours, strict=True)
    return np.array([np.isin(true, found).mean() for found, true in pairs])


def recall_reached(found: NDArray[np.float64], recall: float) -> bool:
    """Whether the shares found by sampled queries speak for a recall, half a standard error off."""
    return bool(found.mean() - found.std() / (2 * np.sqrt(len(found))) >= recall)


def depths_to_tune(n: int, k: int) -> NDArray[np.int32]:
    """Answer lengths to tune for, k and from 1 in steps of some 30 % to 4,096 or a quarter of n."""
    deepest = max(1, min(_DEEPEST, n // 4))
    steps = np.arange(np.log(deepest) / np.log(_GROWTH) + 1)
    return np.unique(np.minimum([*np.ceil(_GROWTH**steps), k], deepest)).astype(np.int32)


def probes_for_recall(
    neighbours: NDArray[np.int64],
    block_of: NDArray[np.int32],
    block_scores: NDArray[np.float32],
    depths: NDArray[np.int32],
    recall: float,
) -> NDArray[np.int32]:
    """The fewest blocks to look into, best first, that hold a share of the true neighbours.

    Args:
        neighbours: `[Q, depth]`, rows of the true neighbours of each query, best first.
        block_of: `[N]`, the block of each row.
        block_scores: `[Q, blocks]`, by which a search picks blocks.
        depths: for which answer lengths, ascending, the last one at most `depth`.
        recall: the share wanted.

    Returns:
        int32, one number of blocks for each depth, never falling.
    """
    n_blocks = block_scores.shape[1]
    order = np.argsort(-block_scores, axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(n_blocks)[np.newaxis], axis=1)
    places = np.take_along_axis(place, block_of[neighbours], axis=1)
    probes = np.full(len(depths), n_blocks, np.int32)
    for i, depth in enumerate(depths):
        few, enough = 0, n_blocks
        while enough - few > 1:
            probe = (few + enough) // 2
            found = (places[:, :depth] < probe).mean(axis=1)
            if recall_reached(found, recall):
                enough = probe
            else:
                few = probe
        probes[i] = enough
    return np.maximum.accumulate(probes)
