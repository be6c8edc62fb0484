"""Histories: what a shopper met before an example."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.tasks.ranking.reading.examples import Shown


class Histories:
    """The latest items that each shopper met, as of an example.

    An example that is learned from sees what came strictly before it; without times, the others of
    its shopper, as many as there is room for, drawn anew each time, and never its own event.

    Args:
        shown: the examples.
        sources: those that histories are made of, int64.
        values: what is told of each example beside its item, float32 `[m]`, or None.
        size: items of a history, T.
        n_users: shoppers.
        ordered: whether examples have an order in time.
    """

    def __init__(
        self,
        shown: Shown,
        sources: NDArray[np.int64],
        values: NDArray[np.float32] | None,
        size: int,
        n_users: int,
        ordered: bool,
    ) -> None:
        self.size, self.ordered = size, ordered
        user = shown.user[sources]
        time = None if shown.time is None else shown.time[sources]
        order = np.lexsort((sources, user) if time is None else (sources, time, user))
        if not ordered:
            noise = np.random.default_rng(1).random(len(order))
            order = order[np.lexsort((noise, user[order]))]
        rows = sources[order]
        first = np.searchsorted(user[order], np.arange(n_users + 1)).astype(np.int64)
        # One more, for those who have none to point at.
        self.item = tf.constant(np.append(shown.item[rows], 0), tf.int32)
        self.event = tf.constant(np.append(shown.event[rows], -1), tf.int64)
        self.start = tf.constant(first, tf.int64)
        self.time = None
        if time is not None:
            self.time = tf.constant(np.append(time[order], 0), tf.int64)
        self.value = None
        if values is not None:
            self.value = tf.constant(np.append(values[rows], 0.0), tf.float32)
        if time is not None:
            self.instants = np.unique(time)
            #: A number for user and time of each, ascending.
            self.numbers = self._numbers(user[order], time[order])

    def ends(self, user: NDArray[np.integer], time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the histories of users end who are asked of at a time, int64 `[m]`."""
        return np.searchsorted(self.numbers, self._numbers(user, time)).astype(np.int64)

    def _numbers(self, user: NDArray[np.integer], time: NDArray[np.int64]) -> NDArray[np.int64]:
        slots = len(self.instants) + 1
        return user.astype(np.int64) * slots + np.searchsorted(self.instants, time)

    def latest(self, user: tf.Tensor, end: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """The latest T that users int32 `[B]` met, before `end` int64 `[B]` or at all.

        Returns:
            `history` int32 `[B, T]` of item rows, oldest first, -1 where there is none; with times
            `history_time` int64, and with values `history_value` float32, of that shape.
        """
        start = tf.gather(self.start, user)
        end = tf.gather(self.start, user + 1) if end is None else end
        at = end[:, None] - self.size + tf.range(self.size, dtype=tf.int64)
        return self._read(at, at >= start[:, None])

    def others(self, user: tf.Tensor, event: tf.Tensor, key: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `latest`, drawn by a key int64 `[2]` from all but an event int64 `[B]`."""
        start = tf.gather(self.start, user)
        count = tf.gather(self.start, user + 1) - start
        draw = tf.random.stateless_uniform(tf.shape(user), key)
        skip = tf.cast(draw * tf.cast(count, tf.float32), tf.int64)
        step = tf.range(self.size, dtype=tf.int64)
        place = tf.math.floormod(skip[:, None] + step, tf.maximum(count, 1)[:, None])
        at = start[:, None] + place
        inside = step[None] < count[:, None]
        at = tf.where(inside, at, 0)
        return self._read(at, inside & (tf.gather(self.event, at) != event[:, None]))

    def _read(self, at: tf.Tensor, inside: tf.Tensor) -> dict[str, tf.Tensor]:
        at = tf.where(inside, at, 0)
        found = {"history": tf.where(inside, tf.gather(self.item, at), -1)}
        if self.time is not None:
            found["history_time"] = tf.where(inside, tf.gather(self.time, at), 0)
        if self.value is not None:
            found["history_value"] = tf.where(inside, tf.gather(self.value, at), 0.0)
        return found
