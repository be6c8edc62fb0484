"""The shoppers that a page may choose from, and what they looked at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from tfmm.data.shop import ShopData

#: Items of a shopper's past that are shown.
PAST_ITEMS = 12


class Shoppers:
    """Shoppers by id.

    Args:
        ids: of the shoppers whom a model knows.
        shop: whose events say what they looked at; None where there is no shop.
    """

    def __init__(self, ids: Sequence[str], shop: ShopData | None = None):
        self._ids = sorted(ids)
        self._shop = shop

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, part: str, count: int) -> list[str]:
        """Up to `count` ids that contain `part`, those that begin with it first."""
        first = list(islice((i for i in self._ids if i.startswith(part)), count))
        others = (i for i in self._ids if part in i and not i.startswith(part))
        return first + list(islice(others, count - len(first)))

    def past(self, shopper: str) -> list[str]:
        """The latest distinct items of a shopper's events, latest first; none without a shop."""
        if self._shop is None:
            return []
        row = int(self._shop.users.rows([shopper])[0])
        if row < 0:
            return []
        events = self._shop.events
        own = np.flatnonzero(events.user == row)
        if events.time is not None:
            own = own[np.argsort(events.time[own], kind="stable")]
        latest = dict.fromkeys(events.item[own[::-1]].tolist())
        return [str(self._shop.items.ids[item]) for item in islice(latest, PAST_ITEMS)]
