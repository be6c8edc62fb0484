"""Rows of a matrix, often memory-mapped, in an order of their own, one or several a row."""

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
        self.shape: tuple[Any, ...] = (*rows.shape, *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """The rows that `key`, a slice or an array of integers, selects."""
        return self._read(self.rows[key])

    def _read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        out = np.zeros((*rows.shape, *self.values.shape[1:]), self.dtype)
        there = rows >= 0
        out[there] = self.values[rows[there]]
        return out

    def again(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where rows of this, any shape of places with -1 for none, lie in `values`."""
        return np.where(rows >= 0, self.rows[rows], -1) if len(self) else rows


class RaggedRows(MappedRows):
    """Any number of another array's rows each, read as `[b, p, ...]`: p is the most that one of the
    b rows asked for has, and at least 1; zeros fill up.

    ```python
    import numpy as np

    from tfmm.data.rows import RaggedRows

    three = RaggedRows(np.array([[1.0], [2.0]]), np.array([[0, 1], [1, -1], [-1, -1]]))
    three[np.array([1, 2])].shape  # (2, 1, 1)
    ```

    Args:
        values: as of `MappedRows`.
        rows: int64 [n, m], places in `values`, with -1 where there are fewer.
    """

    def __init__(self, values: NDArray[Any], rows: NDArray[np.int64]) -> None:
        super().__init__(values, rows)
        self.shape = (len(rows), None, *values.shape[1:])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows = self.rows[key]
        width = np.flatnonzero((rows >= 0).any(axis=0)).max(initial=0) + 1
        return self._read(rows[:, :width])


class MeanRows(MappedRows):
    """The mean of any number of another array's vectors each, of those that are not zero.

    One alone is itself, bit for bit; the mean of several is scaled to length one.

    Args:
        values: float [m, d], vectors of length one.
        rows: int64 [n, m], places in `values`, with -1 where there are fewer.
    """

    def __init__(self, values: NDArray[Any], rows: NDArray[np.int64]) -> None:
        super().__init__(values, rows)
        self.shape = (len(rows), *values.shape[1:])

    def _read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        out = np.zeros((len(rows), *self.values.shape[1:]), self.dtype)
        count = np.zeros(len(rows), np.int64)
        # Place by place, so that no more than the result is ever held.
        for places in rows.T:
            there = np.flatnonzero(places >= 0)
            vectors = self.values[places[there]]
            out[there] += vectors
            count[there] += vectors.any(axis=1)
        several = count > 1
        length = np.linalg.norm(out[several], axis=1, keepdims=True)
        out[several] /= np.maximum(length, np.finfo(np.float32).tiny)
        return out
