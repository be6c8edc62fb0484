"""Fetches everything at a shop's addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfmm.data.fetch.addresses import Addresses
from tfmm.data.fetch.limits import Limits
from tfmm.data.fetch.report import FetchReport
from tfmm.data.shop import load
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import MEDIA_KINDS, TableSpec


def fetch(
    shop: str | os.PathLike[str] | Shop | Mapping[str, Any], limits: Limits | None = None
) -> FetchReport:
    """Fetches the pictures, sounds and clips at the addresses that a shop's tables name.

    They go into the cache (`$TFMM_CACHE`), where loading the shop finds them. What is there is not
    asked for again; what failed before is.

    Args:
        shop: the shop file, or a `Shop`, or the mapping that a shop file would hold.
        limits: how hard servers are asked.

    Returns:
        What was fetched, what was there, and what failed with its reason.

    Raises:
        FetchError: none of the addresses could be reached.
        OSError: a file cannot be written.
        ShopFileError: for a shop file or table that cannot be used as written.
    """
    shop = Shop.of(shop)
    addresses = Addresses(shop, "missing", limits)
    tables = {key: _files_alone(getattr(shop, key)) for key in ("items", "users")}
    if any(table.features for table in tables.values() if table is not None):
        load(_lean(shop, tables), addresses=addresses, verify_media=False)
    return addresses.report


def _files_alone(table: TableSpec | None) -> TableSpec | None:
    """A table with no other features than those that are files."""
    if table is None:
        return None
    kept = {key: spec for key, spec in table.features.items() if spec.kind in MEDIA_KINDS}
    return replace(table, features=kept)


def _lean(shop: Shop, tables: dict[str, TableSpec | None]) -> Shop:
    """The shop with what names its files: events only where they say which ids there are."""
    items, users = tables["items"], tables["users"]
    if users is not None and not users.features:
        users = None
    named = items is not None and items.table is not None
    events = shop.events
    if named and (users is None or users.table is not None):
        events = None
    elif events is not None:
        events = replace(events, context={}, labels={}, quantity=None, price=None)
    return replace(shop, items=items, users=users, events=events, checks={})
