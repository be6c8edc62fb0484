"""Builds a two-tower model for a shop's data as the sections of a run file say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.data.events.pairs import Pairs
from tfmm.data.shop import ShopData
from tfmm.encoders.choice import make_encoders
from tfmm.index.options import check_name
from tfmm.layers.content import build_content
from tfmm.layers.frozen import has_frozen
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.config import RunFileError
from tfmm.tasks.retrieval.config import RetrievalConfig, TwoTowerConfig, UsersConfig
from tfmm.tasks.retrieval.graph.build import graph_parts
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.retrieval.graph.knowledge import KNOWLEDGE_KINDS
from tfmm.tasks.retrieval.graph.memory import choose_mode
from tfmm.tasks.retrieval.graph.model import LOSSES, Graph
from tfmm.tasks.retrieval.graph.propagation import KINDS, MIXES
from tfmm.tasks.retrieval.graph.tower import JOINS, GraphItemTower
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
    check_users(data.users, users)
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
    user_tower = UserTower(
        len(data.users), items.dim, content=user_content, normalize=normalize, **_read(users)
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


def _read(users: UsersConfig) -> dict[str, Any]:
    """The arguments of a `UserTower` that the run file gives."""
    return {name: getattr(users, name) for name in UsersConfig.model_fields if name != "features"}


def check_towers(config: RetrievalConfig) -> None:
    """Refuses sections of which no model could be made, whatever the tables hold.

    Raises:
        RunFileError: the message names the section, what came and what was expected.
    """
    items, users = config.items, config.users
    # Layers of one row, in a graph of its own, so that they leave no names taken behind.
    with tf.Graph().as_default():
        with _of("items"):
            # Which features there are is not known here; those that are named can be read.
            reads = items.id or items.encoders != {}
            heads = config.search.heads if config.graph is None else 1
            ItemTower(1, items.dim, id=reads, id_dropout=items.id_dropout, heads=heads)
        with _of("users"):
            given = _read(users) | {"id": users.id or bool(users.features)}
            UserTower(1, items.dim, **given)
    if not config.train.temperature > 0:
        raise RunFileError(f"`train.temperature` must be positive, got {config.train.temperature}.")
    if users.history == "causal" and config.train.balance and config.graph is None:
        raise RunFileError(
            "`train.balance` draws some pairs more often than others, but with `users.history: "
            "causal` whole histories are learned from. To resolve this, leave one out."
        )
    if config.search.hubness < 0:
        raise RunFileError(f"`search.hubness` must be 0 or more, got {config.search.hubness}.")
    if config.graph is not None:
        _check_graph(config.graph)


def _check_graph(graph: GraphConfig) -> None:
    known = {
        "propagation": KINDS,
        "mix": MIXES,
        "join": JOINS,
        "loss": LOSSES,
        "knowledge": (*KNOWLEDGE_KINDS, "none"),
    }
    for name, names in known.items():
        with _of(f"graph.{name}"):
            check_name(name, getattr(graph, name), names)
    with _of("graph.activation"):
        tf.keras.activations.get(graph.activation)
    with _of("graph.mode"):
        choose_mode(graph.mode, 0, graph.memory)
    least = {"layers": 0, "neighbours": 1, "together": 0, "fanout": 1, "shrink": 0, "memory": 0}
    least |= {"knowledge_layers": 1, "bases": 1}
    for name, low in least.items():
        if not getattr(graph, name) >= low:
            raise RunFileError(f"`graph.{name}` must be {low} or more, got {getattr(graph, name)}.")
    for name, weight in graph.weights.items():
        if not 0 <= weight < float("inf"):
            raise RunFileError(f"`graph.weights` of {name!r} must be 0 or more, got {weight}.")


@contextmanager
def _of(key: str) -> Iterator[None]:
    """Errors of what a key of the run file makes, which name it."""
    try:
        yield
    except (ValueError, MemoryError) as error:
        raise RunFileError(f"`{key}`: {error}") from error


def check_users(users: Catalog, config: UsersConfig, dim: int = 64) -> None:
    """Refuses user features that a user tower cannot read.

    Raises:
        ValueError: a feature or encoder that there is not, or a heavy encoder.
    """
    made = make_encoders(users, config.features or {}, dim)
    heavy = [name for name, encoder in made.items() if encoder.heavy]
    if heavy:
        raise ValueError(
            "User features cannot have heavy encoders; choose a light one for "
            f"{heavy} (for text: bag)."
        )


def check_edges(data: ShopData, config: TwoTowerConfig | RetrievalConfig) -> None:
    """Refuses a graph whose edges could not be made of the shop's features.

    Raises:
        ValueError: a feature that there is not or that cannot be used so, or a weight for a type
            of edge that there is not.
    """
    graph, features, spec = config.graph, data.items.features, data.shop.events
    if graph is None or spec is None:
        return
    encoders = make_encoders(data.items, config.items.encoders, config.items.dim)
    given = [name for name, one in features.items() if has_frozen(one, encoders.get(name))]
    valued = [n for n, one in features.items() if isinstance(one, CategoryColumn | TagsColumn)]
    can = {"similar": {*given, *valued}, "attributes": {*valued}}
    for key, named in (("similar", graph.similar or ()), ("attributes", graph.attributes)):
        for name in named:
            if name not in can[key]:
                what = f"of kind {features[name].kind!r}" if name in features else "no item feature"
                raise ValueError(
                    f"`graph.{key}` names {name!r}, which is {what}; it takes "
                    f"{', '.join(n for n in features if n in can[key]) or 'none of this shop'}."
                    + _FROZEN
                    * (key == "similar")
                )
    typed = [f"events/{name}" for name, weight in spec.weights.items() if weight > 0]
    names = {*(typed if graph.types and spec.type is not None and typed else ["events"])}
    names |= {f"similar/{name}" for name in (given if graph.similar is None else graph.similar)}
    names |= {f"has/{name}" for name in graph.attributes}
    names |= {"together"} if graph.together else set()
    names |= {"knowledge"} if len(data.knowledge) else set()
    for name in graph.weights:
        if name not in names | {one.partition("/")[0] for one in names}:
            raise ValueError(
                f"`graph.weights` names {name!r}, but the graph has no such type of edge; it has "
                f"{', '.join(sorted(names))}."
            )


_FROZEN = (
    " Pictures, sounds and clips need a frozen encoder under `items.encoders` (for pictures "
    "classic or efficientnet_lite0)."
)
