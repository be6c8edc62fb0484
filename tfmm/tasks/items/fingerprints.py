"""What an item's vector is made of, as a hash: the same hash, the same vector."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm import __version__
from tfmm.data.catalog import Catalog
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.progress import progress
from tfmm.tasks.config import RunConfig
from tfmm.tasks.weights import saved_states

SIZE = 16
_BLOCK = 4096


def model_fingerprint(folder: Path, config: RunConfig) -> bytes:
    """Hash of all that makes vectors of content: saved weights, item tower and version of tfmm.

    Args:
        folder: where the run's weights were saved.
        config: the run's configuration.
    """
    items = json.dumps([__version__, config.to_dict()["items"]], sort_keys=True)
    digest = hashlib.sha256(items.encode())
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            digest.update(_of_file(file))
    return digest.digest()


def vector_fingerprints(task: Any, folder: Path, features: Sequence[str]) -> NDArray[np.bytes_]:
    """`item_fingerprints` of a task's items for the model saved in a folder.

    Args:
        task: over the items.
        folder: where the run's weights were saved.
        features: the features that the vectors depend on.
    """
    known = task.data.knowledge if task.reads_knowledge(saved_states(folder)) else None
    return item_fingerprints(
        task.data.items, features, model_fingerprint(folder, task.config), known
    )


def id_fingerprints(ids: Iterable[str]) -> NDArray[np.bytes_]:
    """Hashes of ids, `S16 [n]`."""
    return np.array([_digest(b"", [item.encode()]) for item in ids], f"S{SIZE}")


def item_fingerprints(
    items: Catalog, features: Sequence[str], model: bytes, knowledge: Knowledge | None = None
) -> NDArray[np.bytes_]:
    """Hashes of what the vector of each item depends on, `S16 [n]`.

    They cover the model, the item's id, and the values of the features that the item tower reads,
    the bytes of its media files included, and of its triples. The order of rows and what other
    items hold play no part.

    Args:
        items: the catalogue.
        features: names of the features, in any order.
        model: of `model_fingerprint`.
        knowledge: what is known of the items, where the model reads it.
    """
    features = sorted(features)
    parts: list[Iterator[bytes]] = [(item.encode() for item in items.ids)]
    parts += [_values(items.features[name]) for name in features]
    if knowledge is not None:
        parts.append(_triples(items, knowledge))
    salt = hashlib.sha256(model + json.dumps(features).encode()).digest()
    rows = progress(zip(*parts, strict=True), len(items), "looking for changed items")
    return np.array([_digest(salt, row) for row in rows], f"S{SIZE}")


def _digest(salt: bytes, parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(salt, digest_size=SIZE)
    for part in parts:
        # The length keeps "ab", "c" apart from "a", "bc".
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _values(column: Any) -> Iterator[bytes]:
    """The bytes of each row of a column; a missing value's differ from every present one's."""
    if hasattr(column, "paths"):
        return _files(column.paths)
    if column.kind == "text":
        return (value.encode() for value in column.values)
    if column.kind == "category":
        words = [b"+" + str(word).encode() for word in column.vocabulary]
        return (words[code] if code >= 0 else b"" for code in column.codes)
    if column.kind == "tags":
        return _tags(column)
    return _numbers(column.values, column.present)


def _tags(column: Any) -> Iterator[bytes]:
    words = np.array([str(word) for word in column.vocabulary], object)
    for start, stop in zip(column.offsets[:-1], column.offsets[1:], strict=True):
        yield json.dumps(words[column.values[start:stop]].tolist()).encode()


def _triples(items: Catalog, knowledge: Knowledge) -> Iterator[bytes]:
    told: list[list[tuple[str, str, str]]] = [[] for _ in range(len(items))]
    names = [*items.ids, *knowledge.entities]
    columns = (knowledge.head.tolist(), knowledge.relation.tolist(), knowledge.tail.tolist())
    for head, relation, tail in zip(*columns, strict=True):
        triple = (names[head], str(knowledge.relations[relation]), names[tail])
        for end in (head, tail):
            if end < len(items):
                told[end].append(triple)
    return (json.dumps(sorted(one)).encode() for one in told)


def _numbers(values: NDArray[Any], present: NDArray[np.bool_]) -> Iterator[bytes]:
    # In blocks, because a column of vectors may be a memory-mapped file.
    for start in range(0, len(values), _BLOCK):
        block = np.ascontiguousarray(values[start : start + _BLOCK], np.float32)
        for value, there in zip(block, present[start : start + _BLOCK], strict=True):
            yield value.tobytes() if there else b""


def _files(paths: Sequence[Sequence[Path]]) -> Iterator[bytes]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _BLOCK):
            rows = paths[start : start + _BLOCK]
            hashes = pool.map(_of_file, [path for row in rows for path in row])
            for row in rows:
                # The number keeps vectors of when one picture of several was read from being kept.
                marked = f"{len(row)} files".encode() if len(row) > 1 else b""
                yield marked + b"".join(next(hashes) for _ in row)


def _of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
