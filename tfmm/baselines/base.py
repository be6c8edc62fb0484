"""What every baseline has in common."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


class NotFittedError(RuntimeError):
    """A baseline was asked for scores before `fit`."""


@dataclass(kw_only=True)
class Baseline(ABC):
    """A recommender without a neural network: `fit` on a matrix, `score` any histories.

    Histories need not be rows of the training matrix, so shoppers never seen are scored too. The
    fields of a subclass are its configuration; `config()` gives them back.
    """

    name: ClassVar[str]
    """Name in the registry and in reports."""

    grid: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Values that tuning tries, by field."""

    weighted: bool = False
    """Use the weights of events; otherwise every pair counts 1."""

    @abstractmethod
    def fit(self, train: sp.csr_matrix) -> Self:
        """Learns from `train`, weights float32 `[n_users, n_items]`, and returns itself."""

    @abstractmethod
    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """Scores float32 `[B, n_items]`, higher is better, for histories `[B, n_items]`.

        Items of the history are scored as well; ranking leaves them out.

        Raises:
            NotFittedError: before `fit`.
            ValueError: histories over another number of items than the training matrix.
        """

    @classmethod
    def variants(
        cls, train: sp.csr_matrix, grid: Mapping[str, Sequence[Any]], **config: Any
    ) -> Iterator[tuple[dict[str, Any], Self]]:
        """Fitted baselines, one at a time, for every combination in `grid` on top of `config`.

        Subclasses share between combinations what costs most. A yielded baseline is valid until
        the next one is asked for.
        """
        for values in itertools.product(*grid.values()):
            params = dict(zip(grid, values, strict=True))
            yield params, cls(**{**config, **params}).fit(train)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def _values(self, matrix: sp.csr_matrix) -> sp.csr_matrix:
        """The matrix as float32 CSR, all values 1 unless `weighted`."""
        matrix = sp.csr_matrix(matrix, dtype=np.float32)
        if self.weighted:
            return matrix
        ones = np.ones(len(matrix.data), np.float32)
        return sp.csr_matrix((ones, matrix.indices, matrix.indptr), shape=matrix.shape)

    def _histories(self, histories: sp.csr_matrix, n_items: int | None) -> sp.csr_matrix:
        if n_items is None:
            raise NotFittedError(
                f"{type(self).__name__} has nothing learned yet: call `fit` first."
            )
        if histories.ndim != 2 or histories.shape[1] != n_items:
            raise ValueError(
                f"`histories` must be of shape [B, {n_items}], a column for each item trained on, "
                f"but it is of shape {list(histories.shape)}."
            )
        return self._values(histories)
