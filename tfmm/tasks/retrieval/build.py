"""Builds a two-tower model for a shop's data from a handful of choices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tfmm.data.interactions import Interactions
from tfmm.data.shop import ShopData
from tfmm.layers.content import build_content
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.retrieval.graph.build import graph_parts
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.retrieval.graph.model import Graph
from tfmm.tasks.retrieval.graph.tower import GraphItemTower
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.queries import make_alignment

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

    made = partial(build_content, fusion=fusing, dim=dim, budget=budget, cache=folder)
    item_content, items = made(
        data.items, encoders, states=states.get("items"), heads=heads, name="item_content"
    )
    user_content, users = made(
        data.users, user_features or {}, states=states.get("users"), name="user_content"
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
        alignment, asked = make_alignment(
            data.items,
            queries,
            dim=dim,
            heads=heads,
            loss=contrast,
            temperature=search_temperature,
            hide=hide,
            cache=folder,
            states=states.get("queries"),
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
