"""Encodes a catalogue by its frozen encoders ahead of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfmm.data.shop import ShopData, load
from tfmm.encoders import Pretrained, VideoFrames
from tfmm.models.build import make_encoders
from tfmm.models.queries import make_encoder
from tfmm.training.config import RunConfig
from tfmm.training.run import cache_folder, load_data
from tfmm.training.search import queries_of


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
    data, chosen, queries = _read(Path(path), encoders)
    every = [*make_encoders(data.items, chosen).items()]
    for name, choice in queries.items():
        many = choice if isinstance(choice, (list, tuple)) else [choice]
        every += [(name, make_encoder(data.items.features[name].kind, one, 64)) for one in many]
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
        say(
            f"{name}: {counts[name]:,} {encoder.unit} by {encoder.registered}, {vectors.shape[-1]} "
            f"components each, {seconds:.1f} s ({counts[name] / max(seconds, 1e-9):,.0f} a second)"
        )
    return counts


def _read(
    path: Path, encoders: Mapping[str, Any] | None
) -> tuple[ShopData, Mapping[str, Any] | None, Mapping[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no run or shop file {path}.")
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(value, Mapping) and "shop" in value:
        config = RunConfig.from_file(path)
        data = load_data(config)
        if encoders:
            return data, encoders, {}
        return data, config.items.encoders, queries_of(config, data)
    return load(path), encoders, {}
