"""An item-item matrix as a product of two tables of vectors, so that an inner product serves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OVERSAMPLING = 16


def factorize(
    weights: NDArray[np.float32], rank: int, *, rounds: int = 6, seed: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The closest product of two tables to an item-item matrix off its diagonal.

    With H the first table and C the second, a shopper's scores x W become (x H) C': the sum of
    their items' rows of H is the vector by which items are ranked, with the rows of C as theirs.
    An item's weight on itself only speaks of items that the shopper has, which ranking leaves out;
    so the diagonal is free, and it is filled with the product's own in each round of a subspace
    iteration, which leaves more of the rank for the weights that count.

    Source: Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 2011,
    algorithm 4.4, with the diagonal imputed as in Mazumder, Hastie and Tibshirani, JMLR 2010.

    Args:
        weights: float32 `[N, N]`, such as `EASE.weights_`; not changed.
        rank: length of the vectors; N at most.
        rounds: of the subspace iteration, each of two products with the matrix.
        seed: of the directions it starts from.

    Returns:
        H and C, float32 `[N, R]` with R the smaller of `rank` and N. C is scaled to a mean squared
        length of one.

    Raises:
        ValueError: a matrix that is not square, or a rank or rounds below 1.
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(
            f"`weights` must be items by items, but is of shape {list(weights.shape)}."
        )
    for name, value in (("rank", rank), ("rounds", rounds)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1, but it is {value}.")
    n = len(weights)
    rank = min(rank, n)
    width = min(rank + _OVERSAMPLING, n)
    start = np.random.default_rng(seed).standard_normal((n, width), np.float32)
    basis = np.linalg.qr(start)[0]
    diagonal = np.diag(weights).copy()[:, None]
    filled = diagonal
    for _ in range(rounds):
        # The matrix with its diagonal replaced, without a copy of it.
        left = np.linalg.qr(weights @ basis + (filled - diagonal) * basis)[0]
        right = weights.T @ left + (filled - diagonal) * left
        basis, values, outer = np.linalg.svd(right, full_matrices=False)
        turned = left @ outer[:rank].T * values[:rank]
        filled = (turned * basis[:, :rank]).sum(axis=1, keepdims=True)
    root = np.sqrt(values[:rank])
    history, candidates = left @ outer[:rank].T * root, basis[:, :rank] * root
    length = np.sqrt((candidates**2).sum() / n)
    scale = np.float32(length if length > 0 else 1)
    return (history * scale).astype(np.float32), (candidates / scale).astype(np.float32)
