"""Training batches of whole histories, each item of which is to be told from those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import (
    FeatureColumns,
    RowInputs,
    candidate_probability,
    passes,
    sampling_probability,
)
from tfmm.data.events.pairs import Pairs

#: Stretches of like length are mixed anew every epoch: the longest of a group is at most so much
#: longer than its shortest.
_LIKE = 1.3


def sequence_batches(
    pairs: Pairs,
    items: FeatureColumns,
    users: FeatureColumns | None = None,
    *,
    batch_size: int = 2048,
    history_size: int = 50,
    negatives: int = 0,
    seed: int = 1,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Each user's items in order, all of a batch's users in one pass; one pass is one epoch.

    Every pair is a target once an epoch, predicted from the items of its user before it, in order
    of time, those of one instant in order of the event log. What a batch costs is a state an item,
    where `training_batches` needs a history an item. Histories are cut into stretches of
    `history_size` targets, from the latest item backwards; the first item of a history is predicted
    from nothing. Stretches of like length share a batch, so that little of it is padding; which
    ones do is drawn every epoch, by `seed` and its number alone.

    Args:
        pairs: distinct user-item pairs to learn from; their weights, scaled to mean 1, weigh the
            loss.
        items: encoder inputs of the catalogue.
        users: encoder inputs of the users, where the user tower reads features.
        batch_size: targets a batch, more or less.
        history_size: most items in a stretch.
        negatives: uniformly drawn extra candidates a batch.
        seed: of order, negatives and of the choice of items to encode.
        first_epoch: the number of the first pass.

    Returns:
        A finite dataset of dictionaries, S stretches with P targets in each: `user` int32 `[S]`,
        `history` int32 `[S, T]` (positions in `items`, oldest first, -1 where padded), `target`
        int32 `[P]` (positions), `read` int32 `[P, 2]` (whose target it is, and after how many of
        that history's items; 0 for the first of all) and `weight` float32 `[P]`; the rest as of
        `training_batches`.

    Raises:
        ValueError: without pairs, or for sizes below one.
    """
    if len(pairs) == 0:
        raise ValueError("There are no training pairs: the split left no events to train on.")
    for name, value in (("batch_size", batch_size), ("history_size", history_size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    # A stretch fills a batch at most.
    table = _Stretches(pairs, min(history_size, batch_size), batch_size)
    start, length, skip, user = (
        tf.constant(part, tf.int64) for part in (table.start, table.length, table.skip, table.user)
    )
    group_start, group_size = tf.constant(table.group_start), tf.constant(table.group_size)
    bounds = tf.constant(table.bounds)
    q_item = sampling_probability(pairs)[1]
    probability = tf.constant(candidate_probability(q_item, batch_size, negatives))
    item = tf.constant(pairs.item, tf.int32)
    weight = tf.constant(pairs.weight / max(float(pairs.weight.mean()), 1e-12), tf.float32)
    inputs = RowInputs(items, users)

    def batch(epoch: tf.Tensor, step: tf.Tensor) -> dict:
        key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, step])
        order = tf.stack([tf.constant(seed, tf.int64), epoch])
        shuffle = tf.random.experimental.index_shuffle
        step = shuffle(step, order + 1, tf.constant(len(table.bounds) - 2, tf.int64))
        place = tf.range(bounds[step], bounds[step + 1])
        first, size = tf.gather(group_start, place), tf.gather(group_size, place)
        # TensorFlow's own function over it takes one seed for all entries.
        seeds = tf.stack([first, tf.fill(tf.shape(first), order[0]), first + order[1]], 1)
        at = first + tf.raw_ops.RandomIndexShuffle(
            index=place - first, seed=seeds, max_index=size - 1
        )

        begin, count, known = tf.gather(start, at), tf.gather(length, at), tf.gather(skip, at)
        # The items read: those of the targets, moved on by one.
        reads = count - 1 + known
        where = tf.ragged.range(begin - known, begin - known + reads)
        wanted = tf.ragged.range(begin, begin + count)
        target = tf.gather(item, wanted.flat_values)
        past = tf.gather(item, where.flat_values)
        extra = tf.random.stateless_uniform(
            [negatives], key + 2, maxval=pairs.n_items, dtype=tf.int32
        )
        rows, position = tf.unique(tf.concat([target, extra, past], 0))
        split = tf.shape(target)[0]
        history = where.with_flat_values(position[split + negatives :])
        whose = tf.cast(wanted.value_rowids(), tf.int32)
        step_of = wanted.flat_values - tf.gather(begin - known, whose)
        who = tf.cast(tf.gather(user, at), tf.int32)
        wide = tf.maximum(tf.reduce_max(reads), 1)
        return {
            "user": who,
            "target": position[:split],
            "negatives": position[split : split + negatives],
            "history": history.to_tensor(-1, shape=tf.stack([tf.size(at, tf.int64), wide])),
            "read": tf.stack([whose, tf.cast(step_of, tf.int32)], 1),
            "weight": tf.gather(weight, wanted.flat_values),
            "probability": tf.gather(probability, tf.concat([target, extra], 0)),
            **inputs.of_items(rows, key + 3),
            **inputs.of_users(who),
        }

    return passes(batch, len(table.bounds) - 1, first_epoch)


class _Stretches:
    """Stretches of the users' pairs, sorted by length and cut into batches.

    Attributes:
        start, length, user: int64 `[n]`, the first target of a stretch, how many there are, and
            whose.
        skip: int64 `[n]`, 1 where an item comes before the first target, else 0.
        group_start, group_size: int64 `[n]`, the group of like length that a stretch is mixed with.
        bounds: int64 `[steps + 1]`, where batches begin among the stretches.
    """

    def __init__(self, pairs: Pairs, size: int, batch_size: int) -> None:
        counts = pairs.user_counts()
        pieces = -(-counts // size)
        user = np.repeat(np.arange(pairs.n_users), pieces)
        before = np.concatenate([[0], np.cumsum(pieces)])
        number = np.arange(len(user)) - before[user]
        # From the latest item backwards, so that the oldest stretch is the short one.
        stop = pairs.offsets[user + 1] - number * size
        start = np.maximum(stop - size, pairs.offsets[user])
        order = np.argsort(stop - start, kind="stable")
        self.user, self.start = user[order], start[order]
        self.length = (stop - start)[order]
        self.skip = (self.start > pairs.offsets[self.user]).astype(np.int64)
        kind = np.floor(np.log(self.length) / np.log(_LIKE)).astype(np.int64)
        _, first, which, sizes = np.unique(
            kind, return_index=True, return_inverse=True, return_counts=True
        )
        self.group_start = first[which].astype(np.int64)
        self.group_size = sizes[which].astype(np.int64)
        self.bounds = _cut(self.length, batch_size)


def sequence_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of batches that batches of whole histories have too.

    Raises:
        ValueError: `balance` asks for some pairs more often than for others.
    """
    if options.get("balance"):
        raise ValueError(
            "`balance` draws some pairs more often than others, but with `history: causal` whole "
            "histories are learned from. To resolve this, leave `balance` out, or take another "
            "`history`."
        )
    return {name: options[name] for name in ("seed", "first_epoch") if name in options}


def _cut(length: NDArray[np.int64], batch_size: int) -> NDArray[np.int64]:
    """Where batches of about `batch_size` begin among parts of such lengths, none of them empty."""
    batch = (np.cumsum(length) - length) // batch_size
    return np.append(np.flatnonzero(np.diff(batch, prepend=-1)), len(length)).astype(np.int64)
