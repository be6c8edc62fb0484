"""Rows of a memory-mapped matrix in an order of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class MappedRows:
    """Reads like an array whose row i is row `rows[i]` of another one, without copying that.

    Args:
        values: [m, ...], most often memory-mapped.
        rows: int64 [n] or [n, m], places in `values`; -1 reads as zeros.
    """

    def __init__(self, values: NDArray[Any], rows: NDArray[np.int64]) -> None:
        self.values = values
        self.rows = rows
        self.shape = (*rows.shape, *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """The rows that `key`, a slice or an array of integers, selects."""
        rows = self.rows[key]
        out = np.zeros((*rows.shape, *self.values.shape[1:]), self.dtype)
        there = rows >= 0
        out[there] = self.values[rows[there]]
        return out
