"""Catalogues as Shopify and WooCommerce export them, whose rows are variants of products."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfmm.data.guess.column import Column
from tfmm.data.guess.sample import Sample
from tfmm.data.tables.header import plain_name

_SHOPIFY = {"handle", "title", "variant sku"}
_OPTION = re.compile(r"option\d value")
_WOOCOMMERCE = {"id", "type", "sku", "name", "parent"}


@dataclass(frozen=True, eq=False)
class Parent:
    """What a shop file says of variants, and why.

    Args:
        form: its `items.parent`.
        seen: what was seen of it.
        named: the columns that name its parents or variants, which say nothing of a product.
        options: the columns in which variants of a product differ.
    """

    form: Any
    seen: str
    named: tuple[str, ...]
    options: tuple[str, ...] = ()


def find_parents(sample: Sample) -> list[tuple[Column, Parent]]:
    """The columns that may be the ids of an export's rows, the likeliest first, with the parents.

    None where a table is no such export, or has no variants.
    """
    columns = {plain_name(name): column for name, column in sample.columns.items()}
    if columns.keys() >= _SHOPIFY:
        handle, sku = columns["handle"], columns["variant sku"]
        if handle.distinct == handle.filled:
            return []
        seen = f"as Shopify exports: {handle.distinct:,} handles name {handle.rows:,} rows"
        options = [one.name for name, one in columns.items() if _OPTION.fullmatch(name)]
        parent = Parent(handle.name, seen, (handle.name, sku.name), tuple(options))
        return [(sku, parent), (handle, parent)]
    if columns.keys() >= _WOOCOMMERCE and columns["parent"].distinct:
        id, sku, of = columns["id"], columns["sku"], columns["parent"]
        seen = (
            f"as WooCommerce exports: {of.filled:,} of {of.rows:,} rows are variations of "
            f"{of.distinct:,} parents, {_share_found(of, [id, sku]):.0%} of which are in the table"
        )
        names = (id.name, sku.name, of.name, columns["type"].name)
        by_sku = Parent({"column": of.name, "by": [sku.name]}, seen, names)
        by_both = Parent({"column": of.name, "by": [sku.name, id.name]}, seen, names)
        return [(id, by_sku), (sku, by_both)]
    return []


def _share_found(of: Column, columns: Sequence[Column]) -> float:
    known = {text for column in columns for text in column.values.to_pylist()}
    named = [str(text).removeprefix("id:") for text in of.values.to_pylist()]
    return sum(name in known for name in named) / len(named)
