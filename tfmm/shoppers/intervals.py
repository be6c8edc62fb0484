"""Intervals that say how far a share or a mean may be off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmm.evaluation.bootstrap import paired_bootstrap

#: Of the standard normal distribution: 95 % lie between it and its negative.
Z = 1.959964
_DRAWN = 40_000_000


def wilson(
    hits: ArrayLike, of: ArrayLike, z: float = Z
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high end of the share `hits / of`, 95 % unless `z` says otherwise; NaN where `of` is
    0.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    ```python
    low, high = wilson([0, 5], [10, 10])
    (low.round(2).tolist(), high.round(2).tolist())  # ([0.0, 0.24], [0.28, 0.76])
    ```
    """
    n = np.asarray(of, np.float64)
    n = np.where(n > 0, n, np.nan)
    share = np.asarray(hits, np.float64) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def mean_of_shoppers(
    values: NDArray[Any], weight: NDArray[Any] | None = None, *, seed: int = 1
) -> tuple[float, float, float]:
    """The mean of one value a shopper, and between what it lies (95 %), by drawing shoppers anew.

    Args:
        values: `[n]`.
        weight: of each shopper in the mean, above 0: the orders that a rate is of, say.
        seed: of the draws.
    """
    draws = int(np.clip(_DRAWN // max(len(values), 1), 200, 2000))
    zeros = np.zeros(len(values))
    return paired_bootstrap(np.asarray(values), zeros, weight=weight, draws=draws, seed=seed)
