"""Whether a text is in scope at all: a probability from the intents' logits, calibrated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from tfmm.tasks.dialogue.labels import OUT

#: What is said of any text where nothing tells what is out of scope.
ALWAYS = (0.0, 0.0, 10.0)


def fitted(
    logits: NDArray[np.floating], codes: NDArray[np.integer], share: float
) -> tuple[float, float, float]:
    """The weights of the largest logit and of the log of the sum of all, and the bias, of a
    logistic regression of "in scope" on held-out queries.

    How sure a model is tells known from unknown (Hendrycks and Gimpel, ICLR 2017), and the sum of
    all logits tells it better than their softmax (Liu et al., "Energy-based out-of-distribution
    detection", NeurIPS 2020). Where no held-out query is out of scope, every one stands for one
    once more with the logit of its own intent taken away: what it would look like had nobody
    thought of that intent.

    Args:
        logits: float `[n, C]`.
        codes: int `[n]`, intents, or `OUT`.
        share: of queries that are out of scope where the model will be used.
    """
    inside, outside = logits[codes >= 0], logits[codes == OUT]
    if not len(outside) and logits.shape[1] > 2:
        own = np.arange(logits.shape[1]) == codes[codes >= 0][:, None]
        outside = inside[~own].reshape(len(inside), -1)
    if not len(inside) or not len(outside):
        return ALWAYS
    features = np.concatenate([features_of(inside), features_of(outside)])
    known = np.repeat([1, 0], [len(inside), len(outside)])
    weight = np.where(known == 1, (1 - share) / len(inside), share / len(outside)) * len(known)
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    found = LogisticRegression(C=1.0, max_iter=1_000).fit((features - mean) / scale, known, weight)
    largest, total = found.coef_[0] / scale
    bias = found.intercept_[0] - mean @ (found.coef_[0] / scale)
    return float(largest), float(total), float(bias)


def features_of(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """float64 `[n, 2]`: the largest logit, and the log of the sum of all."""
    return np.stack([logits.max(axis=1), logsumexp(logits, axis=1)], axis=1)


def in_scope(
    logits: NDArray[np.floating], weights: tuple[float, float, float]
) -> NDArray[np.float64]:
    """float64 `[n]`: the probability of being in scope."""
    said = features_of(np.asarray(logits, np.float64)) @ np.array(weights[:2]) + weights[2]
    return 1.0 / (1.0 + np.exp(-said))
