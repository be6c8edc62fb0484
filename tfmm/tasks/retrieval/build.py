"""Builds a two-tower model for a shop's data from a handful of choices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmm import encoders as registry
from tfmm.data.catalog import Catalog
from tfmm.data.interactions import Interactions
from tfmm.data.pipeline import FeatureColumns
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.layers.fusion import fusion as make_fusion
from tfmm.layers.towers import Content, ItemTower, UserTower
from tfmm.tasks.retrieval.graph.build import graph_parts
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.retrieval.graph.model import Graph
from tfmm.tasks.retrieval.graph.tower import GraphItemTower
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.queries import make_encoder, make_queries

#: Rows that a training step encodes anew of a heavy feature.
BUDGET = 4096


def two_tower(
    data: ShopData,
    train: Interactions | None = None,
    *,
    encoders: Mapping[str, Any] | None = None,
    fusion: str | Mapping[str, Any] = "gated",
    dim: int = 256,
    id: bool = True,
    id_dropout: float = 0.5,
    modality_dropout: float = 0.1,
    history: str = "mean",
    history_size: int = 50,
    user_id: bool = False,
    user_id_dropout: float = 0.5,
    user_features: Mapping[str, Any] | None = None,
    normalize: bool = True,
    temperature: float = 0.1,
    log_q: bool = True,
    hard_negatives: int | None = None,
    negatives: int = 0,
    heads: int = 1,
    queries: Mapping[str, Any] | None = None,
    contrast: str = "softmax",
    search_temperature: float = 0.07,
    search_weight: float = 1.0,
    hide: float = 0.5,
    budget: int = BUDGET,
    cache: str | Path | None = None,
    states: Mapping[str, Any] | None = None,
    graph: GraphConfig | None = None,
) -> TwoTower:
    """A `TwoTower` whose encoders are adapted to the catalogue.

    Args:
        data: what `tfmm.load` returned.
        train: the pairs that the model is made for, see `TwoTower`.
        encoders: encoder by feature: a registered name, or a mapping `{name: …, …its arguments}`;
            None takes the default of every feature's kind, `{}` none at all.
            `tfmm.encoders.names()` lists what there is.
        fusion: a registered name, or a mapping `{name: …, …its arguments}`.
        dim: length of the vectors.
        id, id_dropout, normalize: see `ItemTower`.
        modality_dropout: share of modalities hidden in training.
        history, history_size: see `UserTower`.
        user_id, user_id_dropout: the user tower's `id` and `id_dropout`.
        user_features: like `encoders`, for the users' table; None reads no features.
        temperature, log_q, hard_negatives, negatives, search_weight: see `TwoTower`.
        heads: independent parts of the item vectors, see `tfmm.layers.towers.unit`; encoders that
            have `heads` get as many.
        queries: query towers by feature, see `tfmm.tasks.search.queries.make_queries`; None or `{}`
            gives a model that does not search.
        contrast, search_temperature, hide: `loss`, `temperature` and `hide` of `Alignment`.
        budget: rows that a training step encodes anew of a heavy feature, see `Content`.
        cache: folder where decoded pictures and the vectors of frozen encoders are kept.
        states: what the encoders learned in an earlier run (`Model.states`), in place of `data`.
        graph: makes the model a `Graph`; its item vectors have length one, whatever `normalize`.

    Raises:
        ValueError: for a feature, encoder or fusion that does not exist, with the nearest one
            named.
    """
    states = states or {}
    folder = Path(cache) if cache else None
    n_items, n_users = len(data.items), len(data.users)
    fusing: dict[str, Any] = {"name": fusion} if isinstance(fusion, str) else dict(fusion)
    fusing.setdefault("modality_dropout", modality_dropout)

    def content(
        catalog: Catalog, chosen: Mapping[str, Any] | None, state: Mapping, label: str
    ) -> tuple[Content | None, FeatureColumns]:
        made = make_encoders(catalog, chosen, dim, heads if label == "item_content" else 1)
        for name, encoder in made.items():
            if name in state:
                encoder.load_state(state[name])
            else:
                encoder.adapt(catalog.features[name], cache=folder)
        columns = {
            name: encoder.prepare(catalog.features[name], cache=folder)
            for name, encoder in made.items()
        }
        present = np.ones((len(catalog), len(made)), bool)
        for m, name in enumerate(made):
            present[:, m] = catalog.features[name].present
        budgets = {name: budget for name, encoder in made.items() if encoder.heavy}
        inputs = FeatureColumns(columns, present, budgets)
        if not made:
            return None, inputs
        options = dict(fusing)
        return (
            Content(
                made, make_fusion(options.pop("name"), dim=dim, **options), len(catalog), label
            ),
            inputs,
        )

    item_content, items = content(data.items, encoders, states.get("items", {}), "item_content")
    user_content, users = content(
        data.users, user_features or {}, states.get("users", {}), "user_content"
    )
    if users.budgets:
        raise ValueError(
            "User features cannot have heavy encoders; choose a light one for "
            f"{sorted(users.budgets)} (for text: bag)."
        )
    user_tower = UserTower(
        n_users,
        dim,
        history=history,
        history_size=history_size,
        id=user_id,
        id_dropout=user_id_dropout,
        content=user_content,
        normalize=normalize,
    )
    options: dict[str, Any] = {
        "train": train,
        "temperature": temperature,
        "log_q": log_q,
        "hard_negatives": hard_negatives,
        "negatives": negatives,
    }
    read_users = users if user_content is not None else None
    if graph is not None:
        if queries:
            raise ValueError(
                "A graph model cannot be aligned with queries yet. To resolve this, leave out "
                "`graph`, or `queries` (in a run file, `search`)."
            )
        return Graph(
            GraphItemTower(
                n_items, dim, content=item_content, id=id, id_dropout=id_dropout, join=graph.join
            ),
            user_tower,
            items,
            read_users,
            config=graph,
            **graph_parts(data, graph, item_content, dim, user_id, folder),
            **options,
        )
    alignment = asked = None
    if queries:
        towers, asked = make_queries(
            data.items, queries, dim=dim, heads=heads, cache=folder, states=states.get("queries")
        )
        alignment = Alignment(
            towers, heads=heads, loss=contrast, temperature=search_temperature, hide=hide
        )
    item_tower = ItemTower(
        n_items,
        dim,
        content=item_content,
        id=id,
        id_dropout=id_dropout,
        normalize=normalize,
        heads=heads,
    )
    return TwoTower(
        item_tower,
        user_tower,
        items,
        read_users,
        alignment=alignment,
        queries=asked,
        search_weight=search_weight,
        **options,
    )


def make_encoders(
    catalog: Catalog, chosen: Mapping[str, Any] | None, dim: int = 64, heads: int = 1
) -> dict[str, Encoder]:
    """Encoders by feature, not adapted yet; see `two_tower` for what `chosen` may be."""
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
