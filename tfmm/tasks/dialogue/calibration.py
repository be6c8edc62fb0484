"""Probabilities of intents that mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax


def probabilities_of(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """float64 `[n, C]`, rows that add up to 1."""
    return softmax(np.asarray(logits, np.float64), axis=1)


def temperature_of(logits: NDArray[np.floating], codes: NDArray[np.integer]) -> float:
    """The temperature under which held-out intents are most likely; 1 without any.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        logits: float `[n, C]`.
        codes: int `[n]`, the intents.
    """
    if not len(codes):
        return 1.0
    logits, place = np.asarray(logits, np.float64), np.arange(len(codes))

    def loss(power: float) -> float:
        return float(-log_softmax(logits / np.exp(power), axis=1)[place, codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))
