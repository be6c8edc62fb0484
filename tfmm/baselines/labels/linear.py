"""Linear models of labels: logistic regression, and ridge regression of ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from tfmm.baselines.labels.base import LabelBaseline, Table

#: Deviations from the mean past which a number says no more.
_MOST = 4.0


class Design:
    """A table as a sparse matrix: a column for each value of a category, and scaled numbers.

    Numbers are centred and scaled as in training, cut at four deviations, and 0 where they are
    missing, which a column of its own says, as -1 has one among a category's values. A value that
    training does not have is in no column.

    Args:
        table: the training part.
    """

    def __init__(self, table: Table) -> None:
        numbers = table.numbers.astype(np.float64)
        known = np.isfinite(numbers)
        count = np.maximum(known.sum(axis=0), 1)
        self.mean = np.where(known, numbers, 0).sum(axis=0) / count
        square = np.where(known, (numbers - self.mean) ** 2, 0).sum(axis=0) / count
        deviation = np.sqrt(square)
        self.scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        self.partly = np.flatnonzero(~known.all(axis=0))
        self.values = [np.unique(codes) for codes in table.categories.T]

    def matrix(self, table: Table) -> sp.csr_matrix:
        """float32 CSR `[n, F]`."""
        known = np.isfinite(table.numbers)
        scaled = (np.where(known, table.numbers, self.mean) - self.mean) * self.scale
        dense = [np.clip(scaled, -_MOST, _MOST), ~known[:, self.partly]]
        parts = [sp.csr_matrix(np.concatenate(dense, axis=1), dtype=np.float32)]
        for values, codes in zip(self.values, table.categories.T, strict=True):
            place = np.minimum(np.searchsorted(values, codes), len(values) - 1)
            row = np.flatnonzero(values[place] == codes)
            ones = np.ones(len(row), np.float32)
            shape = (len(codes), len(values))
            parts.append(sp.csr_matrix((ones, (row, place[row])), shape=shape))
        return sp.hstack(parts, format="csr")


@dataclass(kw_only=True)
class Logistic(LabelBaseline):
    """Logistic regression on one-hot categories and scaled numbers; of a rating, ridge regression.

    Raises:
        ValueError: a strength not above 0; in `fit`, columns that the table does not have.
    """

    name: ClassVar[str] = "logistic"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {"strength": (0.1, 0.3, 1.0, 3.0)}

    columns: Sequence[str] | None = None
    """The columns that it reads; by default all."""

    strength: float = 0.3
    """Inverse of the penalty."""

    design_: Design | None = field(default=None, init=False, repr=False)
    model_: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.strength > 0:
            raise ValueError(f"`strength` is {self.strength}, but must be above 0.")

    def _fit(self, table: Table, value: NDArray[np.float32]) -> None:
        read = self._read(table)
        self.design_ = Design(read)
        if self.kind == "binary":
            self.model_ = LogisticRegression(C=self.strength, max_iter=500)
        else:
            self.model_ = Ridge(alpha=1 / self.strength, solver="sparse_cg", tol=1e-5)
        self.model_.fit(self.design_.matrix(read), value)

    def _predict(self, table: Table) -> NDArray[np.floating]:
        assert self.design_ is not None
        x = self.design_.matrix(self._read(table))
        if self.kind == "binary":
            return self.model_.predict_proba(x)[:, 1]
        return self.model_.predict(x)

    def _read(self, table: Table) -> Table:
        return table if self.columns is None else table.columns(self.columns)


@dataclass(kw_only=True)
class ContentLabels(Logistic):
    """`Logistic` on `columns` alone, those that say what an item is: the content-based model.

    Source: Pazzani and Billsus, The Adaptive Web, 2007, chapter 10.
    """

    name: ClassVar[str] = "content"
    needs: ClassVar[tuple[str, ...]] = ("columns",)

    columns: Sequence[str]
    """The columns of content."""
