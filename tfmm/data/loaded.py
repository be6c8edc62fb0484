"""What a shop's tables hold, once they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfmm.data.catalog import Catalog
from tfmm.data.events.examples import Examples
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.texts.queries import Queries
from tfmm.data.texts.reviews import Reviews


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a shop's tables hold.

    Attributes:
        items, users: the catalogues.
        examples: what the events between them say, in file order.
        dropped: events left out, by reason.
        knowledge: what is known of the items.
        reviews: what shoppers wrote about them.
        queries: what shoppers ask for.
    """

    items: Catalog
    users: Catalog
    examples: Examples
    dropped: Mapping[str, int]
    knowledge: Knowledge = field(default_factory=Knowledge.none)
    reviews: Reviews = field(default_factory=Reviews.none)
    queries: Queries = field(default_factory=Queries.none)
