"""Encoders as a run file chooses them: a registered name, or a mapping with its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmm.data.catalog import Catalog
from tfmm.encoders import registry
from tfmm.encoders.base import Encoder
from tfmm.encoders.configured import config_names


def make_encoder(kind: str, choice: str | Mapping[str, Any], dim: int, heads: int = 1) -> Encoder:
    """An encoder by a registered name or `{name: …, …}`; one that has `heads` gets as many.

    Raises:
        ValueError: a name or argument that there is not, or `dim`, which the model sets for all.
    """
    config: dict[str, Any] = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = config.pop("name", None)
    if "dim" in config:
        raise ValueError(
            f"The encoder {name!r} of kind {kind!r} is given dim={config['dim']!r}, but all "
            "encoders of a model give vectors of one length. To resolve this, leave it out and set "
            "the model's `dim` (in a run file, `items.dim`)."
        )
    if heads > 1 and "heads" in config_names(registry.encoder_class(kind, name)):
        config.setdefault("heads", heads)
    return registry.encoder(kind, name, dim=dim, **config)


def make_encoders(
    catalog: Catalog, chosen: Mapping[str, Any] | None, dim: int = 64, heads: int = 1
) -> dict[str, Encoder]:
    """Encoders by feature, not adapted yet; see `make_encoder` for what `chosen` may be."""
    if chosen is None:
        chosen = {name: registry.default(c.kind) for name, c in catalog.features.items()}
    return {name: _encoder(catalog, name, value, dim, heads) for name, value in chosen.items()}


def _encoder(
    catalog: Catalog, feature: str, choice: str | Mapping[str, Any], dim: int, heads: int
) -> Encoder:
    if feature not in catalog.features:
        raise ValueError(
            f"An encoder is named for the feature {feature!r}, which the shop file does not have; "
            f"it has {', '.join(catalog.features) or 'none'}."
        )
    config = {"name": choice} if isinstance(choice, str) else dict(choice)
    return make_encoder(catalog.features[feature].kind, config, dim, heads)
