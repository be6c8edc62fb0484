"""The prior: how likely an item is to be asked for now, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.pairs import DAY, Pairs
from tfmm.data.events.parts import Split
from tfmm.data.files import replacing
from tfmm.tasks.retrieval.blend.rows import like, saved_rows

Floats = NDArray[np.float32]

_FILE = "prior.npz"
#: Share of the prior that goes by all events, whatever their age.
_LASTING = 0.01
#: Items have the log of their probability, less its mean, times this for a vector's component, so
#: that it is about as large as the others and an index may round it as it rounds them.
_SCALE = 0.1
#: Items whose beginning was seen, without which new ones borrow what items like them have now.
_BEGINNINGS = 20


@dataclass(frozen=True, eq=False)
class Prior:
    """The log of an item's probability to be asked for now, as one more component of its vector.

    An in-batch softmax that is corrected for sampling (logQ) takes popularity out of the scores;
    the prior puts it back, as it is now: p counts events, each worth half for every half-life of
    its age. An item without events borrows the early days of the items that it is like, and all
    such items together get the share of events that validation saw go to new items.

    Attributes:
        share: float32 `[N]`, of all events by age that are the item's.
        lasting: float32 `[N]`, the same of events of any age.
        early: float32 `[N]`, the item's share of the events of its first half-life; NaN where its
            beginning was not seen.
        half_life: in days; None for events of any age.
        new_share: of events, that goes to items without any so far.
        weight: of the prior in the score of a shopper with a history, 0 or more.
        newcomers: likewise of one without.
    """

    share: Floats
    lasting: Floats
    early: Floats
    half_life: float | None = None
    new_share: float = 0.0
    weight: float = 1.0
    newcomers: float = 1.0

    @classmethod
    def fit(cls, pairs: Pairs, half_life: float | None, **weights: float) -> Self:
        """The prior at the time of the latest event of some pairs.

        Args:
            pairs: of which all events count.
            half_life: in days, or None.
            **weights: `new_share`, `weight` and `newcomers`.
        """
        log, n = pairs.log, pairs.n_items
        counts = np.bincount(log.item, minlength=n)
        worth = None if half_life is None else pairs.worth(half_life)
        recent = np.bincount(log.item, worth, n)
        early = np.full(n, np.nan, np.float32)
        if half_life is not None and log.time is not None and len(log.time):
            early = _early(log.item, log.time, n, half_life)
        return cls(_shares(recent), _shares(counts), early, half_life, **weights)

    @property
    def known(self) -> NDArray[np.bool_]:
        """bool `[N]`: the items that have events."""
        return self.lasting > 0

    def as_of(self, pairs: Pairs) -> Self:
        """The prior of other events, with the same settings."""
        of = {"new_share": self.new_share, "weight": self.weight, "newcomers": self.newcomers}
        return type(self).fit(pairs, self.half_life, **of)

    def log_p(self, learned: Floats, neighbours: int = 10) -> Floats:
        """The log of each item's probability, float32 `[N]`.

        Args:
            learned: float32 `[N, D]`, by whose cosine items are like each other.
            neighbours: items that a new one borrows of.
        """
        known = self.known
        p = (1 - _LASTING) * self.share.astype(np.float64) + _LASTING * self.lasting
        new = np.flatnonzero(~known)
        if len(new) and len(new) < len(p):
            borrowed = self._borrowed(p, learned, neighbours)
            p = p * (1 - self.new_share)
            p[new] = self.new_share * borrowed / max(borrowed.sum(), 1e-12)
        # What has next to no chance has some: as little as the least of those that have any.
        least = p[p > 0].min(initial=1.0)
        return np.log(np.maximum(p, least / 10)).astype(np.float32)

    def items(self, learned: Floats) -> Floats:
        """The component of items' vectors, float32 `[N, 1]`; see `log_p`."""
        found = self.log_p(learned)
        return ((found - found.mean()) * np.float32(_SCALE))[:, None]

    def users(self, has_history: NDArray[np.bool_]) -> Floats:
        """The component of users' vectors, float32 `[B, 1]`, by whether they have a history."""
        some, none = self.scaled
        return np.where(has_history, some, none).astype(np.float32)[:, None]

    @property
    def scaled(self) -> tuple[float, float]:
        """The component of a user's vector with and without a history."""
        return self.component(self.weight), self.component(self.newcomers)

    @staticmethod
    def component(weight: float) -> float:
        """The component of a user's vector that gives the log of p a weight."""
        return weight / _SCALE

    def _borrowed(self, p: NDArray[np.float64], learned: Floats, neighbours: int) -> Any:
        """What new items have of items like them, float64, up to a factor."""
        seen = np.isfinite(self.early)
        of, what = self.known, p
        if seen.sum() >= _BEGINNINGS:
            of, what = seen, np.where(seen, self.early, 0).astype(np.float64)
        near = like(learned, np.flatnonzero(~self.known), np.flatnonzero(of), neighbours)
        return what[near].mean(axis=1)


