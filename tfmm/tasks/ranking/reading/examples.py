"""The examples of ranking: what was shown to whom and when, with its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.data.columns import Column
from tfmm.data.events.examples import Examples
from tfmm.tasks.ranking.config import NegativesConfig
from tfmm.tasks.ranking.reading.labels import CHOSEN, Label


@dataclass(frozen=True, eq=False)
class Shown:
    """Examples, those of events first, in their order; then items that were drawn in their stead.

    Attributes:
        user, item: int32 `[m]`, rows of the catalogues.
        time: int64 `[m]`, microseconds since 1970 UTC, or None.
        event: int64 `[m]`, the event that an example is, or that it was drawn for.
        labels: float32 `[m, L]`, NaN where unknown.
        context: features of the events, by name, a row an event.
        events: how many examples are events.
        each: drawn items to each event.
        draws: sets of them.
        slots: int64 `[events]`, where an event's drawn items are among those of all that have
            some, -1 for those without; None where each event has.
        known: int64 `[m]`, as of when an example is judged; None for the time of its event.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64] | None
    event: NDArray[np.int64]
    labels: NDArray[np.float32]
    events: int
    each: int = 0
    draws: int = 0
    slots: NDArray[np.int64] | None = None
    known: NDArray[np.int64] | None = None
    context: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def drawn(self, events: NDArray[np.integer], draw: int = 0) -> NDArray[np.int64]:
        """The examples int64 `[n * each]` that a set has for some events, event by event."""
        slots, count = np.asarray(events, np.int64), self.events
        if self.slots is not None:
            slots, count = self.slots[slots], int((self.slots >= 0).sum())
        places = slots[:, None] * self.each + np.arange(self.each)
        return self.events + draw * count * self.each + places.ravel()

    @property
    def judged(self) -> NDArray[np.int64] | None:
        """As of when each example is judged, int64 `[m]`; None without times."""
        return self.time if self.known is None else self.known

    def of(self, events: NDArray[np.integer]) -> NDArray[np.int64]:
        """These events and what the first set has for them."""
        return np.concatenate([np.asarray(events, np.int64), self.drawn(events)])


def shown(
    examples: Examples,
    labels: tuple[Label, ...],
    values: NDArray[np.float32],
    n_users: int,
    n_items: int,
    negatives: NegativesConfig,
    seed: int,
    events: NDArray[np.int64] | None = None,
    known: NDArray[np.int64] | None = None,
) -> Shown:
    """The examples, with drawn items where events of choices alone are learned from.

    An item that its shopper ever chose is not drawn, nor one twice in a set for one event, as far
    as there are others.

    Args:
        examples: the events.
        labels, values: what they say.
        n_users, n_items: rows of the catalogues.
        negatives: how many are drawn, and how.
        seed: of the draw.
        events: those that items are drawn for, ascending; all by default.
        known: as of when each event is judged, see `Shown`.

    Raises:
        ValueError: a number of drawn items below one.
    """
    plain = Shown(
        examples.user,
        examples.item,
        examples.time,
        np.arange(len(examples)),
        values,
        len(examples),
        known=known,
        context=examples.context,
    )
    if [label.name for label in labels] != [CHOSEN]:
        return plain
    each, draws = negatives.each, negatives.draws
    if each < 1 or draws < 1:
        raise ValueError(
            f"`negatives.each` and `negatives.draws` must be at least 1, got {each} and {draws}."
        )
    rng = np.random.default_rng(seed)
    count = len(examples)
    chance = None
    if negatives.by == "popularity":
        chance = np.bincount(examples.item, minlength=n_items) / max(1, count)
    events = np.arange(count) if events is None else events
    slots = np.full(count, -1)
    slots[events] = np.arange(len(events))
    user = np.tile(np.repeat(examples.user[events], each), draws)
    own = np.unique(examples.user.astype(np.int64) * n_items + examples.item)
    item = np.zeros(len(user), np.int32)
    left = np.arange(len(user))
    # Shoppers who have almost all items may be left with one of theirs after so many tries.
    for _ in range(20):
        item[left] = (
            rng.integers(n_items, size=len(left))
            if chance is None
            else rng.choice(n_items, size=len(left), p=chance)
        )
        numbers = user.astype(np.int64) * n_items + item
        rows = numbers.reshape(-1, each)
        twice = np.zeros(rows.shape, bool)
        for place in range(1, each):
            twice[:, place] = (rows[:, :place] == rows[:, place : place + 1]).any(axis=1)
        bad = pd.Series(numbers).isin(own).to_numpy() | twice.ravel()
        left = np.flatnonzero(bad)
        if not len(left):
            break
    label = np.zeros(len(user), np.float32)
    label[left] = np.nan
    at = np.tile(np.repeat(events, each), draws)
    return Shown(
        np.concatenate([examples.user, user]).astype(np.int32),
        np.concatenate([examples.item, item]).astype(np.int32),
        None if examples.time is None else np.concatenate([examples.time, examples.time[at]]),
        np.concatenate([np.arange(count), at]),
        np.concatenate([values[:, 0], label])[:, None].astype(np.float32),
        count,
        each,
        draws,
        slots,
        None if known is None else np.concatenate([known, known[at]]),
        context=examples.context,
    )
