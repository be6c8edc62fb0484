"""The k nearest rows of a matrix by cosine: exact in blocks, or approximate by faiss for many."""

from __future__ import annotations

import importlib.util
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from tfmm.baselines.neighbours import keep_largest, row_blocks
from tfmm.index.tuning import nearest as exact_nearest

#: Dense rows up to which every pair is compared; beyond, faiss searches where it is installed.
EXACT = 50_000
#: Rows whose neighbours' vectors are looked at together.
_BLOCK = 1024

Vectors: TypeAlias = np.ndarray | sp.csr_matrix


def nearest(
    vectors: Vectors, k: int, present: np.ndarray | None = None, *, exact: int = EXACT
) -> sp.csr_matrix:
    """For each row its k nearest others by cosine similarity.

    Dense vectors of more than `exact` rows are searched by faiss's HNSW graph (Malkov and Yashunin,
    arXiv:1603.09320) where faiss is installed (`pip install 'tfmm[ann]'`); else all pairs are
    compared, block by block.

    Args:
        vectors: float `[n, d]`, dense or sparse; rows that are zero have no neighbours and are
            nobody's.
        k: neighbours of a row; fewer where fewer are similar at all (cosine above 0).
        present: bool `[n]`, rows that count; all by default.
        exact: rows up to which all pairs are compared.

    Returns:
        Cosines float32 `[n, n]`, at most k a row, columns ascending, no row its own neighbour.

    Raises:
        ValueError: k below 1, or vectors that are not finite.
    """
    if k < 1:
        raise ValueError(f"The number of neighbours must be 1 or more, got {k}.")
    rows = np.arange(vectors.shape[0]) if present is None else np.flatnonzero(present)
    some = _unit(vectors[rows])
    if sp.issparse(some):
        found = _sparse(some, k)
    elif len(rows) > exact and importlib.util.find_spec("faiss") is not None:
        found = _faiss(some, k)
    else:
        found = _dense(some, k)
    n = vectors.shape[0]
    out = sp.csr_matrix((found.data, (rows[found.row], rows[found.col])), shape=(n, n))
    out.sort_indices()
    return out.astype(np.float32)


def _unit(vectors: Any) -> Any:
    """Rows of length one, float32; zeros stay zeros."""
    if sp.issparse(vectors):
        squares = np.asarray(vectors.multiply(vectors).sum(1)).ravel()
        scale = np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        return sp.csr_matrix(sp.diags_array(scale) @ vectors, dtype=np.float32)
    vectors = np.asarray(vectors, np.float32)
    if not np.isfinite(vectors).all():
        raise ValueError(
            "The vectors to find neighbours by hold NaN or infinite numbers; replace these, or set "
            "the check of the feature to `mask`."
        )
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _sparse(unit: sp.csr_matrix, k: int) -> sp.coo_matrix:
    blocks = []
    for block in row_blocks(unit, sp.csr_matrix(unit)):
        product = sp.csr_matrix(unit[block] @ unit.T)
        product.sort_indices()
        row = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
        keep = (product.data > 1e-9) & (product.indices != row + block.start)
        blocks.append(
            keep_largest(row[keep], product.indices[keep], product.data[keep], product.shape, k)
        )
    return sp.vstack(blocks).tocoo() if blocks else sp.coo_matrix((0, 0), dtype=np.float32)


def _dense(unit: np.ndarray, k: int) -> sp.coo_matrix:
    n = len(unit)
    kept = min(k, n - 1)
    if kept < 1:
        return sp.coo_matrix((n, n), dtype=np.float32)
    columns = exact_nearest(unit, unit, kept, own=np.arange(n))
    values = np.empty(columns.shape, np.float32)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        values[rows] = np.einsum("nd,nkd->nk", unit[rows], unit[columns[rows]])
    return _similar(columns, values, n)


def _faiss(unit: np.ndarray, k: int) -> sp.coo_matrix:
    import faiss

    index = faiss.IndexHNSWFlat(unit.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    index.hnsw.efSearch = max(64, 4 * k)
    index.add(unit)
    values, columns = index.search(unit, k + 1)
    own = (columns == np.arange(len(unit))[:, None]) | (columns < 0)
    # Without itself; where it was not found, without the last.
    own[~own.any(axis=1), -1] = True
    values[own] = -2
    return _similar(np.maximum(columns, 0), values, len(unit))


def _similar(columns: np.ndarray, values: np.ndarray, n: int) -> sp.coo_matrix:
    keep = values > 1e-9
    row = np.repeat(np.arange(n), columns.shape[1]).reshape(columns.shape)
    return sp.coo_matrix((values[keep], (row[keep], columns[keep])), shape=(n, n))
