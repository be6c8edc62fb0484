"""The typed edges of a graph of users, items and attribute values, as normalised matrices."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from tfmm.baselines.item_knn import ItemKNN
from tfmm.baselines.neighbours import row_blocks
from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.data.events.pairs import Pairs
from tfmm.data.shop import ShopData
from tfmm.layers.frozen import incidence
from tfmm.tasks.retrieval.graph.nearest import Vectors, nearest

ITEM, USER = "item", "user"


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of one type.

    Attributes:
        name: of the type: `events`, `events/buy`, `similar/title`, `together`, `has/brand`.
        source: the type of node that rows are: `item`, `user`, or an attribute's `has/brand`.
        target: the type of node that columns are; messages go both ways between two types.
        matrix: float32 `[n_source, n_target]`, normalised, column indices ascending in a row.
        pair: int64 `[edges]`, the training pair that an edge stands for, where it is one; such an
            edge is left out of the step that learns to predict it.
        support: float32 `[edges]`, the number of shoppers that an edge between items rests on,
            where it does; a step that learns to predict one of their pairs takes its share out.
        values: what the target's nodes stand for, where they are attribute values.
    """

    name: str
    source: str
    target: str
    matrix: sp.csr_matrix
    pair: np.ndarray | None = None
    support: np.ndarray | None = None
    values: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.matrix.nnz)


def normalised(matrix: Any) -> sp.csr_matrix:
    """`D_r^-1/2 A D_c^-1/2` with the sums of rows and columns (Kipf and Welling, ICLR 2017).

    Rows and columns without edges stay empty.

    Args:
        matrix: sparse, no value below 0.
    """
    matrix = sp.csr_matrix(matrix, dtype=np.float32)
    rows, columns = (np.asarray(matrix.sum(axis)).ravel() for axis in (1, 0))
    scale = [np.divide(1, np.sqrt(s), out=np.zeros_like(s), where=s > 0) for s in (rows, columns)]
    out = sp.csr_matrix(sp.diags_array(scale[0]) @ matrix @ sp.diags_array(scale[1]))
    out.sort_indices()
    return out.astype(np.float32)


def event_edges(pairs: Pairs, types: Mapping[str, np.ndarray] | None = None) -> list[Edges]:
    """User–item edges, one type for each type of event.

    Args:
        pairs: the training pairs; without types each is an edge, all alike.
        types: bool `[P]` by type of event, the pairs that have an event of that type.

    Raises:
        ValueError: there are no pairs, or no type has any.
    """
    if len(pairs) == 0:
        raise ValueError("There are no training pairs to build a graph of: the split left none.")
    made = []
    for name, which in (types or {"": np.ones(len(pairs), bool)}).items():
        at = np.flatnonzero(which)
        if not len(at):
            continue
        # Columns ascend within a user, as a CSR matrix wants; the place of a pair is kept.
        at = at[np.lexsort((pairs.item[at], pairs.user[at]))]
        counts = np.bincount(pairs.user[at], minlength=pairs.n_users)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        matrix = sp.csr_matrix(
            (np.ones(len(at), np.float32), pairs.item[at], offsets),
            shape=(pairs.n_users, pairs.n_items),
        )
        label = f"events/{name}" if name else "events"
        made.append(Edges(label, USER, ITEM, normalised(matrix), at.astype(np.int64)))
    if not made:
        raise ValueError(
            f"None of the event types {', '.join(types or {})} occurs among the training pairs, so "
            "the graph would have no edges between users and items. Check `events.type` of the "
            "shop file against the table."
        )
    return made


