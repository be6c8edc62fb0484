"""Checks of the arrays that a servable is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.index.candidates import check_distinct
from tfmm.index.lookup import check_lines


def check_sizes(**sizes: int) -> None:
    """Refuses sizes below one, by argument.

    Raises:
        ValueError: naming the first such size.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1, but it is {size}.")


def check_shapes(found: Mapping[str, tuple[Any, Any]], of: str) -> None:
    """Refuses shapes that do not fit together.

    Args:
        found: by argument, the shape that came and the one expected.
        of: what the expected ones follow from.

    Raises:
        ValueError: naming the first argument that does not fit.
    """
    for name, (came, expected) in found.items():
        came = tuple(came) if hasattr(came, "__iter__") else came
        if came != expected:
            raise ValueError(f"`{name}` should be {expected} for {of}, but came as {came}.")


def distinct_ids(values: Sequence[str] | NDArray[Any], name: str) -> list[str]:
    """The ids as a list, if they are distinct strings without line breaks; else an error."""
    ids = list(values)
    check_lines(ids, name)
    check_distinct(ids, name)
    return ids


def check_seen(offsets: NDArray[Any], rows: NDArray[Any], n_users: int, n_items: int) -> None:
    """Refuses offsets and rows that say no items of each user."""
    good = (
        offsets.shape == (n_users + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(rows)
        and bool((np.diff(offsets) >= 0).all())
    )
    if not good:
        raise ValueError(
            f"`seen_offsets` must rise from 0 to the length of `seen_rows` ({len(rows)}) in "
            f"{n_users + 1} steps, one more than there are users, but has shape "
            f"{list(offsets.shape)} and ends {offsets[:1]} … {offsets[-1:]}."
        )
    if len(rows) and (rows.min() < 0 or rows.max() >= n_items):
        raise ValueError(
            f"`seen_rows` must lie in [0, {n_items}), but run from {rows.min()} to {rows.max()}."
        )
