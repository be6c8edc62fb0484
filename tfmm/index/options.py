"""Checks of what an index is made with, with errors that name the nearest there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def nearest_name(name: Any, known: Iterable[str]) -> str:
    """ " Did you mean …?" for a name that is nearly a known one, else ""."""
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_name(option: str, value: Any, known: Iterable[str]) -> str:
    """Returns `value`, which must be one of `known`.

    Raises:
        ValueError: it is not; the message lists them and names the nearest.
    """
    if value not in (known := list(known)):
        hint = nearest_name(value, known)
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
