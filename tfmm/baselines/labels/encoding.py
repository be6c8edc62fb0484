"""Categories of many values as numbers: how often the label comes with a value, and how many do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FOLDS = 5
_STRENGTH = 10.0


class RateEncoding:
    """For each column of codes the smoothed mean of the label by code, and the code's examples.

    A training example must not see its own label, so those are encoded by the other folds of five;
    all others by the whole training part. A code that training does not have, and -1 where training
    has none, has the mean and no examples.

    Source: target encoding as in Micci-Barreca, SIGKDD Explorations 2001, by folds.

    Args:
        codes: int `[n, Q]`, -1 for none, of training.
        value: labels `[n]`.
        seed: of the folds.
    """

    def __init__(
        self, codes: NDArray[np.integer], value: NDArray[np.floating], *, seed: int = 1
    ) -> None:
        self._codes, self._value = codes, value
        self._fold = np.random.default_rng(seed).integers(0, _FOLDS, len(value))
        self._mean = float(value.mean(dtype=np.float64))
        self._tables = [self._sums(column, value) for column in codes.T]

    def training(self) -> NDArray[np.float32]:
        """The training examples, float32 `[n, 2 Q]`: rates, then counts."""
        found = np.empty((len(self._value), 2 * self._codes.shape[1]), np.float32)
        for fold in range(_FOLDS):
            inside = self._fold == fold
            parts = [self._sums(column[~inside], self._value[~inside]) for column in self._codes.T]
            found[inside] = self._looked_up(self._codes[inside], parts)
        return found

    def encoded(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Other examples, float32 `[m, 2 Q]`."""
        return self._looked_up(codes, self._tables)

    def _sums(
        self, column: NDArray[np.integer], value: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The labels' sum and the examples of each code, 0 for the last, which no code is."""
        size = int(column.max(initial=-1)) + 3
        total = np.bincount(column + 1, value, size).astype(np.float64)
        return total, np.bincount(column + 1, minlength=size).astype(np.float64)

    def _looked_up(
        self,
        codes: NDArray[np.integer],
        tables: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    ) -> NDArray[np.float32]:
        rates, counts = [], []
        for column, (total, count) in zip(codes.T, tables, strict=True):
            place = np.minimum(column + 1, len(count) - 1)
            rate = (total + _STRENGTH * self._mean) / (count + _STRENGTH)
            rates.append(rate[place])
            counts.append(count[place])
        return np.array([*rates, *counts], np.float32).reshape(2 * codes.shape[1], len(codes)).T
