"""Hubs: items near every query, which push the right ones down, and what takes that away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Scores held at once.
_BLOCK = 2**24


def hub_bias(
    items: NDArray[np.float32], queries: NDArray[np.float32], beta: float
) -> NDArray[np.float32]:
    """What to add to each item's score so that no item is near all queries, float32 `[N]`.

    In a space of many dimensions some items are among the nearest of far too many queries
    (Radovanović et al., JMLR 2010). The inverted softmax (Smith et al., arXiv:1702.03859, equation
    7) divides each item's share by its sum over many queries: in logarithms, a number of each item
    alone, -log(mean over q of exp(beta · score(q, item))) / beta. Its mean over the items is taken
    out, which changes no ranking.

    Args:
        items: float `[N, D]`.
        queries: float `[Q, D]`, such as will be asked: the training texts.
        beta: how sharply near queries count more; its use is chosen on validation.

    Raises:
        ValueError: no queries, or a beta that is not positive.
    """
    if not beta > 0:
        raise ValueError(f"beta must be positive, got {beta!r}; leave the correction out instead.")
    if not len(queries):
        raise ValueError("Hubs are found by many queries, but there are none.")
    found = np.empty(len(items), np.float64)
    block = max(1, _BLOCK // len(queries))
    for start in range(0, len(items), block):
        scores = beta * (items[start : start + block] @ queries.T)
        highest = scores.max(axis=1, keepdims=True)
        scores -= highest
        total = np.exp(scores, out=scores).mean(axis=1, dtype=np.float64)
        found[start : start + block] = (highest[:, 0] + np.log(total)) / beta
    return (found.mean() - found).astype(np.float32)