def priors_of(choice: Mapping[str, Any], pairs: Pairs, temperature: float) -> tuple[Prior, ...]:
    """The priors that a `PriorChoice` makes of some pairs: none, one for all shoppers, or one for
    those with a history and one for the others, where their half-lives differ.

    Args:
        choice: as a dictionary; without `newcomers_half_life`, all have one half-life.
        pairs: see `Prior.fit`.
        temperature: that divided the learned scores, beside which the weights were chosen.
    """
    age = choice["half_life"]
    of_newcomers = choice.get("newcomers_half_life", age)
    some, none = (choice[name] * temperature for name in ("weight", "newcomers"))
    if of_newcomers == age or not some or not none:
        weights = {(age if some else of_newcomers): (some, none)}
    else:
        weights = {age: (some, 0.0), of_newcomers: (0.0, none)}
    return tuple(
        Prior.fit(pairs, days, new_share=choice["new_share"], weight=one, newcomers=other)
        for days, (one, other) in weights.items()
        if one or other
    )


def save_priors(priors: Sequence[Prior], folder: str | Path, item_ids: Any) -> None:
    """Writes `prior.npz`, a row a prior, with the items' ids, aside and renamed into place."""
    ages = [np.nan if prior.half_life is None else prior.half_life for prior in priors]
    with replacing(Path(folder) / _FILE) as aside:
        np.savez(
            aside,
            ids=np.array([str(item) for item in item_ids]),
            share=np.stack([prior.share for prior in priors]),
            lasting=np.stack([prior.lasting for prior in priors]),
            early=np.stack([prior.early for prior in priors]),
            half_life=np.array(ages),
            new_share=np.array([prior.new_share for prior in priors]),
            weight=np.array([prior.weight for prior in priors]),
            newcomers=np.array([prior.newcomers for prior in priors]),
        )


def load_priors(folder: str | Path, item_ids: Any) -> tuple[Prior, ...]:
    """What `save_priors` wrote, in the order of `item_ids`; none where nothing was saved.

    Items that the file has nothing of have no events. Files of one prior without rows are read too.
    """
    path = Path(folder) / _FILE
    if not path.exists():
        return ()
    with np.load(path, allow_pickle=False) as saved:
        rows = saved_rows(saved["ids"], item_ids)
        share, lasting, early = (
            np.where(rows >= 0, np.atleast_2d(saved[name])[:, rows], np.float32(none))
            for name, none in (("share", 0), ("lasting", 0), ("early", np.nan))
        )
        half_life, new, weight, newcomers = (
            np.atleast_1d(saved[name]).tolist()
            for name in ("half_life", "new_share", "weight", "newcomers")
        )
    ages = [None if np.isnan(days) else days for days in half_life]
    of_each = zip(share, lasting, early, ages, new, weight, newcomers, strict=True)
    return tuple(Prior(*values) for values in of_each)


def new_share(parts: Split) -> float:
    """The share of validation's pairs that are on items without any training pair; where there is
    none, half a pair's.

    Of items that are held out whole for validation, all pairs are known; as many count as would
    fall into it, and as many more for each item that is held out for the test: that is new too.
    """
    train, valid = parts.train, parts.valid
    warm = len(train) + len(valid) + len(parts.test)
    items = len(parts.cold_valid), len(parts.cold_test)
    unknown = sum(items) / max(items[0], 1)
    held_out = len(parts.cold_valid_pairs) * unknown * len(valid) / max(warm, 1)
    fresh = int((train.item_counts()[valid.item] == 0).sum()) + held_out
    count = max(len(valid) + held_out, 1.0)
    return float(np.clip(fresh, 0.5, max(count - 0.5, 0.5)) / count)


def _shares(counts: NDArray[Any]) -> Floats:
    return (counts / max(counts.sum(), 1e-12)).astype(np.float32)


def _early(
    item: NDArray[np.int32], time: NDArray[np.int64], n_items: int, half_life: float
) -> Floats:
    """Each item's share of the events of its first half-life, float32 `[N]`, where it began in the
    log and the log goes on for as long; else NaN."""
    span = np.int64(half_life * DAY)
    first = np.full(n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, item, time)
    met = first < np.iinfo(np.int64).max
    seen = met & (first >= time[0] + span) & (first <= time[-1] - span)
    inside = seen[item] & (time <= np.where(met, first, 0)[item] + span)
    own = np.bincount(item[inside], minlength=n_items)
    start = np.searchsorted(time, first[seen])
    stop = np.searchsorted(time, first[seen] + span, side="right")
    early = np.full(n_items, np.nan, np.float32)
    early[seen] = own[seen] / np.maximum(stop - start, 1)
    return early
