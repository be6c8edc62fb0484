"""Which ids events have seen, in which order, and how many there are of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog

if TYPE_CHECKING:
    from tfmm.data.shop import ShopData


def absent(codes: NDArray[np.int32], n: int) -> int:
    """How many of n rows no event has."""
    return int(np.count_nonzero(np.bincount(codes, minlength=n) == 0))


def first_seen(codes: NDArray[np.int32], n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The distinct codes in order of first appearance, and int32[n] each one's place (-1: none)."""
    first = np.full(n, len(codes), np.int64)
    # Assigned in reverse, so that the first appearance is what stays.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    seen = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())].astype(np.int32)
    place = np.full(n, -1, np.int32)
    place[seen] = np.arange(len(seen), dtype=np.int32)
    return seen, place


def only_seen(catalog: Catalog, codes: NDArray[np.int32]) -> tuple[Catalog, NDArray[np.int32]]:
    """A catalogue of ids seen in events, less those whose events have all been left out since."""
    seen, place = first_seen(codes, len(catalog))
    if len(seen) == len(catalog) and bool((seen == np.arange(len(seen))).all()):
        return catalog, codes
    return catalog.take(seen), place[codes]


def shop_counts(data: ShopData, dropped: Mapping[str, int]) -> dict[str, Any]:
    """How many there are of what in a shop, for its report; `dropped` has events by reason."""
    items, users, events = data.items, data.users, data.events
    return {
        "items": len(items),
        "users": len(users),
        "events": len(events),
        "examples": len(data.examples),
        "events_dropped": dict(dropped),
        "items_without_events": absent(events.item, len(items)),
        "users_without_events": absent(events.user, len(users)),
        "features": {
            name: {
                key: {"kind": column.kind, "present": int(column.present.sum())}
                for key, column in features.items()
            }
            for name, features in (
                ("items", items.features),
                ("users", users.features),
                ("events", data.examples.context),
            )
            if features or name != "events"
        },
    }
