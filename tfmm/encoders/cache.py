"""Vectors of frozen encoders on disk, by the content of what was encoded."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tfmm.data.files import write_text
from tfmm.data.progress import progress
from tfmm.data.rows import MappedRows

FORMAT = 1
DIGEST = 32
#: Vectors that the disk lacks at most after a kill.
BLOCK = 512
#: Up to so many bytes are read into memory, where training gathers rows fastest.
IN_MEMORY = 256 << 20

#: Encodes the given rows, in any order: yields row numbers [b] and their vectors [b, width].
Encode = Callable[[NDArray[np.int64]], Iterator[tuple[NDArray[np.int64], NDArray[np.floating]]]]


class CacheError(ValueError):
    """A folder of vectors that this version of tfmm cannot use."""


class VectorStore:
    """Vectors by the digest of what they were made from; only ever appended to.

    `vectors.f32` (or `.f16`) holds the rows, `keys.bin` a digest of 32 bytes for each, `info.json`
    what made them. Vectors are written before their keys, so what a killed writer left behind
    without a key is cut off by the next one; a lock lets one writer append at a time, and each
    skips the keys that another wrote meanwhile. Readers need no lock.

    Args:
        folder: the folder; made if missing.
        encoder: says what makes the vectors.
        width: their length.
        dtype: float32, or float16 to keep them in half the room.

    Raises:
        CacheError: for a folder of another version, encoder or width.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        encoder: str,
        width: int,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.folder, self.width = Path(folder), width
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._row_bytes = self.dtype.itemsize * width
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keys = self.folder / "keys.bin"
        self._data = self.folder / f"vectors.f{8 * self.dtype.itemsize}"
        self._places: dict[bytes, int] = {}
        info = {"format": FORMAT, "encoder": encoder, "width": width}
        with self._locked():
            if not (self.folder / "info.json").exists():
                write_text(self.folder / "info.json", json.dumps(info, indent=1))
        self._check(info)

    def _check(self, info: dict[str, object]) -> None:
        path = self.folder / "info.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CacheError(f"{path} is not JSON: {error}. {_REMEDY}") from error
        for key, expected in info.items():
            got = found.get(key) if isinstance(found, dict) else None
            if got != expected:
                raise CacheError(
                    f"The vectors in {self.folder} were written by another version of tfmm or of "
                    f"the encoder: {key} is {got!r}, expected {expected!r}. {_REMEDY}"
                )

    def __len__(self) -> int:
        self._refresh()
        return len(self._places)

    def rows(self, keys: Sequence[bytes | None]) -> NDArray[np.int64]:
        """The row of each digest, int64 [n]; -1 for None and for those that are not there."""
        self._refresh()
        places = (-1 if key is None else self._places.get(key, -1) for key in keys)
        return np.fromiter(places, np.int64, len(keys))

    def vectors(self) -> NDArray[np.floating]:
        """All vectors, [m, width], memory-mapped."""
        self._refresh()
        if not self._places:
            return np.zeros((0, self.width), self.dtype)
        return np.memmap(self._data, self.dtype, "r", shape=(len(self._places), self.width))

    def append(self, keys: Sequence[bytes], vectors: NDArray[np.floating]) -> None:
        """Adds `vectors` [b, width] under `keys`; those that are there already stay.

        Raises:
            ValueError: for vectors of another shape, or that are not finite.
        """
        if vectors.shape != (len(keys), self.width) or not np.isfinite(vectors).all():
            raise ValueError(
                f"expected finite vectors of shape {(len(keys), self.width)} for {self.folder}, "
                f"got shape {vectors.shape}"
                + ("" if np.isfinite(vectors).all() else " with NaN or infinite values")
            )
        with self._locked():
            self._refresh()
            new = {key: row for row, key in enumerate(keys) if key not in self._places}
            with open(self._data, "ab") as data, open(self._keys, "ab") as names:
                data.truncate(len(self._places) * self._row_bytes)
                names.truncate(len(self._places) * DIGEST)
                data.write(np.ascontiguousarray(vectors[list(new.values())], self.dtype).tobytes())
                data.flush()
                os.fsync(data.fileno())
                names.write(b"".join(new))
        self._refresh()

    def _refresh(self) -> None:
        """Takes up the keys that were written since, by this process or another."""
        if not self._keys.exists():
            return
        with open(self._keys, "rb") as file:
            file.seek(len(self._places) * DIGEST)
            read = file.read()
        stored = self._data.stat().st_size // self._row_bytes
        start = len(self._places)
        whole = min(len(read) // DIGEST, stored - start)
        for place in range(whole):
            self._places[read[place * DIGEST : (place + 1) * DIGEST]] = start + place

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


_REMEDY = (
    "Nothing was changed. Remove that folder to have its vectors made anew, or set TFMM_CACHE to "
    "another folder."
)


def cached_vectors(
    keys: Sequence[bytes | None],
    encode: Encode,
    *,
    encoder: str,
    width: Callable[[], int],
    folder: Path | None,
    description: str,
    unit: str,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating] | MappedRows:
    """The vectors of n values, of which only those that `folder` lacks are encoded.

    Args:
        keys: the digest of each value; None where it is missing.
        encode: encodes rows; called with one row of each distinct key that is not stored. Rows
            that it leaves out stay missing.
        encoder: what makes the vectors, everything that they depend on included.
        width: gives the length of the vectors; called only where nothing is stored yet.
        folder: where vectors of all encoders are kept; None keeps none.
        description, unit: what the progress bar says ("encoding photo", "images").
        dtype: of the vectors, float32 or float16.

    Returns:
        [n, width], zeros where missing; memory-mapped where it is large.
    """
    store = _store(folder / "features", encoder, width, dtype) if folder else None
    rows = store.rows(keys) if store else np.full(len(keys), -1, np.int64)
    first: dict[bytes, int] = {}
    for row in np.flatnonzero(rows < 0).tolist():
        key = keys[row]
        if key is not None:
            first.setdefault(key, row)
    todo = np.fromiter(first.values(), np.int64, len(first))
    made = progress(
        encode(todo) if len(todo) else iter(()),
        len(todo),
        description,
        unit=unit,
        size=lambda block: len(block[0]),
    )
    if store is None:
        return _in_memory(keys, made, np.zeros(width(), dtype))
    waiting: list[tuple[NDArray[np.int64], NDArray[np.floating]]] = []
    try:
        for block in made:
            waiting.append(block)
            if sum(len(part) for part, _ in waiting) >= BLOCK:
                _flush(store, keys, waiting)
    finally:
        _flush(store, keys, waiting)
    return in_memory(MappedRows(store.vectors(), store.rows(keys)))


def in_memory(rows: MappedRows) -> NDArray[np.floating] | MappedRows:
    """The rows as an array, where that is small; else as they are."""
    return rows[:] if int(np.prod(rows.shape)) * rows.dtype.itemsize <= IN_MEMORY else rows


def _store(folder: Path, encoder: str, width: Callable[[], int], dtype: DTypeLike) -> VectorStore:
    place = folder / hashlib.sha256(encoder.encode()).hexdigest()[:16]
    try:
        known = int(json.loads((place / "info.json").read_text(encoding="utf-8"))["width"])
    # Whatever is wrong with the file, opening the store says it.
    except (OSError, ValueError, KeyError, TypeError):
        known = 0
    return VectorStore(place, encoder, known or width(), dtype)


def _flush(store: VectorStore, keys: Sequence[bytes | None], waiting: list) -> None:
    if not waiting:
        return
    rows = np.concatenate([part for part, _ in waiting])
    vectors = np.concatenate([vectors for _, vectors in waiting])
    waiting.clear()
    store.append([keys[row] for row in rows.tolist()], vectors)


def _in_memory(
    keys: Sequence[bytes | None],
    made: Iterator[tuple[NDArray[np.int64], NDArray[np.floating]]],
    nothing: NDArray[np.floating],
) -> NDArray[np.floating]:
    found: dict[bytes | None, NDArray[np.floating]] = {}
    for rows, vectors in made:
        found.update(zip((keys[row] for row in rows.tolist()), vectors, strict=True))
    values = [nothing if key is None else found.get(key, nothing) for key in keys]
    return np.stack(values) if values else np.zeros((0, len(nothing)), nothing.dtype)


def text_digests(texts: Sequence[str]) -> list[bytes | None]:
    """The digest of each text; None for an empty one."""
    return [hashlib.sha256(text.encode()).digest() if text else None for text in texts]


def file_digests(paths: Sequence[Path | None]) -> list[bytes | None]:
    """The digest of each file's content; None for None, and with a warning for unreadable files."""
    problems: list[str] = []

    def digest(path: Path | None) -> bytes | None:
        if path is None:
            return None
        try:
            stat = path.stat()
            return _file_digest(path, stat.st_size, stat.st_mtime_ns)
        except OSError as error:
            problems.append(str(error))
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = pool.map(digest, paths)
        found = list(progress(digests, len(paths), "looking at files", unit="files"))
    if problems:
        warnings.warn(
            f"{len(problems)} files cannot be read and count as missing, such as: {problems[0]}",
            stacklevel=2,
        )
    return found


@lru_cache(maxsize=1 << 20)
def _file_digest(path: Path, size: int, changed: int) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def folder_digest(folder: Path) -> str:
    """A digest of all files in a folder, names and contents."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        stat = path.stat()
        digest.update(os.fspath(path.relative_to(folder)).encode() + b"\0")
        digest.update(_file_digest(path, stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()[:32]
