"""What a `Graph` is made of, for a shop's data: its relations and the edges of its content."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.data.shop import ShopData
from tfmm.layers.content import Content
from tfmm.layers.frozen import frozen_vectors, has_frozen
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.retrieval.graph.edges import (
    ITEM,
    USER,
    Edges,
    attribute_edges,
    similar_edges,
    without_loops,
)
from tfmm.tasks.retrieval.graph.knowledge import KNOWLEDGE_KINDS, KnowledgePropagation
from tfmm.tasks.retrieval.graph.propagation import Propagation, Relation


def graph_parts(
    data: ShopData,
    config: GraphConfig,
    content: Content | None,
    dim: int,
    users: bool,
    cache: Path | None,
    knows: bool,
    dropout: float,
) -> dict[str, Any]:
    """The arguments `data`, `propagation`, `content_edges` and `knowledge` of `Graph`.

    Args:
        data: the shop's data.
        config: the graph's configuration.
        content: the item tower's modalities, whose frozen encoders tell how alike items are.
        dim: length of the vectors.
        users: whether users have vectors of their own.
        cache: where the vectors of frozen encoders are kept.
        knows: whether the shop's knowledge is read, if it has some.
        dropout: share of entities whose vectors are hidden in training.

    Raises:
        ValueError: for a feature that does not exist or cannot be used so, event types that the
            loaded events do not carry, or a weight for a type of edge that there is not.
    """
    features = data.items.features
    encoders = content.encoders if content is not None else {}
    for field, named in (("similar", config.similar or ()), ("attributes", config.attributes)):
        for name in named:
            if name not in features:
                raise ValueError(
                    f"`graph.{field}` names {name!r}, which is no item feature of the shop; it has "
                    f"{', '.join(features) or 'none'}."
                )
    similar = config.similar
    if similar is None:
        similar = tuple(n for n, column in features.items() if has_frozen(column, encoders.get(n)))
    edges: list[Edges] = []
    for name in similar:
        vectors = frozen_vectors(features[name], encoders.get(name), cache)
        present = features[name].present
        edges.append(without_loops(similar_edges(name, vectors, config.neighbours, present)))
    for name in config.attributes:
        column = features[name]
        if not isinstance(column, CategoryColumn | TagsColumn):
            raise ValueError(
                f"`graph.attributes` names {name!r}, a feature of kind {column.kind!r}; only the "
                "values of categories and tags can be nodes. For others use `graph.similar`."
            )
        edges.append(attribute_edges(name, column))
    relations = _relations(data, config, edges)
    sizes = {ITEM: len(data.items), USER: len(data.users)}
    sizes |= {one.target: one.matrix.shape[1] for one in edges if one.target != ITEM}
    propagation = Propagation(
        sizes,
        dim,
        relations,
        kind=config.propagation,
        layers=config.layers,
        mix=config.mix,
        activation=config.activation,
        users=users,
    )
    knowledge = _knowledge(data, config, dim, dropout) if knows else None
    parts = {"propagation": propagation, "content_edges": edges, "knowledge": knowledge}
    return {"data": data, **parts}


def _knowledge(
    data: ShopData, config: GraphConfig, dim: int, dropout: float
) -> KnowledgePropagation | None:
    known = data.knowledge
    if config.knowledge not in (*KNOWLEDGE_KINDS, "none"):
        raise ValueError(
            f"`graph.knowledge` must be one of {', '.join(KNOWLEDGE_KINDS)} or none, got "
            f"{config.knowledge!r}."
        )
    if config.knowledge == "none" or not len(known):
        return None
    return KnowledgePropagation(
        len(known.entities),
        2 * len(known.relations),
        dim,
        kind=config.knowledge,
        layers=config.knowledge_layers,
        bases=config.bases,
        dropout=dropout,
        weight=config.weights.get("knowledge", 1.0),
        learned=config.mix == "learned",
        activation=config.activation,
    )


def _relations(data: ShopData, config: GraphConfig, edges: list[Edges]) -> list[Relation]:
    spec = data.shop.events
    if spec is None:
        raise ValueError(
            f"{data.shop} has no `events`, which a graph model learns from. To resolve this, give "
            "it events, or leave out `graph`."
        )
    typed = {name: float(weight) for name, weight in spec.weights.items() if weight > 0}
    if config.types and spec.type is not None and typed:
        shares = {f"events/{name}": weight / sum(typed.values()) for name, weight in typed.items()}
    else:
        shares = {"events": 1.0}
    made = [Relation(name, USER, ITEM, share) for name, share in shares.items()]
    made += [Relation(one.name, one.source, one.target) for one in edges]
    if config.together:
        made.append(Relation("together", ITEM, ITEM))
    names = {one.name for one in made} | {one.name.partition("/")[0] for one in made}
    if len(data.knowledge):
        names.add("knowledge")
    for name in config.weights:
        if name not in names:
            raise ValueError(
                f"`graph.weights` names {name!r}, but the graph has no such type of edge; it has "
                f"{', '.join(sorted(names))}."
            )
    return [dataclasses.replace(one, weight=_weight(one, config.weights)) for one in made]


def _weight(relation: Relation, given: Mapping[str, float]) -> float:
    """The weight that a relation begins with, of those given by its name or by its kind."""
    kind, slash, _ = relation.name.partition("/")
    if relation.name in given or not slash:
        return given.get(relation.name, relation.weight)
    return relation.weight * given.get(kind, 1.0)
