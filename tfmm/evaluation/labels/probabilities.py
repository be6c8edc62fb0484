"""Whether probabilities of a label mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation import classes
from tfmm.evaluation.labels.checks import Numbers, check_binary, checked

#: What a probability is taken for at least, and less than 1 at most: one wrong 0 is not infinite.
LEAST = 1e-7


def log_loss(said: Numbers, true: Numbers, weight: Numbers | None = None) -> float:
    """The mean of -log of the probability that was said of what came, in nats.

    ```python
    log_loss(np.array([0.5, 0.5]), np.array([1, 0]))  # 0.6931
    ```

    Args:
        said: probabilities of 1, `[n]`; they count as 1e-7 at least and 1 - 1e-7 at most.
        true: 0 or 1, `[n]`.
        weight: of the examples, `[n]`.

    Returns:
        NaN without examples.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: shapes that differ, labels other than 0 and 1 or predictions outside of them.
    """
    losses = log_losses(said, true)
    return float(np.average(losses, weights=weight)) if len(losses) else np.nan


def log_losses(said: Numbers, true: Numbers) -> NDArray[np.float64]:
    """That of each example, float64 `[n]`; see `log_loss`."""
    said, true = _checked(said, true)
    right = np.where(true == 1, said, 1 - said)
    return -np.log(np.clip(right, LEAST, 1 - LEAST))


def calibration_error(said: Numbers, true: Numbers, bins: int = classes.BINS) -> float:
    """The mean distance between what is said and how often it is so, over bins of equal counts.

    Source: Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, AAAI
    2015, with bins of equal counts as in Nguyen and O'Connor, EMNLP 2015: clicks are rare, and
    bins of equal width would hold them all in the first.

    Args:
        said: probabilities of 1, `[n]`.
        true: 0 or 1, `[n]`.
        bins: how many at most; equal predictions stay together.

    Returns:
        NaN without examples.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: see `log_loss`.
    """
    said, true = _checked(said, true)
    if not len(said):
        return np.nan
    return classes.calibration_error(said, true == 1, bins, equal_counts=True)


def reliability(said: Numbers, true: Numbers, bins: int = classes.BINS) -> list[dict[str, float]]:
    """The bins of `calibration_error`, as `plots.classes.reliability` draws them."""
    said, true = _checked(said, true)
    return classes.reliability(said, true == 1, bins, equal_counts=True)


def _checked(said: Numbers, true: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    said, true = checked(said, true)
    check_binary(true)
    if len(said) and (said.min() < 0 or said.max() > 1):
        raise ValueError(
            f"`said` must be probabilities, from 0 to 1, but goes from {said.min():g} to "
            f"{said.max():g}."
        )
    return said, true
