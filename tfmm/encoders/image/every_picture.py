"""All pictures of a column's rows, each file once, and whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmm.data.columns import ImageColumn
from tfmm.data.rows import MappedRows

R = TypeVar("R", bound=MappedRows)


def has_several(column: ImageColumn) -> bool:
    """Whether some row has more than one picture."""
    return any(len(paths) > 1 for paths in column.paths)


def every_picture(column: ImageColumn) -> tuple[ImageColumn, NDArray[np.int64]]:
    """A column with a row for each file, and which of its rows are a row's pictures.

    Args:
        column: n rows with any number of pictures.

    Returns:
        The column of m distinct files, and int64 `[n, P]`, -1 where a row has fewer.
    """
    place: dict[Path, int] = {}
    rows = np.full((len(column), max((1, *map(len, column.paths)))), -1, np.int64)
    for row, paths in enumerate(column.paths):
        for slot, path in enumerate(paths):
            rows[row, slot] = place.setdefault(path, len(place))
    return ImageColumn(tuple((path,) for path in place)), rows


def arranged(kind: type[R], found: NDArray[Any] | MappedRows, rows: NDArray[np.int64]) -> R:
    """What was found of each picture `[m, ...]`, by the rows that `every_picture` gave."""
    if isinstance(found, MappedRows):
        return kind(found.values, found.again(rows))
    return kind(found, rows)
