"""Nothing is said of groups of few shoppers: they are joined, or left out and counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: What groups of too few are joined to.
OTHERS = "others"


def joined(
    labels: NDArray[np.object_], at_least: int
) -> tuple[NDArray[np.object_], dict[str, str]]:
    """Labels of which none is that of fewer than `at_least` shoppers.

    Groups of fewer become `others`; where these are too few still, the next smallest group joins
    them, so that no size follows from the sum of all.

    ```python
    labels, where = joined(np.array(["a"] * 12 + ["b"] * 3 + ["c"] * 20, object), 10)
    where  # {'b': 'others', 'a': 'others'}
    ```

    Args:
        labels: object `[n]` of str.
        at_least: shoppers.

    Returns:
        The labels, and which were joined to what.

    Raises:
        ValueError: there are fewer than `at_least` shoppers at all.
    """
    if len(labels) < at_least:
        raise ValueError(
            f"there are {len(labels):,} shoppers who bought something, but nothing is said of "
            f"groups smaller than {at_least}."
        )
    sizes = pd.Series(labels).value_counts(ascending=True, sort=True)
    few: list[str] = []
    total = 0
    for name, size in sizes.items():
        if size >= at_least and not 0 < total < at_least:
            break
        few.append(str(name))
        total += int(size)
    out = labels.copy()
    out[np.isin(labels.astype(str), few)] = OTHERS
    return out, dict.fromkeys(few, OTHERS)
