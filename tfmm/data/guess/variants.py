"""Catalogues as Shopify and WooCommerce export them, whose rows are variants of products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.guess.column import Column
from tfmm.data.guess.sample import Sample
from tfmm.data.tables import as_text, objects
from tfmm.data.tables.header import plain_name

_SHOPIFY = {"handle", "title", "variant sku"}
_OPTION = re.compile(r"option\d value")
#: What WooCommerce's column of types holds, in any language.
_TYPES = {
    *"simple variable variation grouped external virtual downloadable bundle composite".split(),
    *"subscription variable-subscription subscription_variation booking".split(),
}
_BY_ID = "id:"


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
    return _woocommerce(sample, columns)


def _woocommerce(sample: Sample, columns: Mapping[str, Column]) -> list[tuple[Column, Parent]]:
    """By what its cells say, which WooCommerce does not translate as it does the columns' names."""
    type = next((one for one in columns.values() if _is_type(one)), None)
    id = columns.get("id")
    if type is None or id is None:
        return []
    variations = _texts(type) == "variation"
    others = [one for one in columns.values() if one not in (type, id) and not one.lists]
    found = [(of, share) for of in others if (share := _names_parents(of, variations, sample))]
    if not found:
        return []
    of, share = max(found, key=lambda one: one[1])
    seen = (
        f"as WooCommerce exports: {of.filled:,} of {of.rows:,} rows are variations of "
        f"{of.distinct:,} parents, {share:.0%} of which are in the table"
    )
    named = {text for text in of.texts if not text.startswith(_BY_ID)}
    skus = [one for one in others if one is not of and named & {*one.texts}] if named else []
    sku = max(skus, key=lambda one: len(named & {*one.texts}), default=columns.get("sku"))
    names = [one.name for one in (id, sku, of, type) if one is not None]
    if sku is None:
        return [(id, Parent(of.name, seen, tuple(names)))]
    by_sku = Parent({"column": of.name, "by": [sku.name]}, seen, tuple(names))
    by_both = Parent({"column": of.name, "by": [sku.name, id.name]}, seen, tuple(names))
    return [(id, by_sku), (sku, by_both)]


def _is_type(column: Column) -> bool:
    """Whether cells are WooCommerce's types of products, variations among them."""
    kinds = {part.strip() for text in column.texts for part in text.split(",")}
    return "variation" in kinds and kinds <= _TYPES


def _names_parents(of: Column, variations: NDArray[np.bool_], sample: Sample) -> float:
    """The share of a column's values that other columns have too; 0 where it has values for other
    rows than variations, or none for these."""
    filled = _texts(of) != ""
    if not filled.any() or (filled & ~variations).any() or (variations & ~filled).mean() > 0.05:
        return 0.0
    return _share_found(of, [one for one in sample.columns.values() if one is not of])


def _texts(column: Column) -> NDArray[np.object_]:
    """Its cells, without white space around them."""
    texts = objects(as_text(column.cells, column.where))
    return np.array([str(text).strip() for text in texts], object)


def _share_found(of: Column, columns: Sequence[Column]) -> float:
    known = {text for column in columns for text in column.values.to_pylist()}
    named = [str(text).removeprefix(_BY_ID) for text in of.values.to_pylist()]
    return sum(name in known for name in named) / len(named)
