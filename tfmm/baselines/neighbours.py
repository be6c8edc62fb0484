"""Nearest rows of a sparse matrix, blockwise: what item-kNN and user-kNN share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Similarity = Literal["cosine", "pearson"]
SIMILARITIES = ("cosine", "pearson")

BLOCK_PRODUCTS = 20_000_000
"""Multiplications in one block of a sparse product; a block takes at most 12 bytes for each."""


def check(similarity: str, k: int, shrink: float) -> None:
    """Refuses a similarity, a number of neighbours or a shrinkage that cannot be meant."""
    if similarity not in SIMILARITIES:
        raise ValueError(
            f"`similarity` is {similarity!r}, but it must be one of {', '.join(SIMILARITIES)}."
        )
    if k < 1:
        raise ValueError(f"`k` is {k}, but there must be at least 1 neighbour.")
    if shrink < 0:
        raise ValueError(f"`shrink` is {shrink}, but it must be 0 or more.")


def row_blocks(rows: sp.csr_matrix, other: sp.csr_matrix) -> Iterator[slice]:
    """Runs of rows whose product with `other.T` stays within `BLOCK_PRODUCTS`, one row at least.

    Args:
        rows: `[n, d]`.
        other: `[m, d]`.
    """
    column_size = np.bincount(other.indices, minlength=other.shape[1])
    cost = np.r_[0, np.cumsum(column_size[rows.indices], dtype=np.int64)][rows.indptr]
    start = 0
    while start < rows.shape[0]:
        end = int(np.searchsorted(cost, cost[start] + BLOCK_PRODUCTS, side="right")) - 1
        end = max(end, start + 1)
        yield slice(start, end)
        start = end


def row_stats(rows: sp.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and sum of squares of each row, float64 `[n]`."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    data = rows.data.astype(np.float64)
    total: NDArray[np.float64] = np.bincount(row, data, rows.shape[0]).astype(np.float64)
    square: NDArray[np.float64] = np.bincount(row, data**2, rows.shape[0]).astype(np.float64)
    return total, square


def similar_rows(
    rows: sp.csr_matrix,
    other: sp.csr_matrix,
    stats: tuple[NDArray[np.float64], NDArray[np.float64]],
    other_stats: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    similarity: Similarity,
    shrink: float,
    k: int,
    first: int | None = None,
) -> sp.csr_matrix:
    """For each row its k most similar rows of `other`, as a sparse matrix of similarities.

    cosine: `a.b / (|a| |b| + shrink)`. pearson: the same of rows less their means over all `d`
    columns, absent entries being 0. Only rows that share a column are neighbours, and only if their
    similarity is above 0. Equal similarities: the lower row is kept.

    Args:
        rows: float32 `[n, d]`, few enough for one block.
        other: float32 `[m, d]`.
        stats: `row_stats(rows)`.
        other_stats: `row_stats(other)`.
        similarity: `"cosine"` or `"pearson"`.
        shrink: added to the denominator, so that chance meetings of rare rows count less.
        k: neighbours to keep.
        first: where given, `rows` are the rows of `other` from this one on, and none is its own
            neighbour.

    Returns:
        float32 `[n, m]`, at most k entries a row, columns ascending.
    """
    product = sp.csr_matrix(rows @ other.T)
    product.sort_indices()
    n = product.shape[0]
    row = np.repeat(np.arange(n), np.diff(product.indptr))
    col = product.indices
    value = product.data.astype(np.float64)
    (total, square), (other_total, other_square) = stats, other_stats
    if similarity == "pearson":
        d = rows.shape[1]
        value -= (total / d)[row] * other_total[col]
        square = np.maximum(square - total**2 / d, 0)
        other_square = np.maximum(other_square - other_total**2 / d, 0)
    scale = np.sqrt(square)[row] * np.sqrt(other_square)[col] + shrink
    similar = np.divide(value, scale, out=np.zeros_like(value), where=scale > 0)
    keep = similar > 1e-9
    if first is not None:
        keep &= col != row + first
    return keep_largest(row[keep], col[keep], similar[keep].astype(np.float32), product.shape, k)


def keep_largest(
    row: NDArray[np.integer],
    col: NDArray[np.integer],
    value: NDArray[np.float32],
    shape: tuple[int, int],
    k: int,
) -> sp.csr_matrix:
    """CSR of the k largest values of each row; equal values: the lower column is kept.

    Args:
        row: `[e]`, ascending.
        col: `[e]`, ascending within a row.
        value: float32 `[e]`.
        shape: of the matrix.
        k: entries to keep in a row.
    """
    bounds = np.r_[0, np.cumsum(np.bincount(row, minlength=shape[0]))]
    least = np.full(shape[0], -np.inf, np.float32)
    for i in np.flatnonzero(np.diff(bounds) > k):
        values = value[bounds[i] : bounds[i + 1]]
        least[i] = np.partition(values, len(values) - k)[len(values) - k]
    above = value > least[row]
    tied = np.flatnonzero(value == least[row])
    if len(tied):
        room = k - np.bincount(row[above], minlength=shape[0])
        tied_row = row[tied]
        begins = np.searchsorted(tied_row, tied_row, side="left")
        above[tied[np.arange(len(tied)) - begins < room[tied_row]]] = True
    bounds = np.r_[0, np.cumsum(np.bincount(row[above], minlength=shape[0]))]
    return sp.csr_matrix((value[above], col[above], bounds), shape=shape)
