"""A map of shoppers: their vectors in two dimensions."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: Shoppers that a picture shows.
MOST = 5_000
How = Literal["pca", "umap"]


def shopper_map(
    vectors: NDArray[np.floating], how: How = "pca", *, seed: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64], float | None]:
    """Places of at most 5,000 shoppers, drawn.

    Args:
        vectors: float `[n, D]`.
        how: `pca`, the two directions along which they differ the most, or `umap`, which keeps
            neighbours together and needs `tfmm[shoppers]` (McInnes et al., arXiv 1802.03426).
        seed: of draws.

    Returns:
        The rows that are shown, their places `[s, 2]`, and the share of the variance that is in
        them (None for `umap`).

    Raises:
        ModuleNotFoundError: `umap` without the package umap-learn.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:MOST])
    length = np.linalg.norm(vectors[rows], axis=1, keepdims=True)
    shown = vectors[rows] / np.maximum(length, 1e-12)
    if how == "umap":
        try:
            from umap import UMAP
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "`--map umap` needs the package umap-learn, which is not installed. To resolve "
                "this, `pip install tfmm[shoppers]`, or leave --map out.",
                name="umap",
            ) from None
        neighbours = min(15, len(rows) - 1)
        made = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
        return rows, np.asarray(made.fit_transform(shown), np.float64), None
    centred = shown - shown.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    total = float(np.square(scale).sum())
    places = np.zeros((len(rows), 2))
    places[:, : min(2, left.shape[1])] = (left * scale)[:, :2]
    return rows, places, float(np.square(scale[:2]).sum() / total) if total > 0 else 1.0
