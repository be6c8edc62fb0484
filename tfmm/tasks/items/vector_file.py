"""The vectors of a run's items, kept in one file with what they were made of."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.files import replacing
from tfmm.tasks.items.fingerprints import SIZE, id_fingerprints, vector_fingerprints

_BLOCK = 65_536


class VectorFile:
    """Vectors that were encoded before, found by what they were made of.

    A NumPy file of records, sorted by `id` (a hash): `id`, `content` (a hash of all that the
    vector depends on) and `vector` float32 `[D]`. It is mapped into memory, so that only the rows
    asked for are read.

    Args:
        records: what the file holds; `VectorFile.read` and `VectorFile.empty` give it.
    """

    def __init__(self, records: np.ndarray) -> None:
        self._records = records
        self._ids = np.ascontiguousarray(records["id"])

    @classmethod
    def empty(cls, dim: int) -> VectorFile:
        """No vectors at all, of `dim` dimensions."""
        return cls(np.zeros(0, _record(dim)))

    @classmethod
    def read(cls, path: Path, dim: int) -> VectorFile:
        """The file's vectors; none where there is no file, or one that cannot be used.

        Args:
            path: the file.
            dim: the length that vectors must have.
        """
        if not path.exists():
            return cls.empty(dim)
        try:
            records = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            warnings.warn(f"{path} is damaged and written anew: {error}", stacklevel=2)
            return cls.empty(dim)
        if not isinstance(records, np.ndarray) or records.dtype != _record(dim):
            return cls.empty(dim)
        return cls(records)

    @staticmethod
    def write(
        path: Path, ids: NDArray[np.bytes_], contents: NDArray[np.bytes_], vectors: np.ndarray
    ) -> None:
        """Writes the file aside and renames it into place.

        Args:
            path: the file; its folder exists.
            ids, contents: hashes `S16 [n]`, at least one.
            vectors: float32 `[n, D]`.
        """
        order = np.argsort(ids, kind="stable")
        with replacing(path) as aside:
            records = np.lib.format.open_memmap(aside, "w+", _record(vectors.shape[1]), ids.shape)
            for start in range(0, len(ids), _BLOCK):
                rows = order[start : start + _BLOCK]
                part = records[start : start + _BLOCK]
                part["id"], part["content"] = ids[rows], contents[rows]
                part["vector"] = vectors[rows]
            records.flush()

    def __len__(self) -> int:
        return len(self._records)

    def find(
        self, ids: NDArray[np.bytes_], contents: NDArray[np.bytes_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where vectors stand.

        Args:
            ids, contents: hashes `S16 [n]` of the items.

        Returns:
            Rows int64 `[n]` for `vectors`, -1 where an item is not there or has changed; and bool
            `[n]`, whether it is there at all.
        """
        if not len(self):
            return np.full(len(ids), -1, np.int64), np.zeros(len(ids), bool)
        place = np.minimum(np.searchsorted(self._ids, ids), len(self) - 1)
        there = self._ids[place] == ids
        same = there & (self._records["content"][place] == contents)
        return np.where(same, place, -1).astype(np.int64), there

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of rows `[m]`, float32 `[m, D]`."""
        return np.asarray(self._records[rows]["vector"])


def vectors_path(run: Path) -> Path:
    """Where a run keeps its items' vectors."""
    return run / "vectors.npy"


def remember_vectors(task: Any, folder: Path, reads: Sequence[str], vectors: np.ndarray) -> None:
    """Keeps a run's item vectors in its folder, for `refresh`.

    Args:
        task: over the items.
        folder: where the run's model was saved.
        reads: the features that the vectors depend on.
        vectors: float32 `[N, D]` of the items.
    """
    items, run = task.data.items, folder.parent
    contents = vector_fingerprints(task, folder, reads)
    try:
        VectorFile.write(vectors_path(run), id_fingerprints(items.ids), contents, vectors)
    except OSError as error:
        warnings.warn(
            f"The items' vectors could not be kept in {run} ({error}), so that the next "
            "`tfmm index` encodes every item.",
            stacklevel=2,
        )


def _record(dim: int) -> np.dtype:
    return np.dtype([("id", f"S{SIZE}"), ("content", f"S{SIZE}"), ("vector", "<f4", (dim,))])