def event_types(data: ShopData, pairs: Pairs) -> dict[str, np.ndarray]:
    """Which pairs have an event of which type, up to the last of the pairs' times.

    Args:
        data: a shop whose events carry their type's column (`load(extra_event_columns=…)`).
        pairs: the training pairs.

    Returns:
        bool `[P]` by type, by the shop file's weights; empty for a shop whose events have none.

    Raises:
        ValueError: the events were loaded without their types.
    """
    spec, events = data.shop.events, data.events
    if spec is None or spec.type is None or len(pairs) == 0:
        return {}
    if spec.type not in events.extra:
        raise ValueError(
            f"The shop's events have types (the column {spec.type!r}), but were loaded without "
            f"them. Load with tfmm.load(…, extra_event_columns=[{spec.type!r}]), or leave edges by "
            "type out with `graph.types: false`."
        )
    values = events.extra[spec.type].astype(str)
    number = events.user.astype(np.int64) * pairs.n_items + events.item
    # A pair's later events lie behind the cut of a split by time: they are not known yet.
    known = np.ones(len(number), bool)
    if events.time is not None and pairs.time is not None:
        known = np.asarray(events.time <= pairs.time.max())
    own = pairs.numbers()
    return {
        name: np.isin(own, number[known & (values == name)])
        for name in spec.weights
        if spec.weights[name] > 0
    }


def similar_edges(
    feature: str, vectors: Vectors, k: int, present: np.ndarray | None = None
) -> Edges:
    """Item–item edges to the k nearest by frozen vectors, every edge of weight 1.

    Source: Zhang et al., "Mining latent structures for multimedia recommendation" (LATTICE), MM
    2021; frozen as in Zhou and Shen's FREEDOM, MM 2023.

    Args:
        feature: its name.
        vectors: `[n, d]`, see `tfmm.layers.frozen`.
        k: neighbours of an item.
        present: bool `[n]`, the items that have the feature.
    """
    found = nearest(vectors, k, present)
    found.data[:] = 1.0
    return Edges(f"similar/{feature}", ITEM, ITEM, normalised(found))


def together_edges(pairs: Pairs, k: int, shrink: float) -> Edges:
    """Item–item edges to the k items most often bought by the same users.

    The strength is the cosine of the items' columns of the training matrix with `shrink` added to
    its denominator, as in item-kNN, so that chance meetings of rare items count less.

    Args:
        pairs: the training pairs.
        k: neighbours of an item.
        shrink: 0 or more.
    """
    histories = pairs.csr()
    fitted = ItemKNN(k=k, shrink=shrink).fit(histories)
    assert fitted.similar_ is not None
    matrix = normalised(fitted.similar_)
    support = _meetings(sp.csr_matrix(histories.T), matrix)
    return Edges("together", ITEM, ITEM, matrix, support=support)


def _meetings(holders: sp.csr_matrix, edges: sp.csr_matrix) -> np.ndarray:
    """The number of shoppers who hold both ends of each edge, float32 `[edges]`.

    Args:
        holders: `[n_items, n_users]`, above 0 where the user holds the item.
        edges: `[n_items, n_items]`, of items that someone holds both of.
    """
    held, joined = (
        sp.csr_matrix((np.ones(one.nnz, np.float32), one.indices, one.indptr), shape=one.shape)
        for one in (holders, edges)
    )
    counts = []
    for block in row_blocks(held, held):
        met = sp.csr_matrix(joined[block].multiply(held[block] @ held.T))
        met.sort_indices()
        counts.append(met.data)
    return np.concatenate(counts)


def attribute_edges(feature: str, column: CategoryColumn | TagsColumn) -> Edges:
    """Item–attribute edges, a node for each value of a category or tags; rare values count more."""
    matrix = normalised(incidence(column))
    matrix.eliminate_zeros()
    values = tuple(str(value) for value in column.vocabulary)
    # The node type has the edges' name, which no feature's name can clash with.
    return Edges(f"has/{feature}", ITEM, f"has/{feature}", matrix, values=values)


def without_loops(edges: Edges) -> Edges:
    """Edges without those from a node to itself, which would only count its own vector twice."""
    if edges.source != edges.target:
        return edges
    matrix = edges.matrix.tocoo()
    apart = matrix.row != matrix.col
    kept = sp.csr_matrix(
        (matrix.data[apart], (matrix.row[apart], matrix.col[apart])), shape=matrix.shape
    )
    kept.sort_indices()
    return dataclasses.replace(edges, matrix=kept)
