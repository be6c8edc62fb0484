"""The vectors of a retrieval run, as a feature of items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tfmm.data.catalog import Catalog
from tfmm.data.columns import VectorColumn
from tfmm.data.shop import ShopData
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.tasks.retrieval.task import Retrieval

#: Its name among the features.
VECTORS = "vectors"


def check_vectors(folder: str | None) -> None:
    """Refuses a folder that holds no finished run of retrieval.

    Raises:
        RunFileError: the message says what it holds.
    """
    if folder is not None:
        _config(Path(folder))


def with_vectors(data: ShopData, folder: str | None) -> ShopData:
    """The shop, its items with the vectors of a run as one feature more."""
    if folder is None:
        return data
    path = Path(folder)
    model = Retrieval(_config(path), data).load(path / "model")
    values = np.asarray(model.item_vectors(), np.float32)
    column = VectorColumn(values, np.ones(len(values), bool))
    items = data.items
    features = {**items.features, VECTORS: column}
    return replace(data, items=Catalog(items.ids, features, items.variants))


def _config(path: Path) -> RunConfig:
    for name in ("config.yaml", "metrics.json"):
        if not (path / name).is_file():
            raise RunFileError(
                f"`vectors`: {path} is no finished run: it holds no {name}. Train the retrieval "
                f"first: `tfmm train RUN.yaml --out {path}`."
            )
    config = RunConfig.from_file(path / "config.yaml")
    if config.task != Retrieval.name:
        raise RunFileError(
            f"`vectors`: {path} holds a run of task {config.task!r}, not of 'retrieval'."
        )
    return config
