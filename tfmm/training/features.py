"""Encodes a catalogue by its frozen encoders ahead of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfmm.data.columns import ImageColumn
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData, load
from tfmm.encoders import Encoder, Pretrained, VideoFrames
from tfmm.encoders.choice import make_encoders
from tfmm.training.run import load_data, read_config, task_of


def build_features(
    path: str | Path,
    encoders: Mapping[str, Any] | None = None,
    *,
    say: Callable[[str], None] = print,
) -> dict[str, int]:
    """Encodes the items of a shop by frozen encoders, so that training finds the vectors.

    Args:
        path: a run file, whose encoders of items and queries are taken; or a shop file, with
            `encoders`.
        encoders: encoder by feature, as in a run file, in place of the run file's.
        say: takes a line for each feature.

    Returns:
        By feature, how many items have a vector.

    Raises:
        ValueError: no encoder is named, or none of them is frozen and pretrained.
        FileNotFoundError: there is no such file.
    """
    data, every = _read(Path(path), encoders)
    made = [
        (name, encoder)
        for name, encoder in every
        if isinstance(encoder, (Pretrained, VideoFrames)) and not encoder.heavy
    ]
    if not made:
        raise ValueError(
            f"{path}: no item feature has a frozen pretrained encoder, so there is nothing to "
            "encode ahead. Name one under `items.encoders` of the run file, or with "
            "--encoder FEATURE=NAME; `tfmm encoders` lists them."
        )
    counts = {}
    for name, encoder in made:
        column = data.items.features[name]
        started = time.perf_counter()
        encoder.adapt(column, cache=cache_folder())
        vectors = encoder.prepare(column, cache=cache_folder())
        seconds = time.perf_counter() - started
        counts[name] = int(np.count_nonzero(column.present))
        read = counts[name]
        if isinstance(column, ImageColumn):
            read = sum(map(len, column.paths))
        say(
            f"{name}: {read:,} {encoder.unit} by {encoder.registered}, {vectors.shape[-1]} "
            f"components each, {seconds:.1f} s ({read / max(seconds, 1e-9):,.0f} a second)"
        )
    return counts


def _read(
    path: Path, encoders: Mapping[str, Any] | None
) -> tuple[ShopData, list[tuple[str, Encoder]]]:
    """The shop's data, and the encoders of its items by feature."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no run or shop file {path}.")
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(value, Mapping) and "shop" in value:
        config = read_config(path)
        if not encoders:
            task = task_of(config)
            return task.data, task.encoders()
        data = load_data(config)
    else:
        data = load(path)
    return data, list(make_encoders(data.items, encoders).items())
