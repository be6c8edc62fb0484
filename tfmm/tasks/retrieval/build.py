"""Builds a two-tower model for a shop's data as the sections of a run file say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmm.data.events.pairs import Pairs
from tfmm.data.shop import ShopData
from tfmm.layers.content import build_content
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.retrieval.config import RetrievalConfig, TwoTowerConfig
from tfmm.tasks.retrieval.graph.build import graph_parts
from tfmm.tasks.retrieval.graph.model import Graph
from tfmm.tasks.retrieval.graph.tower import GraphItemTower
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.model import item_content_of
from tfmm.tasks.search.queries import make_alignment


def two_tower(
    data: ShopData,
    train: Pairs | None,
    config: TwoTowerConfig | RetrievalConfig,
    *,
    normalize: bool = True,
    cache: str | Path | None = None,
    states: Mapping[str, Any] | None = None,
) -> TwoTower:
    """A `TwoTower` whose encoders are adapted to the catalogue; a `Graph` where there is `graph`.

    Args:
        data: what `tfmm.load` returned.
        train: the pairs that the model is made for, see `TwoTower`.
        config: its sections `items`, `users`, `train`, `search` and `graph`.
        normalize: whether vectors are scaled to length one; those of a graph always are.
        cache: folder where decoded pictures and the vectors of frozen encoders are kept.
        states: what the encoders learned in an earlier run (`Model.states`), in place of `data`.

    Raises:
        ValueError: for a feature, encoder or fusion that does not exist, with the nearest one
            named.
    """
    states, folder = states or {}, Path(cache) if cache else None
    items, users, search, graph = config.items, config.users, config.search, config.graph
    item_content, item_inputs = item_content_of(
        data.items, items, heads=search.heads, states=states.get("items"), cache=folder
    )
    user_content, user_inputs = build_content(
        data.users,
        users.features or {},
        fusion=items.fused_by,
        dim=items.dim,
        budget=items.budget,
        states=states.get("users"),
        cache=folder,
        name="user_content",
    )
    if user_inputs.budgets:
        raise ValueError(
            "User features cannot have heavy encoders; choose a light one for "
            f"{sorted(user_inputs.budgets)} (for text: bag)."
        )
    user_tower = UserTower(
        len(data.users),
        items.dim,
        history=users.history,
        history_size=users.history_size,
        depth=users.depth,
        attention_heads=users.attention_heads,
        dropout=users.dropout,
        id=users.id,
        id_dropout=users.id_dropout,
        content=user_content,
        normalize=normalize,
    )
    loss = config.train
    options: dict[str, Any] = {
        "train": train,
        "temperature": loss.temperature,
        "log_q": loss.log_q,
        "hard_negatives": loss.hard_negatives,
        "negatives": loss.negatives,
    }
    read_users = user_inputs if user_content is not None else None
    tower: dict[str, Any] = {
        "content": item_content,
        "id": items.id,
        "id_dropout": items.id_dropout,
    }
    if graph is not None:
        if search.queries:
            raise ValueError(
                "A graph model cannot be aligned with queries yet. To resolve this, leave out "
                "`graph`, or `queries` (in a run file, `search`)."
            )
        return Graph(
            GraphItemTower(len(data.items), items.dim, join=graph.join, **tower),
            user_tower,
            item_inputs,
            read_users,
            config=graph,
            **graph_parts(
                data,
                graph,
                item_content,
                items.dim,
                users.id,
                folder,
                # A model that was trained without it goes on without it.
                states.get("graph", {}).get("knowledge", not states),
                items.id_dropout,
            ),
            **options,
        )
    alignment = asked = None
    if search.queries:
        alignment, asked = make_alignment(
            data.items,
            search.queries,
            search,
            dim=items.dim,
            cache=folder,
            states=states.get("queries"),
        )
    return TwoTower(
        ItemTower(len(data.items), items.dim, normalize=normalize, heads=search.heads, **tower),
        user_tower,
        item_inputs,
        read_users,
        alignment=alignment,
        queries=asked,
        search_weight=search.weight,
        **options,
    )
