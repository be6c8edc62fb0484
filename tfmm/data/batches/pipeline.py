"""tf.data pipelines: training pairs with their histories, and item batches for encoding.

Everything is addressed by row number; strings never enter a training step. A batch names each
distinct item once (`items`), and the pairs point into that list, so that a tower computes each item
once a batch and not once an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.data.events.pairs import Pairs
from tfmm.data.rows import MappedRows


@dataclass(frozen=True)
class FeatureColumns:
    """The prepared inputs of the encoders of one table, a row an item (or user).

    Attributes:
        columns: encoder inputs by feature name, each `[n, ...]`; memory-mapped arrays stay on disk.
        present: bool `[n, M]`, False where the feature (in the order of `columns`) is missing.
        budgets: how many rows a training step may encode, for the features whose encoder is heavy;
            the features not named are encoded for every row of a batch.
    """

    columns: Mapping[str, np.ndarray | MappedRows]
    present: np.ndarray
    budgets: Mapping[str, int] = field(default_factory=dict)

    @property
    def light(self) -> list[str]:
        """Names of the features that are encoded for every row of a batch."""
        return [name for name in self.columns if name not in self.budgets]


def sampling_probability(
    pairs: Pairs, balance: float = 0.0, groups: np.ndarray | None = None
) -> tuple[np.ndarray | None, np.ndarray]:
    """How often a pair, and with it an item, is drawn as a training example.

    Args:
        pairs: the training pairs.
        balance: 0 draws every pair equally often; 1 draws every group equally often. Between them a
            pair's chance is its group's count to the power of `-balance`.
        groups: int `[n_items]`, the class of each item (its category, say); by default its own row,
            so that `balance` evens out popularity.

    Returns:
        The probability of each pair, float64 `[p]`, or None where all are equal; and of each item
        to be the target of a drawn pair, float32 `[n_items]`: the Q of the logQ correction
        (Yi et al., "Sampling-bias-corrected neural modeling", RecSys 2019).
    """
    if not 0.0 <= balance <= 1.0:
        raise ValueError(f"balance must lie in [0, 1], got {balance}.")
    if balance == 0.0:
        counts = np.bincount(pairs.item, minlength=pairs.n_items)
        return None, (counts / max(1, len(pairs.item))).astype(np.float32)
    group = np.arange(pairs.n_items) if groups is None else np.asarray(groups)
    sizes = np.bincount(group[pairs.item], minlength=int(group.max()) + 1)
    chance = sizes[group[pairs.item]].astype(np.float64) ** -balance
    chance /= chance.sum()
    item = np.bincount(pairs.item, weights=chance, minlength=pairs.n_items)
    return chance, item.astype(np.float32)


def candidate_probability(item: np.ndarray, batch_size: int, negatives: int) -> np.ndarray:
    """How often each item is a candidate of a batch, float32 `[n_items]`, up to a factor.

    In-batch targets and uniform negatives share one candidate list, hence one mixed Q.

    Args:
        item: how often it is the target, see `sampling_probability`.
        batch_size: targets of a batch.
        negatives: uniform negatives of a batch.
    """
    mixed = batch_size * item.astype(np.float64) + negatives / max(1, len(item))
    return (mixed / mixed.max()).astype(np.float32)


class Gather:
    """Gathers rows of a column inside a tf.data graph, without copying a memory-mapped file in."""

    def __init__(self, column: np.ndarray | MappedRows) -> None:
        self.mapped = column if isinstance(column, (np.memmap, MappedRows)) else None
        self.tensor = tf.constant(column) if self.mapped is None else None
        self.shape, self.dtype = column.shape, tf.as_dtype(column.dtype)

    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        if self.mapped is None:
            return tf.gather(self.tensor, rows)
        values = tf.numpy_function(lambda r: np.asarray(self.mapped[r]), [rows], self.dtype)
        return tf.ensure_shape(values, (None, *self.shape[1:]))


class RowInputs:
    """What the towers read of the rows of a batch, inside a tf.data graph.

    Args:
        items: encoder inputs of the catalogue.
        users: encoder inputs of the users, where the user tower reads features.
    """

    def __init__(self, items: FeatureColumns, users: FeatureColumns | None = None) -> None:
        self.light, self.budgets = items.light, items.budgets
        self.gather = {name: Gather(column) for name, column in items.columns.items()}
        self.present = tf.constant(items.present)
        self.user_gather = (
            {name: Gather(column) for name, column in users.columns.items()} if users else {}
        )
        self.user_present = tf.constant(users.present) if users else None

    def of_items(self, rows: tf.Tensor, key: tf.Tensor | None = None) -> dict[str, Any]:
        """`items`, `present`, `features` and `encode` of distinct rows int32 `[U]`; the choice of
        those that heavy encoders see is drawn by `key` int64 `[2]` and the numbers after it.
        Without a key they see all."""
        found: dict[str, Any] = {
            "items": rows,
            "present": tf.gather(self.present, rows),
            "features": {name: self.gather[name](rows) for name in self.light},
            "encode": {},
        }
        everything = tf.range(tf.shape(rows)[0])
        for number, (name, budget) in enumerate(self.budgets.items()):
            at, chosen = everything, rows
            if key is not None:
                at = tf.random.experimental.stateless_shuffle(everything, key + number)[:budget]
                chosen = tf.gather(rows, at)
            found["encode"][name] = {"at": at, "inputs": self.gather[name](chosen)}
        return found

    def of_users(self, rows: tf.Tensor) -> dict[str, Any]:
        """`user_features` and `user_present` of rows int32 `[B]`, where the users have any."""
        if self.user_present is None:
            return {}
        return {
            "user_features": {name: get(rows) for name, get in self.user_gather.items()},
            "user_present": tf.gather(self.user_present, rows),
        }


class _Histories:
    """Looks up the history of each pair: its user's items among `known`, the target never one."""

    def __init__(self, pairs: Pairs, known: Pairs, size: int, ordered: bool, seed: int) -> None:
        # Without any pairs there would be nothing to gather from, not even for padding.
        self.size, self.ordered = size if len(known) else 0, ordered
        self.user = tf.constant(pairs.user, tf.int32)
        own = _places(pairs, known)
        #: The place among `known` of each pair, int64 `[p]`; -1 for one that is not there.
        self.own = tf.constant(own, tf.int64)
        self.item = tf.constant(known.item, tf.int32)
        self.start = tf.constant(known.offsets[:-1], tf.int64)
        self.count = tf.constant(np.diff(known.offsets), tf.int64)
        if ordered:
            self.end = tf.constant(_strictly_earlier(pairs, known), tf.int64)
        else:
            # A fixed random order of each user's block. The items that follow the target in it, the
            # block taken as a circle, are its user's others; a window on them, a circle too, is the
            # history. A target that is not in the block stands at its end.
            noise = np.random.default_rng(seed).random(len(known.item))
            order = np.lexsort((noise, known.user))
            place = np.empty_like(order)
            place[order] = np.arange(len(order))
            place = np.append(place - known.offsets[known.user], -1)
            self.order = tf.constant(order, tf.int64)
            self.place = tf.constant(place[own], tf.int64)

    def __call__(self, at: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Item rows int32 `[B, T]`, oldest first, padded with -1 at the end; 1 <= T."""
        if self.size == 0:
            return tf.fill([tf.shape(at)[0], 1], -1)
        user = tf.gather(self.user, at)
        start, count = tf.gather(self.start, user), tf.gather(self.count, user)
        if self.ordered:
            end = tf.gather(self.end, at)
            length = tf.minimum(end - start, self.size)
            step = tf.range(tf.maximum(tf.reduce_max(length), 1))
            where = (end - length)[:, None] + step[None, :]
        else:
            count = tf.maximum(count, 1)
            others = tf.gather(self.count, user) - tf.cast(tf.gather(self.own, at) >= 0, tf.int64)
            length = tf.minimum(others, self.size)
            others = tf.maximum(others, 1)
            draw = tf.random.stateless_uniform(tf.shape(at), seed) * tf.cast(others, tf.float32)
            step = tf.range(tf.maximum(tf.reduce_max(length), 1))
            after = tf.math.floormod(tf.cast(draw, tf.int64)[:, None] + step, others[:, None])
            places = tf.math.floormod(
                tf.gather(self.place, at)[:, None] + 1 + after, count[:, None]
            )
            # Of users without items, the last of whom have no place to begin at, none is kept.
            last = tf.size(self.order, tf.int64) - 1
            where = tf.gather(self.order, tf.minimum(start[:, None] + places, last))
        inside = step[None, :] < length[:, None]
        if not self.ordered:
            end = tf.constant(np.iinfo(np.int64).max, tf.int64)
            where = tf.sort(tf.where(inside, where, end), axis=1)
        rows = tf.gather(self.item, tf.where(inside, where, 0))
        return tf.where(inside, rows, -1)


def _places(pairs: Pairs, known: Pairs) -> np.ndarray:
    """The place among `known` of each of `pairs`, int64 `[p]`; -1 for a pair that is not there."""
    if pairs is known:
        return np.arange(len(pairs))
    numbers, asked = known.numbers(), pairs.numbers()
    order = np.argsort(numbers, kind="stable")
    place = np.minimum(np.searchsorted(numbers, asked, sorter=order), len(numbers) - 1)
    if not len(numbers):
        return np.full(len(asked), -1)
    return np.where(numbers[order[place]] == asked, order[place], -1)


def _strictly_earlier(pairs: Pairs, known: Pairs) -> np.ndarray:
    """For each pair, the end of the run of its user's `known` ones with a strictly earlier time."""
    if pairs.time is None or known.time is None:
        raise ValueError(
            "Histories in time order need event times: name the `time` column under `events` in "
            "the shop file, or use a split without order ({by: user})."
        )
    times = np.unique(known.time)
    # One number for user and time, ascending as the pairs stand.
    numbers, asked = (
        user.astype(np.int64) * (len(times) + 1) + np.searchsorted(times, time)
        for user, time in ((known.user, known.time), (pairs.user, pairs.time))
    )
    return np.searchsorted(numbers, asked).astype(np.int64)


def training_batches(
    pairs: Pairs,
    items: FeatureColumns,
    users: FeatureColumns | None = None,
    *,
    known: Pairs | None = None,
    batch_size: int = 2048,
    history_size: int = 50,
    ordered: bool = False,
    negatives: int = 0,
    balance: float = 0.0,
    groups: np.ndarray | None = None,
    seed: int = 1,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Training pairs in shuffled batches; one pass over the dataset is one epoch.

    Every pass draws a new order, a function of `seed` and the number of the epoch alone, so that a
    resumed training (`first_epoch`) sees what an unbroken one would have seen.

    Args:
        pairs: distinct user-item pairs to learn from; their weights, scaled to mean 1, weigh the
            loss.
        items: encoder inputs of the catalogue.
        users: encoder inputs of the users, where the user tower reads features.
        known: the pairs that histories are made of, where these are not `pairs` themselves.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        history_size: most items in a history; 0 for a user tower that reads none.
        ordered: histories hold strictly earlier events only (splits by time); otherwise a sample of
            the user's other items.
        negatives: uniformly drawn extra candidates a batch.
        balance, groups: see `sampling_probability`.
        seed: of order, histories, negatives and of the choice of items to encode.
        first_epoch: the number of the first pass.

    Returns:
        A finite dataset of dictionaries:
            `pair` int64 `[B]` (places in `known`, -1 for a pair that is not there), `user` int32
            `[B]`, `target` int32 `[B]` (a position in `items`), `history` int32 `[B, T]` (positions
            in `items`, -1 where padded), `negatives` int32 `[M]` (positions), `weight` float32
            `[B]`, `probability` float32 `[B + M]` (chance of each candidate to be drawn, up to a
            factor), `items` int32 `[U]` (distinct item rows), `present` bool `[U, F]`, `features`
            {name: `[U, ...]`}, `encode` {name: {`at` int32 `[K]`, `inputs` `[K, ...]`}} for heavy
            encoders, `user_features` {name: `[B, ...]`} and `user_present` bool `[B, G]`.

    Raises:
        ValueError: without pairs, for sizes below one, or `ordered` without event times.
    """
    if len(pairs.item) == 0:
        raise ValueError("There are no training pairs: the split left no events to train on.")
    for name, value, least in (("batch_size", batch_size, 1), ("history_size", history_size, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
    count = len(pairs.item)
    steps = -(-count // batch_size)
    chance, q_item = sampling_probability(pairs, balance, groups)
    cumulative = None if chance is None else tf.constant(np.cumsum(chance), tf.float64)
    probability = tf.constant(candidate_probability(q_item, batch_size, negatives))
    histories = _Histories(pairs, pairs if known is None else known, history_size, ordered, seed)
    targets = tf.constant(pairs.item, tf.int32)
    weight = tf.constant(pairs.weight / max(float(pairs.weight.mean()), 1e-12), tf.float32)
    inputs = RowInputs(items, users)

    def batch(epoch: tf.Tensor, step: tf.Tensor) -> dict:
        key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, step])
        if cumulative is None:
            place = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))
            order = tf.stack([tf.constant(seed, tf.int64), epoch])
            last = tf.constant(count - 1, tf.int64)
            at = tf.random.experimental.index_shuffle(place, order, last)
        else:
            draw = tf.random.stateless_uniform([batch_size], key, dtype=tf.float64)
            at = tf.minimum(tf.searchsorted(cumulative, draw, out_type=tf.int64), count - 1)
        target = tf.gather(targets, at)
        user = tf.gather(histories.user, at)
        history = histories(at, key + 1)
        extra = tf.random.stateless_uniform(
            [negatives], key + 2, maxval=pairs.n_items, dtype=tf.int32
        )
        inside = tf.where(history >= 0)
        past = tf.gather_nd(history, inside)
        rows, position = tf.unique(tf.concat([target, extra, past], 0))
        split = tf.shape(target)[0]
        past_at = position[split + negatives :]
        return {
            "pair": tf.gather(histories.own, at),
            "user": user,
            "target": position[:split],
            "negatives": position[split : split + negatives],
            "history": tf.tensor_scatter_nd_update(tf.fill(tf.shape(history), -1), inside, past_at),
            "weight": tf.gather(weight, at),
            "probability": tf.gather(probability, tf.concat([target, extra], 0)),
            **inputs.of_items(rows, key + 3),
            **inputs.of_users(user),
        }

    return passes(batch, steps, first_epoch)


def passes(
    batch: Callable[[tf.Tensor, tf.Tensor], Any], steps: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """A dataset of which one pass is an epoch, each with its own number.

    Args:
        batch: the batch of an epoch and a step, int64 scalars.
        steps: batches of an epoch.
        first_epoch: the number of the first pass.
    """
    counter = tf.Variable(first_epoch - 1, dtype=tf.int64, trainable=False)

    def steps_of(epoch: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(steps).map(lambda step: (epoch, step))

    epochs = tf.data.Dataset.range(1).map(lambda _: counter.assign_add(1))
    batches = epochs.flat_map(steps_of).map(batch, num_parallel_calls=2, deterministic=True)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def row_batches(
    rows: np.ndarray, columns: FeatureColumns, names: Sequence[str], batch_size: int
) -> Iterator[dict[str, tf.Tensor | dict[str, tf.Tensor]]]:
    """Item (or user) batches for encoding, in order.

    Args:
        rows: int `[n]`, which rows.
        columns: the prepared inputs.
        names: the features to read.
        batch_size: rows a batch; the last may be smaller.

    Yields:
        `items` int32 `[b]`, `present` bool `[b, M]` and `features` {name: `[b, ...]`}.
    """
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        yield {
            "items": tf.constant(part, tf.int32),
            "present": tf.constant(columns.present[part]),
            "features": {name: tf.constant(columns.columns[name][part]) for name in names},
        }
