"""Drawn items that a retrieval run would have found: what a second stage tells apart."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tfmm.tasks.ranking.config import NegativesConfig
from tfmm.tasks.ranking.reading.examples import Shown
from tfmm.tasks.ranking.retrieved.window import Window

Lists = tuple[NDArray[np.int32], NDArray[np.int32]]


def with_found(
    made: Shown,
    lists: Lists,
    events: NDArray[np.int64],
    window: Window,
    negatives: NegativesConfig,
    seed: int,
) -> Shown:
    """Examples whose drawn items are in part what retrieval finds.

    An item that the shopper took by the end of the event's part is not among them. Where a list is
    too short, the items that were drawn of all stay.

    Args:
        made: examples with drawn items to each event of `events`.
        lists: the best items of each shopper, int32 `[U, M]`, -1 where there are fewer, before the
            window's `begin` and before its `test`.
        events: int64 `[n]`, those that have drawn items, ascending.
        window: see there.
        negatives: how many are drawn.
        seed: of the draw.
    """
    assert made.time is not None
    count = round(made.each * negatives.share)
    rng = np.random.default_rng(seed)
    item, n_items = made.item.copy(), int(made.item.max()) + 1
    late = made.time[events] >= window.test
    pairs = made.user[: made.events].astype(np.int64) * n_items + made.item[: made.events]
    for listed, part, end in ((lists[0], ~late, window.test), (lists[1], late, window.end)):
        own = np.unique(pairs[made.time[: made.events] < end])
        asked = events[part]
        found = listed[made.user[asked]]
        there = (found >= 0) & (found < n_items)
        numbers = made.user[asked].astype(np.int64)[:, None] * n_items + found
        there &= ~np.isin(numbers, own)
        for draw in range(made.draws):
            chance = np.where(there, rng.random(found.shape, np.float32), 2.0)
            best = np.argsort(chance, axis=1)[:, :count]
            places = made.drawn(asked, draw).reshape(-1, made.each)[:, : best.shape[1]]
            good = np.take_along_axis(there, best, 1)
            item[places[good]] = np.take_along_axis(found, best, 1)[good]
    return dataclasses.replace(made, item=item)
