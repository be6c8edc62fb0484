"""Hubs: items near every query, which push the right ones down, and what takes that away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.files import replacing

#: Where a model keeps the queries that hubs are found by.
HUBS = "hub_queries.npy"

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

    ```python
    bias = hub_bias(item_vectors, user_vectors, beta=30.0)  # float32 [N]
    scores = user_vectors @ item_vectors.T + bias
    ```

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


def hub_queries(model: Any, config: Any, rows: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """Vectors `[Q, dim]` of the distinct queries of some items, which hubs are found by."""
    if not config.search.hubness or model.queries is None:
        return None
    found = []
    for feature, present in model.queries.present.items():
        asked = np.asarray(rows)[present[rows]]
        _, first = np.unique(model.queries.groups[asked], return_index=True)
        asked = asked[np.sort(first)]
        if len(asked) > config.search.hub_queries:
            draw = np.random.default_rng(config.train.seed).permutation(len(asked))
            asked = asked[np.sort(draw[: config.search.hub_queries])]
        if len(asked):
            found.append(model.query_vectors(feature, asked))
    return np.concatenate(found) if found else None


def search_bias(
    config: Any, items: NDArray[np.float32], hubs: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """The correction for hubs that items are served with; None where there is none."""
    if hubs is None or not config.search.hubness:
        return None
    return hub_bias(items, hubs, config.search.hubness)


def save_hubs(folder: Path, hubs: NDArray[np.float32] | None) -> None:
    """Keeps the queries `[Q, dim]` that hubs are found by, so that any later catalogue can be
    corrected."""
    if hubs is not None:
        with replacing(folder / HUBS) as aside:
            np.save(aside, hubs.astype(np.float16))


def load_hubs(folder: Path) -> NDArray[np.float32] | None:
    """What `save_hubs` kept, float32 `[Q, dim]`; None where nothing was."""
    path = folder / HUBS
    return np.load(path).astype(np.float32) if path.is_file() else None
