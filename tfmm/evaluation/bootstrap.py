"""Whether a difference between two models is more than chance: a paired bootstrap over users."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4_000_000


def paired_bootstrap(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    *,
    weight: NDArray[np.floating] | None = None,
    finish: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 1,
) -> tuple[float, float, float]:
    """The mean of `a - b` over users, and between what it lies.

    Each draw takes as many users as there are, with replacement, and both values of each; the
    interval holds the middle `level` of the draws' means. A metric over examples, of which users
    have different numbers, is a mean weighted by these, and `finish`ed by a root, say.

    ```python
    difference, low, high = paired_bootstrap(np.array([0.5, 0.2, 0.9]), np.array([0.4, 0.2, 0.7]))
    low <= difference <= high  # True
    ```

    Source: Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13; for rankings
    Sakai, Evaluating evaluation metrics based on the bootstrap, SIGIR 2006.

    Args:
        a: the metric of each user, float `[U]`.
        b: that of the same users under the other ranking.
        weight: of each user in the mean, above 0, float `[U]`; by default all weigh the same.
        finish: of a mean, elementwise; the difference is then one of finished means.
        draws: how many.
        level: share of the draws inside the interval.
        seed: of the draws.

    Returns:
        The difference, and the low and high end of its interval.

    Raises:
        ValueError: no users, arrays of other shapes than one `[U]`, or weights not above 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(
            f"`a` and `b` must hold one value for each of the same users, but they are of shapes "
            f"{list(a.shape)} and {list(b.shape)}."
        )
    if weight is not None and (weight.shape != a.shape or not (weight > 0).all()):
        raise ValueError(
            f"`weight` must be above 0 for each of the {len(a)} users, but is of shape "
            f"{list(weight.shape)} and {weight.min(initial=np.inf)} at least."
        )
    share = np.ones(len(a)) if weight is None else np.asarray(weight, np.float64)
    # A mean that nothing is done to is as well taken of the differences at once.
    sums = [share, *([share * (a - b)] if finish is None else [share * a, share * b])]

    def differences(rows: NDArray[np.integer]) -> NDArray[np.float64]:
        if finish is None and weight is None:
            return sums[1][rows].mean(axis=-1)
        total, *others = (one[rows].sum(axis=-1) for one in sums)
        means = [other / total for other in others]
        return means[0] if finish is None else finish(means[0]) - finish(means[1])

    rng, n = np.random.default_rng(seed), len(a)
    size = max(1, _BLOCK // n)
    drawn = [
        differences(rng.integers(0, n, (min(size, draws - start), n)))
        for start in range(0, draws, size)
    ]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(differences(np.arange(n))), float(low), float(high)
