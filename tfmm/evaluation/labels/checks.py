"""What metrics of labels refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.ranking import NotANumberError

Numbers = NDArray[np.floating]


def checked(
    said: Numbers, true: Numbers, **others: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions and labels, float64 `[n]`.

    Args:
        said: `[n]`.
        true: `[n]`.
        **others: further arrays by name, which must have as many rows.

    Raises:
        NotANumberError: predictions that are NaN.
        ValueError: arrays that differ in shape, or labels that are missing.
    """
    said, true = np.asarray(said), np.asarray(true)
    named: dict[str, Any] = {"said": said, "true": true, **others}
    shapes = {name: np.shape(array) for name, array in named.items() if array is not None}
    if said.ndim != 1 or len(set(shapes.values())) > 1:
        raise ValueError(
            "Predictions and labels must be of one shape [n], but are of "
            + ", ".join(f"{list(shape)} (`{name}`)" for name, shape in shapes.items())
            + "."
        )
    if np.isnan(said).any():
        raise NotANumberError(
            f"`said` holds {int(np.isnan(said).sum())} NaN among {len(said)} predictions."
        )
    if np.isnan(true).any():
        raise ValueError(
            f"`true` holds {int(np.isnan(true).sum())} missing labels, NaN, among {len(true)}. "
            "Leave those examples out."
        )
    return said.astype(np.float64), true.astype(np.float64)


def check_binary(true: Numbers) -> None:
    """Refuses labels other than 0 and 1."""
    other = (true != 0) & (true != 1)
    if other.any():
        raise ValueError(
            f"`true` must be 0 or 1, but {int(other.sum())} of its {len(true)} labels are not, "
            f"such as {float(true[other][0]):g}."
        )
