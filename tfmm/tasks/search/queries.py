"""Builds the query towers of a catalogue and what they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.data.batches.aligned import QueryColumns, same_text
from tfmm.data.catalog import Catalog
from tfmm.data.columns import ImageColumn, TextColumn
from tfmm.data.names import scope_name
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoder, make_encoders
from tfmm.tasks.items.config import ItemsConfig
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.config import SearchConfig
from tfmm.tasks.search.query_tower import QueryTower
from tfmm.tasks.search.signatures import check_asked

#: What a shopper can ask by.
ASKED_BY = ("text", "image", "audio")


def default_queries(catalog: Catalog) -> dict[str, Any]:
    """Every text feature, read by its words and their pieces."""
    return {name: "subwords" for name, c in catalog.features.items() if c.kind == "text"}


def make_queries(
    catalog: Catalog,
    chosen: Mapping[str, Any],
    *,
    dim: int,
    heads: int = 1,
    cache: Path | None = None,
    states: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[dict[str, QueryTower], QueryColumns]:
    """Query towers by feature, adapted, and what they read of the catalogue.

    Args:
        catalog: the items.
        chosen: by feature an encoder, or a list of encoders whose vectors add up; each a registered
            name or a mapping `{name: …, …its arguments}`.
        dim, heads: those of the item vectors; encoders that have `heads` get them.
        cache: see `tfmm.tasks.retrieval.build.two_tower`.
        states: what the encoders of a saved model learned, in place of learning it; a feature that
            it did not read has no tower.

    Raises:
        ValueError: as by `query_towers`.
    """
    if states is not None:
        chosen = {feature: choice for feature, choice in chosen.items() if feature in states}
    towers = query_towers(catalog, chosen, dim=dim, heads=heads)
    columns, present = {}, {}
    for feature, tower in towers.items():
        column = catalog.features[feature]
        if isinstance(column, ImageColumn):
            # A shopper asks with one picture.
            column = ImageColumn(tuple(paths[:1] for paths in column.paths))
        learned = (states or {}).get(feature)
        for place, one in enumerate(tower.encoders):
            if learned is not None:
                one.load_state(learned[place])
            else:
                one.adapt(column, cache=cache)
        columns[feature] = [one.prepare(column, cache=cache) for one in tower.encoders]
        present[feature] = np.asarray(column.present)
    return towers, QueryColumns(columns, present, text_groups(catalog, towers))


def query_towers(
    catalog: Catalog, chosen: Mapping[str, Any], *, dim: int, heads: int = 1
) -> dict[str, QueryTower]:
    """Query towers by feature, whose encoders are not adapted yet.

    Args:
        catalog, chosen, dim, heads: as for `make_queries`.

    Raises:
        ValueError: a feature or encoder that there is not, a kind that nobody asks by, or two
            towers of one kind.
    """
    towers = {}
    for feature, choice in chosen.items():
        column = catalog.features.get(feature)
        if column is None or column.kind not in ASKED_BY:
            known = [name for name, c in catalog.features.items() if c.kind in ASKED_BY]
            what = f"of kind {column.kind!r}" if column else "no feature of the shop file"
            raise ValueError(
                f"A query tower is named for {feature!r}, which is {what}; of kind "
                f"{', '.join(ASKED_BY)} there are: {', '.join(known) or 'none'}."
            )
        choices = choice if isinstance(choice, (list, tuple)) else [choice]
        made = [make_encoder(column.kind, one, dim, heads) for one in choices]
        towers[feature] = QueryTower(made, heads=heads, name=scope_name(f"query_{feature}"))
    kinds = [tower.kind for tower in towers.values()]
    if len(set(kinds)) < len(kinds):
        raise ValueError(
            f"Each kind of query has one tower, but there are {len(towers)}, for "
            f"{', '.join(f'{n} ({t.kind})' for n, t in towers.items())}. Join texts in one feature "
            "of the shop file (`columns`), or leave towers out of `search.queries`."
        )
    return towers


def make_alignment(
    catalog: Catalog,
    chosen: Mapping[str, Any],
    config: SearchConfig,
    *,
    dim: int,
    cache: Path | None = None,
    states: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Alignment, QueryColumns]:
    """The alignment of query towers with a catalogue, and what they read of it.

    Args:
        catalog, chosen, dim, cache, states: as for `make_queries`.
        config: says `heads`, `loss`, `temperature` and `hide`, see `Alignment`.
    """
    towers, asked = make_queries(
        catalog, chosen, dim=dim, heads=config.heads, cache=cache, states=states
    )
    return _aligned(towers, config), asked


def _aligned(towers: Mapping[str, QueryTower], config: SearchConfig) -> Alignment:
    return Alignment(
        towers,
        heads=config.heads,
        loss=config.loss,
        temperature=config.temperature,
        hide=config.hide,
    )


def check_queries(
    catalog: Catalog, queries: Mapping[str, Any], items: ItemsConfig, config: SearchConfig
) -> None:
    """Refuses query towers that could not be made, or that nobody could ask a server by.

    Args:
        catalog: the items.
        queries: as `chosen` for `make_queries`.
        items, config: the sections `items` and `search` of the run file.

    Raises:
        ValueError: as by `query_towers`, `Alignment` and `check_asked`.
    """
    read = make_encoders(catalog, items.encoders, items.dim, config.heads)
    # In a graph of its own, so that the layers leave no names taken behind.
    with tf.Graph().as_default():
        towers = query_towers(catalog, queries, dim=items.dim, heads=config.heads)
        if towers:
            _aligned(towers, config)
    check_asked(read, [(name, one) for name, t in towers.items() for one in t.encoders])


def query_encoders(items: Catalog, queries: Mapping[str, Any]) -> list[tuple[str, Encoder]]:
    """The encoders of query towers by feature, not adapted."""
    towers = query_towers(items, queries, dim=64)
    return [(name, one) for name, tower in towers.items() for one in tower.encoders]


def query_states(towers: Mapping[str, QueryTower]) -> dict[str, list[dict[str, Any]]]:
    """What the encoders learned from the data, as JSON values, for `make_queries(states=…)`."""
    return {name: [one.state() for one in tower.encoders] for name, tower in towers.items()}


def text_groups(catalog: Catalog, features: Iterable[str]) -> np.ndarray:
    """int32 `[n]`: items whose text is the same are right for each other's queries.

    The text is the first of `features` that is one, or else of the catalogue's.
    """
    for feature in [*features, *catalog.features]:
        column = catalog.features[feature]
        if isinstance(column, TextColumn):
            return same_text(column.values)
    return np.arange(len(catalog), dtype=np.int32)
