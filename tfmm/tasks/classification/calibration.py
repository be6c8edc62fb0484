"""Temperature scaling: probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tfmm.tasks.classification.model import probabilities_of


def temperature_of(logits: NDArray[np.floating], has: NDArray[np.bool_], several: bool) -> float:
    """The temperature under which held-out labels are most likely.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        logits: float `[n, C]`.
        has: bool `[n, C]`, the labels.
        several: whether an item may have several.
    """

    def loss(log_temperature: float) -> float:
        found = probabilities_of(logits / np.exp(log_temperature), several).astype(np.float64)
        right = np.where(has, found, 1.0 - found) if several else found[has]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(best.x))


def threshold_for(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], precision: float
) -> float:
    """The lowest confidence from which on, on held-out items, a share `precision` is right.

    Args:
        confidence: float `[n]`, of each answer.
        right: bool `[n]`, whether it is right.
        precision: the share that is wanted.

    Returns:
        A value of `confidence`; above 1 where no threshold reaches the precision.
    """
    order = np.argsort(-confidence, kind="stable")
    reached = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A threshold takes in all answers of its confidence.
    last = np.append(np.diff(confidence[order]) != 0, True)
    good = np.flatnonzero((reached >= precision) & last)
    return float(confidence[order][good[-1]]) if len(good) else 1.01
