"""What happened since a model was trained, and what of before it is learned again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfmm.data.events.pairs import Log, Pairs
from tfmm.data.events.splits import instant
from tfmm.tasks.config import RunFileError


class News(NamedTuple):
    """Pairs apart by a time.

    Attributes:
        known: of the events until then.
        new: of the events since; without those of before, unless shoppers buy again.
        again: a sample of `known`.
        log: the events since.
    """

    known: Pairs
    new: Pairs
    again: Pairs
    log: Log


def news(pairs: Pairs, since: str, replay: float, config: Any) -> News:
    """What happened since a time, and a sample of what was before.

    Args:
        pairs: all.
        since: ISO time of the latest event that is known.
        replay: pairs of the sample for each new one.
        config: its `evaluate.repeats` and `train.seed` count.

    Raises:
        RunFileError: events without times, or none since.
    """
    time = pairs.log.time
    if time is None:
        raise RunFileError("The events have no times, so that nothing tells the new ones.")
    late = time > instant("since", since)
    if not late.any():
        raise RunFileError(f"Nothing happened since {since}: the latest event is not later.")
    known, new = (
        Pairs.from_events(pairs.log.take(mask), pairs.n_users, pairs.n_items)
        for mask in (~late, late)
    )
    if not config.evaluate.repeats:
        new = new.subset(~np.isin(new.numbers(), known.numbers()))
        if not len(new):
            raise RunFileError(f"Since {since} shoppers met nothing that they had not met before.")
    count = min(len(known), round(replay * len(new)))
    drawn = np.random.default_rng(config.train.seed).permutation(len(known))[:count]
    mask = np.zeros(len(known), bool)
    mask[drawn] = True
    return News(known, new, known.subset(mask), pairs.log.take(late))
