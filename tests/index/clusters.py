"""Clustered vectors, and what an exact search answers, for tests of approximate indices."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmm.index import BruteForce


def clustered(n: int, d: int = 16, clusters: int = 40, seed: int = 1) -> np.ndarray:
    """`[n, d]` float32 unit vectors about as many centres as there are clusters."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(clusters, d))
    rows = centres[rng.integers(0, clusters, n)] + 0.4 * rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def recall(rows: tf.Tensor, exact: tf.Tensor) -> float:
    """The share of the exact rows, padding left out, that were found."""
    pairs = zip(rows.numpy(), exact.numpy(), strict=True)
    return float(np.mean([np.isin(true[true >= 0], found).mean() for found, true in pairs]))


def exactly(candidates: np.ndarray, k: int = 10) -> BruteForce:
    return BruteForce(k=k).index(candidates)
