"""The classes that texts are told by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Classes:
    """Classes of texts.

    Attributes:
        names: their names, which columns of logits follow.
        codes: int32[n], the class of each text; -1 where it has none, or a rare one.
        rare: texts whose class too few others have.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]
    rare: int = 0

    def __len__(self) -> int:
        return len(self.names)


def classes_of(
    values: Iterable[str], min_count: int = 1, names: Sequence[str] | None = None
) -> Classes:
    """The classes that values name, sorted: numbers by size, words by letters.

    ```python
    from tfmm.tasks.texts.classes import classes_of

    classes_of(["5", "1", "", "5", "10"]).names
    ```

    Args:
        values: the class of each text, "" where it has none.
        min_count: classes of fewer texts are left out.
        names: the classes that there are, of a model that was trained before or as a run file has
            them; other values are none.
    """
    given = list(values)
    if names is None:
        counts = Counter(value for value in given if value)
        names = sorted((v for v, count in counts.items() if count >= min_count), key=_order)
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(value, -1) for value in given], np.int32)
    rare = sum(1 for value, code in zip(given, codes, strict=True) if value and code < 0)
    return Classes(tuple(names), codes, rare)


def _order(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value
