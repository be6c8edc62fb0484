"""How far predicted ratings are from true ones."""

from __future__ import annotations

import numpy as np

from tfmm.evaluation.labels.checks import Numbers, checked


def rmse(said: Numbers, true: Numbers, weight: Numbers | None = None) -> float:
    """The root of the mean squared error, in the unit of the labels; NaN without examples.

    ```python
    rmse(np.array([4.0, 3.0]), np.array([5.0, 3.0]))  # 0.7071
    ```

    Args:
        said: predictions `[n]`.
        true: labels `[n]`.
        weight: of the examples, `[n]`.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: shapes that differ, or missing labels.
    """
    said, true = checked(said, true, weight=weight)
    return float(np.sqrt(np.average((said - true) ** 2, weights=weight))) if len(said) else np.nan


def mae(said: Numbers, true: Numbers, weight: Numbers | None = None) -> float:
    """The mean absolute error; see `rmse`."""
    said, true = checked(said, true, weight=weight)
    return float(np.average(np.abs(said - true), weights=weight)) if len(said) else np.nan
