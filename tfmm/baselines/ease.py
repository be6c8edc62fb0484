"""EASE: a linear model from item to item, solved in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.linalg.lapack as lapack
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs

#: Rows that are worked on at a time.
_BLOCK = 1024
#: The most rows that OpenBLAS inverts with several threads: of more, 0.3.30 breaks down.
_THREADED = 32_768


class EASEMemoryError(MemoryError):
    """EASE's item-item matrices would take more memory than allowed."""


@dataclass(kw_only=True)
class EASE(Baseline):
    """Scores an item by a weighted sum over the history, with the weights of a ridge regression.

    The weights B minimise |X - XB|^2 + lam |B|^2 with a diagonal of 0: with P the inverse of
    X'X + lam I, B is I - P / diag(P), column by column. They are dense, items by items, which is
    why memory is checked before anything is built.

    A user of many items has a say in the square of their number of entries of X'X; `activity`
    takes some of it away.

    Source: Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019.
    """

    name: ClassVar[str] = "ease"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "lam": (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
    }

    decays: ClassVar[bool] = True
    # Every penalty and half-life takes the inverse of a matrix of items by items.
    sample_items: ClassVar[int | None] = 8000

    lam: float = 200.0
    """Strength of the ridge penalty, above 0."""

    activity: float = 0.0
    """A user's squared error is divided by the sum of their row, over the mean of all, to this
    power, 0 or more: 0 is EASE as published, 0.5 has been better wherever it was tried."""

    max_memory: int = 4 * 2**30
    """Bytes that fitting may take, see `EASE.memory`."""

    weights_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.lam > 0:
            raise ValueError(f"`lam` is {self.lam}, but the ridge penalty must be above 0.")
        if not self.activity >= 0:
            raise ValueError(f"`activity` is {self.activity}, but must be 0 or more.")

    @staticmethod
    def memory(n_items: int) -> int:
        """Bytes that fitting takes at its peak: a float32 matrix of items squared."""
        return 4 * n_items**2

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        """Learns from `train`, float32 `[n_users, n_items]`.

        Raises:
            EASEMemoryError: the item-item matrices would take more than `max_memory`.
        """
        self.weights_ = _solve(self._gram(train), self.lam)
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        weights = self.weights_
        histories = self._histories(histories, None if weights is None else len(weights))
        return np.asarray(histories @ weights, np.float32)

    def check_size(self, n_items: int) -> None:
        """Refuses more items than `max_memory` allows.

        Raises:
            EASEMemoryError: saying how much they would take.
        """
        needed = self.memory(n_items)
        if needed > self.max_memory:
            raise EASEMemoryError(
                f"EASE on {n_items:,} items needs {needed / 2**30:,.1f} GiB for its item-item "
                f"matrices, and `max_memory` allows {self.max_memory / 2**30:,.1f} GiB. To resolve "
                f"this, raise `max_memory` or leave EASE out; item-kNN has no such matrix."
            )

    def _gram(self, train: Pairs | sp.csr_matrix) -> NDArray[np.float32]:
        values = self._values(train)
        n_items = values.shape[1]
        self.check_size(n_items)
        if self.activity:
            size = np.asarray(values.sum(axis=1), np.float64).ravel()
            there = size > 0
            mean = size.sum() / max(there.sum(), 1)
            size[there] = (size[there] / mean) ** (-self.activity / 2)
            values = sp.csr_matrix(sp.diags(size) @ values, dtype=np.float32)
        gram = np.zeros((n_items, n_items), np.float32)
        items = sp.csr_matrix(values.T)
        for start in range(0, n_items, _BLOCK):
            gram[start : start + _BLOCK] = (items[start : start + _BLOCK] @ values).toarray()
        return gram


def _solve(gram: NDArray[np.float32], lam: float) -> NDArray[np.float32]:
    """EASE's weights, in the memory of the Gram matrix, which is overwritten."""
    n = len(gram)
    diagonal = np.arange(n)
    gram[diagonal, diagonal] += np.float32(lam)
    # The transposed view is Fortran's order, so that LAPACK works in place; gram is symmetric.
    with threadpool_limits(1 if n > _THREADED else None, "blas"):
        factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1, clean=0)
        if not failed:
            factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError(
            f"EASE's matrix of {n} items is not positive definite at lam {lam:g}. To resolve this, "
            f"raise `lam`, and check the weights for negative or infinite values."
        )
    inverse = factor.T  # C order again; its upper triangle is filled
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = np.triu(inverse[rows, start:])
        inverse[rows, start:] = block
        square = block[:, : block.shape[0]]
        inverse[rows, rows] = square + np.triu(square, 1).T
        inverse[start + _BLOCK :, rows] = inverse[rows, start + _BLOCK :].T
    inverse /= -inverse[diagonal, diagonal].copy()
    inverse[diagonal, diagonal] = 0
    return inverse
