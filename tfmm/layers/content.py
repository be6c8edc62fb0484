"""Content: the modalities of an item or a user, encoded and fused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.catalog import Catalog
from tfmm.encoders import Encoder
from tfmm.layers.fusion import Fusion
from tfmm.layers.fusion import fusion as make_fusion
from tfmm.layers.modalities import Modalities, build_modalities


class Content(Modalities):
    """Encodes every modality of an item (or user) and fuses them into one vector.

    Gradients reach fusion through all rows, and a heavy encoder through those that it encodes anew,
    see `Modalities`.

    Args:
        encoders: encoders by feature name, adapted.
        fusion: combines their vectors.
        rows: the number of items, the height of the banks.
        name: Keras's layer name.
    """

    def __init__(
        self, encoders: Mapping[str, Encoder], fusion: Fusion, rows: int, name: str | None = None
    ) -> None:
        if not encoders:
            raise ValueError(
                "Content needs at least one encoder; leave it out for an id-only tower."
            )
        super().__init__(encoders, rows, name)
        self.fusion = fusion

    def call(self, batch: Mapping[str, Any], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Fused vectors of a batch of rows, see `Modalities.tokens`.

        Returns:
            Vectors float32 `[n, dim]` and the weights of the modalities float32 `[n, M]`.
        """
        return self.fusion(*self.tokens(batch, training=training), training=training)


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
    made, inputs = build_modalities(
        catalog, chosen, dim=dim, heads=heads, budget=budget, states=states, cache=cache
    )
    if not made:
        return None, inputs
    options: dict[str, Any] = {"name": fusion} if isinstance(fusion, str) else dict(fusion)
    fuse = make_fusion(options.pop("name"), dim=dim, **options)
    return Content(made, fuse, len(catalog), name), inputs
