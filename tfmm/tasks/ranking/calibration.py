"""Calibration: probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

#: See `slope_and_shift`.
DOUBT = 10.0


def slope_and_shift(
    scores: NDArray[np.floating], labels: NDArray[np.floating]
) -> tuple[float, float]:
    """The line under whose log odds held-out labels are most likely.

    The slope is not negative, so that an order is kept. A few held-out labels say little of the
    line, and the model that it is for is not the one that it was found with: a slope other than 1
    and a shift other than 0 cost as much as `DOUBT` examples would have to speak for them.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.

    Args:
        scores: `[n]`.
        labels: `[n]`, 0 and 1, NaN where unknown.

    Returns:
        The slope and what is added, 1 and 0 where the labels are all alike.
    """
    known = np.isfinite(labels)
    score, label = scores[known].astype(np.float64), labels[known].astype(np.float64)
    if len(np.unique(label)) < 2:
        return 1.0, 0.0

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(line[0])
        log_odds = slope * score + line[1]
        value = np.logaddexp(0.0, log_odds) - label * log_odds
        off = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -60, 60))) - label
        held = DOUBT / len(score)
        told = np.array([(off * score).mean() * slope, off.mean()]) + 2 * held * line
        return float(value.mean() + held * (line**2).sum()), told

    best = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-5, 5), (None, None)])
    return float(np.exp(best.x[0])), float(best.x[1])
