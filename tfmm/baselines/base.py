"""What every baseline has in common."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.events.pairs import DAY, Pairs

#: Half-lives in days that tuning tries where events have times, as far as the log is that long.
HALF_LIVES = (0.5, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0)


def half_lives(pairs: Pairs) -> tuple[float, ...]:
    """Those of `HALF_LIVES` that are shorter than the pairs' log; none where it has no times."""
    time = pairs.log.time
    days = 0.0 if time is None or not len(time) else (time[-1] - time[0]) / DAY
    return tuple(value for value in HALF_LIVES if value < days)


class Tuned(NamedTuple):
    """What tuning found: the best parameters, and how many of the grid a budget left untried."""

    params: dict[str, Any]
    untried: int = 0


class NotFittedError(RuntimeError):
    """A baseline was asked for scores before `fit`."""


@dataclass(kw_only=True)
class Baseline(ABC):
    """A recommender without a neural network: `fit` on pairs, `score` any histories.

    Histories need not be rows of the training pairs, so shoppers never seen are scored too. The
    fields of a subclass are its configuration; `config()` gives them back.

    What it is fitted on are `Pairs`, or the matrix that `read` makes of them; what it scores is
    such a matrix.
    """

    name: ClassVar[str]
    """Name in the registry and in reports."""

    grid: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Values that tuning tries, by field."""

    decays: ClassVar[bool] = False
    """Whether tuning tries half-lives too, where events have times."""

    timed: ClassVar[bool] = False
    """Whether it needs events with times."""

    sample_items: ClassVar[int | None] = None
    """Of a larger catalogue, so many items, those with most shoppers, are tuned on."""

    weighted: bool = False
    """Use the weights of events; otherwise every pair counts 1."""

    half_life: float | None = None
    """Days in which an event's worth halves, from the latest event on; every event of a pair counts
    then. None: a pair counts once, whatever its age."""

    @abstractmethod
    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        """Learns from `train`, pairs or float32 `[n_users, n_items]`, and returns itself."""

    @abstractmethod
    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        """Scores float32 `[B, n_items]`, higher is better, for histories `[B, n_items]`.

        Items of the history are scored as well; ranking leaves them out.

        Raises:
            NotFittedError: before `fit`.
            ValueError: histories over another number of items than the training matrix.
        """

    def read(self, pairs: Pairs) -> sp.csr_matrix:
        """What it reads of pairs, float32 `[n_users, n_items]`.

        Raises:
            ValueError: a half-life, but pairs without times.
        """
        if self.half_life is None:
            return pairs.csr()
        return pairs.decayed(self.half_life, weighted=self.weighted)

    @classmethod
    def variants(
        cls, train: Pairs | sp.csr_matrix, grid: Mapping[str, Sequence[Any]], **config: Any
    ) -> Iterator[tuple[dict[str, Any], Self]]:
        """Fitted baselines, one at a time, for every combination in `grid` on top of `config`.

        Subclasses share between combinations what costs most. A yielded baseline is valid until
        the next one is asked for.
        """
        for values in itertools.product(*grid.values()):
            params = dict(zip(grid, values, strict=True))
            yield params, cls(**{**config, **params}).fit(train)

    def check_size(self, n_items: int) -> None:
        """Refuses a catalogue that it cannot be fitted on, before any work: none."""
        return

    @classmethod
    def grid_for(cls, config: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """The values that tuning tries beside a configuration: those of `grid` that it does not
        set."""
        return {name: values for name, values in cls.grid.items() if name not in config}

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def _values(self, matrix: Pairs | sp.csr_matrix) -> sp.csr_matrix:
        """The matrix as float32 CSR, all values 1 unless they are weights or say an age."""
        if isinstance(matrix, Pairs):
            matrix = self.read(matrix)
        matrix = sp.csr_matrix(matrix, dtype=np.float32)
        if self.weighted or self.half_life is not None:
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
