"""How much the linear part counts beside the network, and how sure both are: by validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

#: Fewer labels than this choose nothing.
_FEWEST = 10


def fitted_mix(
    logits: NDArray[np.floating],
    margins: NDArray[np.floating] | None,
    codes: NDArray[np.integer],
) -> dict[str, float]:
    """The share and the temperature under which held-out labels are most likely.

    Answers are (logits + share · margins) / temperature (temperature scaling: Guo et al., ICML
    2017).

    Args:
        logits: float `[n, C]`, the network's.
        margins: float `[n, C]`, the linear part's; None where there is none.
        codes: int[n], the right classes.

    Returns:
        `share` and `temperature`.
    """
    if len(codes) < _FEWEST:
        return {"share": 0.0 if margins is None else 1.0, "temperature": 1.0}
    logits = np.asarray(logits, np.float64)
    side = np.zeros_like(logits) if margins is None else np.asarray(margins, np.float64)

    def loss(at: NDArray[np.floating]) -> float:
        mixed = logits * np.exp(at[0]) + side * at[1]
        return float(-log_softmax(mixed, axis=1)[np.arange(len(codes)), codes].mean())

    # How much each counts by itself, so that one of them alone can be found.
    bounds = [(-4.0, 3.0), (0.0, 20.0) if margins is not None else (0.0, 0.0)]
    starts = [(0.0, 1.0), (-2.0, 3.0)] if margins is not None else [(0.0, 0.0)]
    found = min(
        (minimize(loss, start, bounds=bounds, method="L-BFGS-B") for start in starts),
        key=lambda one: one.fun,
    )
    temperature = float(np.exp(-found.x[0]))
    return {"share": float(found.x[1]) * temperature, "temperature": temperature}


def presence_threshold(logits: NDArray[np.floating], present: NDArray[np.integer]) -> float:
    """The probability from which on a category is there, by the F1 over held-out ones.

    Args:
        logits: float `[n, K]`.
        present: int `[n, K]`, 1, 0, or -1 where it is not known.
    """
    known = present >= 0
    sure, right = expit(logits[known]), present[known] == 1
    if not right.any():
        return 0.5
    tried = np.linspace(0.1, 0.9, 33)
    hits = [(right & (sure >= one)).sum() for one in tried]
    given = [(sure >= one).sum() for one in tried]
    f1 = [2 * hit / max(count + right.sum(), 1) for hit, count in zip(hits, given, strict=True)]
    return float(tried[int(np.argmax(f1))])
