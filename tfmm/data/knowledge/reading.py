"""Reading a table of triples: which names are items, and which triples are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.cells.ids import tidy_ids
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.events.event_log import is_bad_id
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.shop_file.specs import KnowledgeSpec, LinkSpec
from tfmm.data.tables import as_text, objects, one_array


@dataclass(frozen=True, eq=False)
class KnownItems:
    """What an id means that a table of knowledge may name.

    Args:
        ids: those of the items' table, variants among them.
        places: int32, the row of each in the catalogue; -1 where it was dropped.
        whole: True where ids written as `17.0` are `17` now, else None.
        size: number of items of the catalogue.
    """

    ids: NDArray[np.object_]
    places: NDArray[np.int32]
    whole: bool | None
    size: int

    def rows(self, names: NDArray[np.object_]) -> NDArray[np.int32]:
        """The catalogue's row of each id, -1 for what is none."""
        found = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(names, dtype=object))
        return np.append(self.places, np.int32(-1))[found].astype(np.int32)


def read_triples(
    spec: KnowledgeSpec,
    table: pa.Table,
    links: pa.Table | None,
    items: KnownItems,
    report: CheckReport,
    shop: str,
) -> Knowledge:
    """The triples of a table that are sound.

    Heads and tails are put right as ids are. Without links, those that are items' ids are these
    items. With links, those that are linked are, and a triple of an entity that is several items
    is one of each of them. All others are entities of their own.

    Args:
        spec: what the columns mean.
        table: with the columns of `spec.columns()`.
        links: likewise of `spec.link`.
        items: the items that there are.
        report: takes what is found.
        shop: the shop file's name, for errors.

    Raises:
        CheckError: for a check set to raise.
    """
    where = f"{shop}: {spec.table}"
    by_id = items if links is None else None
    texts = [
        _tidied(table, spec.head, where, report, "knowledge", by_id),
        _tidied(table, spec.relation, where, report, "knowledge", whole=False),
        _tidied(table, spec.tail, where, report, "knowledge", by_id),
    ]
    bad = np.logical_or.reduce([is_bad_id(one) for one in texts])
    head, relation, tail = map(objects, texts)

    def shown(rows: NDArray[np.int64]) -> list[str]:
        return [
            f"row {row + 1}: {head[row]!r}, {relation[row]!r}, {tail[row]!r}"
            for row in rows[:MAX_EXAMPLES].tolist()
        ]

    def left(check: str, rows: NDArray[np.int64]) -> bool:
        return report.record(check, "knowledge", len(rows), shown(rows)) == "drop"

    left("empty_triples", np.flatnonzero(bad))
    kept = np.flatnonzero(~bad)
    names, both = _encoded(np.concatenate([head[kept], tail[kept]]))
    relations, of_relation = _encoded(relation[kept])
    if links is None:
        # Variants are their product, so that what is known of two of them may be the same.
        rows = items.rows(names)
        both = np.where(rows >= 0, rows, items.size + np.arange(len(names)))[both]
        nodes = pd.DataFrame({"name": np.unique(both), "node": np.unique(both)})
    else:
        assert spec.link is not None
        both += items.size
        nodes = _linked(spec.link, links, names, items, report, shop)
    frame = pd.DataFrame({"head": both[: len(kept)], "tail": both[len(kept) :]})
    frame["relation"] = of_relation
    again = frame.duplicated(["head", "relation", "tail"]).to_numpy()
    left("duplicate_triples", kept[again])
    frame, kept = frame[~again], kept[~again]
    loops = (frame["head"] == frame["tail"]).to_numpy()
    left("looped_triples", kept[loops])
    frame, kept = frame[~loops], kept[~loops]
    node = pd.Series(nodes["node"].to_numpy(), nodes["name"].to_numpy())
    strange = frame["head"].map(node.groupby(level=0).min()).to_numpy() >= items.size
    if left("unknown_heads", kept[strange]):
        frame = frame[~strange]
    return _graph(frame, nodes, names, relations, items.size)


def _tidied(
    table: pa.Table,
    column: str,
    where: str,
    report: CheckReport,
    role: str,
    items: KnownItems | None = None,
    *,
    whole: bool | None = None,
) -> pa.Array:
    """The cells of a column, put right as ids are; `items` where they may be ids of these."""
    texts = one_array(as_text(table.column(column), f"{where}, column {column!r}"))
    if items is None:
        tidy = tidy_ids(texts, whole)
    else:
        tidy = tidy_ids(texts, items.whole, pa.array(items.ids, pa.string()))
    for said, count, examples in tidy.said:
        report.note(role, said.replace("ids", "cells"), count, examples, column=column)
    return tidy.ids


def _encoded(names: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The distinct names in order of first appearance, and the place of each among them."""
    codes, distinct = pd.factorize(names)
    return np.asarray(distinct, object), codes.astype(np.int64)


def _linked(
    spec: LinkSpec,
    links: pa.Table,
    names: NDArray[np.object_],
    items: KnownItems,
    report: CheckReport,
    shop: str,
) -> pd.DataFrame:
    """The nodes of each name: its place in `names` behind the items, and a row or that again."""
    where = f"{shop}: {spec.table}"
    ids = _tidied(links, spec.item, where, report, "link", items)
    entities = _tidied(links, spec.entity, where, report, "link")

    def shown(rows: NDArray[np.int64]) -> list[str]:
        return [
            f"row {row + 1}: {ids[row].as_py()!r} is {entities[row].as_py()!r}"
            for row in rows[:MAX_EXAMPLES].tolist()
        ]

    bad = is_bad_id(ids)
    report.record("bad_ids", "link", int(bad.sum()), shown(np.flatnonzero(bad)), column=spec.item)
    rows = items.rows(objects(ids))
    unknown = np.flatnonzero((rows < 0) & ~bad)
    report.record("unknown_links", "link", len(unknown), shown(unknown), column=spec.item)
    # An item need not be in the graph: a link without an entity, or to one of no triple, is none.
    name = pd.Index(names, dtype=object).get_indexer(pd.Index(objects(entities), dtype=object))
    there = (rows >= 0) & (name >= 0)
    found = pd.DataFrame({"name": items.size + name[there], "node": rows[there]})
    alone = items.size + np.setdiff1d(np.arange(len(names)), name[there])
    rest = pd.DataFrame({"name": alone, "node": alone})
    return pd.concat([found.drop_duplicates(), rest], ignore_index=True)


def _graph(
    frame: pd.DataFrame,
    nodes: pd.DataFrame,
    names: NDArray[np.object_],
    relations: NDArray[np.object_],
    size: int,
) -> Knowledge:
    """The triples between nodes, less entities and relations that have none."""
    for end in ("head", "tail"):
        of_end = nodes.rename(columns={"name": end, "node": f"{end}_node"})
        frame = frame.merge(of_end, on=end)
    # Two names of one item, in links, may be joined with each other.
    frame = frame[frame["head_node"] != frame["tail_node"]]
    frame = frame.drop_duplicates(["head_node", "relation", "tail_node"])
    ends = frame[["head_node", "tail_node"]].to_numpy(np.int64)
    used = np.unique(ends[ends >= size])
    ends = np.where(ends < size, ends, size + np.searchsorted(used, ends))
    kept, relation = np.unique(frame["relation"].to_numpy(np.int64), return_inverse=True)
    return Knowledge(
        size,
        names[used - size],
        relations[kept],
        ends[:, 0].astype(np.int32),
        relation.astype(np.int32),
        ends[:, 1].astype(np.int32),
    )
