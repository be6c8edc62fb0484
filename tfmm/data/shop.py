"""A shop: its catalogue of items, that of its users, and the events between them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tfmm.data.catalog import Catalog
from tfmm.data.checks import CheckReport
from tfmm.data.events.event_log import (
    Events,
)
from tfmm.data.events.examples import Examples
from tfmm.data.fetch.addresses import Addresses
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.loader import Loader
from tfmm.data.media.folders import Folders
from tfmm.data.seen import shop_counts
from tfmm.data.shop_file.schema import Shop
from tfmm.data.texts.queries import Queries
from tfmm.data.texts.reviews import Reviews


@dataclass(frozen=True, eq=False)
class ShopData:
    """A shop, loaded and checked.

    Args:
        shop: the shop file.
        items: the catalogue of items.
        users: the catalogue of users, without features when the shop has no users table.
        examples: what the events between them say, in file order.
        report: what was counted and found.
        knowledge: what is known of the items, in triples.
        reviews: what shoppers wrote about the items.
        queries: what shoppers ask for, in their words.
    """

    shop: Shop
    items: Catalog
    users: Catalog
    examples: Examples
    report: CheckReport
    knowledge: Knowledge = field(default_factory=Knowledge.none)
    reviews: Reviews = field(default_factory=Reviews.none)
    queries: Queries = field(default_factory=Queries.none)

    @cached_property
    def folders(self) -> Folders:
        """What its files may be read from."""
        return Folders.of(self.shop)

    @cached_property
    def events(self) -> Events:
        """Those of the examples that tell a taste, which retrieval's pairs are made of."""
        return self.examples.events()


def load(
    shop: str | os.PathLike[str] | Shop | Mapping[str, Any],
    extra_event_columns: Sequence[str] = (),
    policies: Mapping[str, str] | None = None,
    *,
    verify_media: bool = True,
    addresses: Addresses | None = None,
) -> ShopData:
    """Reads a shop's tables, checks everything once, and reports what was found.

    ```python
    shop = tfmm.load("shop.yaml")
    shop.report.print()
    shop.items.ids[:3], shop.items.features["title"].values[:3]
    ```

    Args:
        shop: the shop file, or a `Shop`, or the mapping that a shop file would hold (its paths
            relative to the working folder).
        extra_event_columns: columns of the events table to keep, aligned with the events that
            survive, in `events.extra` (a column that says each event's split, for instance).
        policies: policy by check (`drop`, `mask`, `raise`, `keep`), over those of the shop file.
        verify_media: decode every image, sound and video once, to find those that are cut short or
            corrupt; without it files are only looked for.
        addresses: where files at addresses come from; by default those that `tfmm fetch` or
            training fetched before.

    Raises:
        ShopFileError: for a shop file or table that cannot be used as written.
        CheckError: when a check whose policy is `raise` finds something.
        FetchError: `addresses` fetches, and none could be reached.
        ModuleNotFoundError: a file is in a format that needs a package which is not installed.
        ValueError: for a policy that its check does not take.
    """
    shop = Shop.of(shop)
    report = CheckReport()
    report.set_policies(shop.checks, str(shop))
    report.set_policies(policies or {}, "policies")
    report.counts["rows"] = {}
    loader = Loader(shop, report, addresses or Addresses(shop), verify_media=verify_media)
    found = loader.load(tuple(extra_event_columns))
    parts = {name: getattr(found, name) for name in ("knowledge", "reviews", "queries")}
    data = ShopData(shop, found.items, found.users, found.examples, report, **parts)
    report.counts.update(shop_counts(data, found.dropped))
    return data
