"""Checks of what an index is made with, with errors that name the nearest there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tfmm.config.names import did_you_mean


def check_name(option: str, value: Any, known: Iterable[str]) -> str:
    """Returns `value`, which must be one of `known`.

    Raises:
        ValueError: it is not; the message lists them and names the nearest.
    """
    if value not in (known := list(known)):
        hint = did_you_mean(value, known)
        raise ValueError(f"`{option}` must be one of {known}, but it is {value!r}.{hint}")
    return value


def check_positive(option: str, value: Any) -> int:
    """Returns `value` as an int, which must be a positive integer.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"`{option}` must be a positive integer, but it is {value!r}.")
    return int(value)


def check_recall(value: Any) -> float:
    """Returns `value` as a float, which must be a share above 0 and at most 1.

    Raises:
        ValueError: it is not.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < value <= 1:
        raise ValueError(
            f"`recall` must be a share above 0 and at most 1, such as 0.95, but it is {value!r}."
        )
    return float(value)
