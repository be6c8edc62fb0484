"""A `Content` of a table's features, adapted, with what its encoders read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.catalog import Catalog
from tfmm.encoders.choice import make_encoders
from tfmm.layers.fusion import fusion as make_fusion
from tfmm.layers.towers import Content


def build_content(
    catalog: Catalog,
    chosen: Mapping[str, Any] | None,
    *,
    fusion: str | Mapping[str, Any],
    dim: int,
    heads: int = 1,
    budget: int = 4096,
    states: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    name: str | None = None,
) -> tuple[Content | None, FeatureColumns]:
    """The modalities of a table.

    Args:
        catalog: the table.
        chosen: encoder by feature, see `tfmm.encoders.choice`; None takes the default of every
            feature's kind, `{}` none at all.
        fusion: a registered name, or a mapping `{name: …, …its arguments}`.
        dim: length of the vectors.
        heads: of encoders that have such.
        budget: rows that a training step encodes anew of a heavy feature.
        states: what encoders learned earlier, by feature, in place of the catalogue.
        cache: folder where decoded pictures and the vectors of frozen encoders are kept.
        name: the layer's.

    Returns:
        The layer, None without encoders; and its inputs, a row for each of the table.

    Raises:
        ValueError: for a feature, encoder or fusion that does not exist, with the nearest one.
    """
    states = states or {}
    made = make_encoders(catalog, chosen, dim, heads)
    for feature, encoder in made.items():
        if feature in states:
            encoder.load_state(states[feature])
        else:
            encoder.adapt(catalog.features[feature], cache=cache)
    columns = {
        feature: encoder.prepare(catalog.features[feature], cache=cache)
        for feature, encoder in made.items()
    }
    present = np.ones((len(catalog), len(made)), bool)
    for m, feature in enumerate(made):
        present[:, m] = catalog.features[feature].present
    budgets = {feature: budget for feature, encoder in made.items() if encoder.heavy}
    inputs = FeatureColumns(columns, present, budgets)
    if not made:
        return None, inputs
    options: dict[str, Any] = {"name": fusion} if isinstance(fusion, str) else dict(fusion)
    fuse = make_fusion(options.pop("name"), dim=dim, **options)
    return Content(made, fuse, len(catalog), name), inputs
