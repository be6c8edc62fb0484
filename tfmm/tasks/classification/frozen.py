"""The vectors that frozen encoders give items: what baselines of classification read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.encoders import Pretrained
from tfmm.encoders.choice import make_encoder


def frozen_inputs(
    items: Catalog, encoders: dict[str, Any], cache: Path | None
) -> NDArray[np.float32] | None:
    """The vectors of a run's pretrained encoders, side by side, as the networks came.

    Args:
        items: the catalogue.
        encoders: by feature, as they are in the model; pretrained ones are taken frozen, given
            vectors as they are.
        cache: where vectors are kept.

    Returns:
        float32 `[n, F]`, zeros where an item lacks a feature; None without any such encoder.
    """
    parts = []
    for name, encoder in encoders.items():
        column: Any = items.features[name]
        if column.kind == "vector":
            vectors = np.nan_to_num(np.asarray(column.values[:], np.float32))
        elif isinstance(encoder, Pretrained):
            config = encoder.get_config() | {"train": "frozen", "name": encoder.registered}
            # Pictures are varied for a network that is trained alone.
            unused = ("dim", "dtype", "trainable", "augment", "keep_maps")
            config = {key: v for key, v in config.items() if key not in unused}
            frozen = make_encoder(column.kind, config, encoder.dim)
            frozen.adapt(column, cache=cache)
            vectors = np.asarray(frozen.frozen(column, cache)[:], np.float32)
        else:
            continue
        parts.append(np.where(column.present[:, None], vectors, np.float32(0)))
    return np.concatenate(parts, axis=1) if parts else None
