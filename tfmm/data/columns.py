"""Columns of a catalogue: one frozen class for each kind of feature, a row for each item or user.

All have `kind`, `present` (bool[n], False where the value is missing), `len()` and `take(rows)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_rows(rows: ArrayLike, n: int) -> NDArray[np.int64]:
    """Checks row numbers for `take`: whole numbers in 0..n-1, else IndexError.

    NumPy would read the -1 that stands for an unknown id as the last row.
    """
    array = np.asarray(rows)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise IndexError(f"rows must be integers[m], got {array.dtype} of shape {array.shape}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= n:
        raise IndexError(f"rows must lie in 0..{n - 1}, got {low if low < 0 else high}")
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class TextColumn:
    """Texts: `values` object[n] of str, "" where missing."""

    kind: ClassVar[str] = "text"
    values: NDArray[np.object_]

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.asarray(self.values != "", dtype=bool)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: ArrayLike) -> TextColumn:
        return TextColumn(self.values[as_rows(rows, len(self))])


@dataclass(frozen=True, eq=False)
class MediaColumn:
    """Files: `paths` holds for each row the tuple of its usable ones, first one first."""

    kind: ClassVar[str]
    paths: tuple[tuple[Path, ...], ...]

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.fromiter(map(bool, self.paths), dtype=bool, count=len(self.paths))

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: ArrayLike) -> Self:
        return type(self)(tuple(self.paths[row] for row in as_rows(rows, len(self))))


@dataclass(frozen=True, eq=False)
class ImageColumn(MediaColumn):
    """Image files, see `MediaColumn`."""

    kind: ClassVar[str] = "image"


@dataclass(frozen=True, eq=False)
class AudioColumn(MediaColumn):
    """Sound files, see `MediaColumn`."""

    kind: ClassVar[str] = "audio"


@dataclass(frozen=True, eq=False)
class VideoColumn(MediaColumn):
    """Video files, see `MediaColumn`."""

    kind: ClassVar[str] = "video"


@dataclass(frozen=True, eq=False)
class CategoryColumn:
    """One of a set: `codes` int32[n] into the sorted `vocabulary` object[V], -1 where missing."""

    kind: ClassVar[str] = "category"
    codes: NDArray[np.int32]
    vocabulary: NDArray[np.object_]

    @property
    def present(self) -> NDArray[np.bool_]:
        return self.codes >= 0

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: ArrayLike) -> CategoryColumn:
        return CategoryColumn(self.codes[as_rows(rows, len(self))], self.vocabulary)


@dataclass(frozen=True, eq=False)
class TagsColumn:
    """Any number of values a row, each once.

    Row i holds `values[offsets[i]:offsets[i + 1]]` (int32[m], ascending), codes into the sorted
    `vocabulary` object[V]; `offsets` is int64[n + 1].
    """

    kind: ClassVar[str] = "tags"
    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    vocabulary: NDArray[np.object_]

    @property
    def present(self) -> NDArray[np.bool_]:
        return np.diff(self.offsets) > 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: ArrayLike) -> TagsColumn:
        rows = as_rows(rows, len(self))
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return TagsColumn(
            self.values[np.repeat(starts, lengths) + within], offsets, self.vocabulary
        )


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """Numbers: `values` float32[n], NaN where missing, never infinite."""

    kind: ClassVar[str] = "number"
    values: NDArray[np.float32]

    @property
    def present(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: ArrayLike) -> NumberColumn:
        return NumberColumn(self.values[as_rows(rows, len(self))])


@dataclass(frozen=True, eq=False)
class VectorColumn:
    """Vectors: `values` float32[n, d], perhaps memory-mapped, zeros where not `present` bool[n]."""

    kind: ClassVar[str] = "vector"
    values: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: ArrayLike) -> VectorColumn:
        rows = as_rows(rows, len(self))
        return VectorColumn(self.values[rows], self.present[rows])


Column = TextColumn | MediaColumn | CategoryColumn | TagsColumn | NumberColumn | VectorColumn
