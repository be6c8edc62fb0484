"""The shop's tables as they are now, in the vectors of a model that was trained before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.data.catalog import Catalog
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.media.media import MEDIA, find_corrupt
from tfmm.data.shop import ShopData
from tfmm.tasks.base import Export
from tfmm.tasks.config import RunFileError
from tfmm.tasks.items.fingerprints import id_fingerprints, vector_fingerprints
from tfmm.tasks.items.vector_file import VectorFile, vectors_path
from tfmm.tasks.weights import restore_weights, saved_states


def refreshed(task: Any, folder: Path, settings: Any) -> tuple[Export, dict[str, int]]:
    """The export of a saved model over the tables of a task.

    Items whose features, files included, were met by this model before keep their vectors, which
    the run folder holds in `vectors.npy`; only the others are encoded.

    Args:
        task: over the tables as they are now, loaded without decoding their files.
        folder: where the model was saved; its parent keeps the vectors.
        settings: what the export fixes.

    Returns:
        The export, and the counts `encoded`, `new` and `removed` of items.

    Raises:
        RunFileError: the shop lacks a feature that the model reads.
    """
    data, config, kept = task.data, task.config, vectors_path(folder.parent)
    features, asked = _features(task, folder)
    ids = id_fingerprints(data.items.ids)
    contents = vector_fingerprints(task, folder, features)
    stored = VectorFile.read(kept, config.items.dim)
    rows, known = stored.find(ids, contents)
    fresh = np.flatnonzero(rows < 0)

    model = _model(task, folder, fresh, [*features, *asked])
    vectors = np.empty((len(data.items), config.items.dim), np.float32)
    vectors[rows >= 0] = stored.vectors(rows[rows >= 0])
    if len(fresh):
        encoded = model.item_vectors()
        vectors[fresh] = encoded if len(encoded) == len(fresh) else encoded[fresh]
    removed = len(stored) - int(known.sum())
    # Before the slow part, so that an export that fails has not encoded in vain.
    VectorFile.write(kept, ids, contents, vectors)

    counts = {"encoded": len(fresh), "new": int((~known).sum()), "removed": removed}
    return task.export(task.completed(model, folder), settings, vectors), counts


def _features(task: Any, folder: Path) -> tuple[list[str], list[str]]:
    """The item features that the saved model reads, and those that only its queries read."""
    states, data = saved_states(folder), task.data
    features = list(dict.fromkeys(task.read_by(states)))
    asked = [name for name in states.get("queries", {}) if name not in features]
    missing = [name for name in [*features, *asked] if name not in data.items.features]
    if missing:
        raise RunFileError(
            f"The model in {folder.parent} reads the item features "
            f"{', '.join([*features, *asked])}, but {data.shop} has no {', '.join(missing)}. Name "
            "them in the shop file as they were in training, or train a new model."
        )
    return features, asked


def _model(task: Any, folder: Path, fresh: np.ndarray, features: Sequence[str]) -> Any:
    """The saved model with rows for all users, but only for the items to encode."""
    data = task.data
    # A tower has at least one row, also where nothing is to be encoded. Where items reach new ones
    # that they are like, all are needed.
    everything = task.joined and len(fresh) > 0
    items = data.items if everything else data.items.take(fresh if len(fresh) else [0])
    items = Catalog(items.ids, {name: _checked(items, name, data) for name in features})
    known = data.knowledge if everything else Knowledge.none()
    some = type(task)(task.config, dataclasses.replace(data, items=items, knowledge=known))
    model = some.build(None, saved_states(folder), keep_media=False)
    restore_weights(model, folder, items.ids, data.users.ids, served=True)
    return model


def _checked(items: Catalog, feature: str, data: ShopData) -> Any:
    """A feature's column without the files that do not decode."""
    column: Any = items.features[feature]
    medium = MEDIA.get(column.kind)
    if medium is None:
        return column
    files = [str(path) for paths in column.paths for path in paths]
    corrupt = find_corrupt(column.kind, files, f"checking {feature}")
    data.report.record(
        medium.corrupt, "items", len(corrupt), list(corrupt.values()), column=feature
    )
    return medium.column(
        tuple(tuple(path for path in paths if str(path) not in corrupt) for paths in column.paths)
    )
