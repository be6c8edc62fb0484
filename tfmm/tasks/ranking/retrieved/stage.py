"""A ranker as a second stage: the lists of a retrieval model, put in order and measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs
from tfmm.data.progress import progress
from tfmm.evaluation import evaluate
from tfmm.tasks.ranking.answers.signatures import Served

#: Examples that are judged at a time.
_AT_ONCE = 16_384


def judged(
    served: Served, users: NDArray[np.integer], lists: NDArray[np.int32], seconds: int
) -> NDArray[np.float32]:
    """What a ranker says of lists, by the label that it orders by.

    Args:
        served: of what was known at that time.
        users: int `[U]`, rows.
        lists: item rows `[U, M]`, -1 where there is none.
        seconds: when, since 1970 UTC; of the context nothing else is told.

    Returns:
        float32 `[U, M]`, -inf where there is no item.
    """
    found = np.empty(lists.shape, np.float32)
    step = max(1, _AT_ONCE // max(1, lists.shape[1]))
    ask = tf.function(served.judged, autograph=False, reduce_retracing=True)
    starts = range(0, len(users), step)
    for start in progress(starts, len(starts), "judging candidates", unit="batches"):
        part = slice(start, start + step)
        rows = tf.constant(users[part], tf.int64)
        answers = ask(rows, tf.constant(lists[part], tf.int64), served.blank(len(rows), seconds))
        found[part] = answers[:, :, served.by].numpy()
    return np.where(lists >= 0, found, -np.inf).astype(np.float32)


def measured(
    users: NDArray[np.integer],
    lists: NDArray[np.int32],
    scores: NDArray[np.float32],
    truth: Pairs,
    seen: Pairs,
    ks: Sequence[int],
    repeats: bool,
) -> dict[str, Any]:
    """How well lists in the order of scores hold what shoppers took, as `evaluate` measures models
    that rank all items: what is not in a list is not found.

    Args:
        users: int `[U]`, ascending, all with items in `truth`.
        lists, scores: `[U, M]`.
        truth, seen, ks, repeats: see `tfmm.evaluation.evaluate`.
    """
    place = np.full(truth.n_users, -1)
    place[users] = np.arange(len(users))

    def score(rows: NDArray[np.int32]) -> NDArray[np.float32]:
        whole = np.full((len(rows), truth.n_items + 1), -np.inf, np.float32)
        at = place[rows]
        np.put_along_axis(whole, np.where(lists[at] < 0, truth.n_items, lists[at]), scores[at], 1)
        return whole[:, :-1]

    return evaluate(score, truth, seen=seen, ks=ks, repeats=repeats, per_user=True)
