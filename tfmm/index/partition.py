"""Partition: vectors in small blocks of equal size, each of neighbours."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from tfmm.index.padding import NO_ROW

# Vectors that k-means learns from, for each of its leaves, and how often it goes over them.
_SAMPLE = 100
_ROUNDS = 10
_POWER_STEPS = 6
_TINY = float(np.finfo(np.float32).tiny)


def partition(vectors: NDArray[np.float32], block_size: int, seed: int = 1) -> NDArray[np.int32]:
    """Puts vectors into blocks of neighbours.

    K-means (scikit-learn's, on a sample) makes about sqrt(N) leaves. A leaf is then halved across
    its direction of largest variance until each part fits one block, so that every block but the
    last of a leaf is full to within a row: a search may treat a block as a small leaf of its own,
    which needs a fifth of the rows that whole leaves of 1,000 need for the same recall.

    Args:
        vectors: float32 `[N, D]`, finite.
        block_size: rows in a block.
        seed: of the sample and of k-means.

    Returns:
        int32 `[blocks, block_size]`: the rows of each block, ascending, then -1 where it is not
        full. Every row stands in exactly one block.
    """
    rng = np.random.default_rng(seed)
    # Clustering squares the vectors, which must not overflow.
    vectors = vectors / np.float32(max(float(vectors.max()), -float(vectors.min()), _TINY))
    leaves = _leaves(
        vectors, max(1, min(round(len(vectors) ** 0.5), len(vectors) // block_size)), rng
    )
    blocks: list[NDArray[np.int32]] = []
    for leaf in leaves:
        _halve(leaf, vectors, block_size, rng, blocks)
    rows = np.full((len(blocks), block_size), NO_ROW, np.int32)
    for block, members in zip(rows, blocks, strict=True):
        block[: len(members)] = np.sort(members)
    return rows


def _leaves(
    vectors: NDArray[np.float32], count: int, rng: np.random.Generator
) -> list[NDArray[np.int32]]:
    """The rows of each k-means cell that has any."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    n = len(vectors)
    if count == 1:
        return [np.arange(n, dtype=np.int32)]
    sample = vectors[np.sort(rng.choice(n, min(n, _SAMPLE * count), replace=False))]
    means = KMeans(
        count, init="random", n_init=1, max_iter=_ROUNDS, random_state=int(rng.integers(2**31))
    )
    with warnings.catch_warnings():
        # Fewer distinct vectors than leaves: some leaves stay empty, which is fine here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = means.fit(sample).predict(vectors)
    order = np.argsort(labels, kind="stable").astype(np.int32)
    leaves = np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])
    return [leaf for leaf in leaves if len(leaf)]


def _halve(
    rows: NDArray[np.int32],
    vectors: NDArray[np.float32],
    block_size: int,
    rng: np.random.Generator,
    blocks: list[NDArray[np.int32]],
) -> None:
    """Appends rows to `blocks` in as few parts as fit, all of about one size."""
    parts = -(-len(rows) // block_size)
    if parts == 1:
        blocks.append(rows)
        return
    members = vectors[rows]
    members = members - members.mean(axis=0)
    direction = rng.standard_normal(members.shape[1], dtype=np.float32)
    for _ in range(_POWER_STEPS):
        direction = members.T @ (members @ direction)
        direction /= max(float(np.linalg.norm(direction)), _TINY)
    cut = round(len(rows) * (parts // 2) / parts)
    order = np.argpartition(members @ direction, cut)
    for half in (rows[order[:cut]], rows[order[cut:]]):
        _halve(half, vectors, block_size, rng, blocks)
