"""What a ranker reads of examples, as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, RowInputs, passes
from tfmm.data.columns import CategoryColumn
from tfmm.tasks.ranking.reading.examples import Shown
from tfmm.tasks.ranking.reading.histories import Histories
from tfmm.tasks.ranking.reading.rates import Rates
from tfmm.tasks.ranking.retrieved.vectors import Retrieved

#: Examples whose scores are computed at a time.
_AT_ONCE = 65_536
HOUR, WEEKDAY = "(hour)", "(weekday)"
_HOURS = np.array([f"{hour:02d}" for hour in range(24)], object)
_DAYS = np.array([str(day) for day in range(7)], object)


def clock_columns(time: NDArray[np.int64]) -> dict[str, CategoryColumn]:
    """The hour of the day, UTC, and the day of the week, 0 for Monday, of microseconds."""
    hours = time // 3_600_000_000
    return {
        HOUR: CategoryColumn((hours % 24).astype(np.int32), _HOURS),
        # The first of January 1970 was a Thursday.
        WEEKDAY: CategoryColumn(((hours // 24 + 3) % 7).astype(np.int32), _DAYS),
    }


class Reader:
    """Makes batches of examples: what encoders read of their users, items and events, histories and
    rates, each distinct user and item once.

    Args:
        shown: the examples.
        items, users, context: encoder inputs, a row for each item, user and event.
        sources: the examples that the model is made for, int64, ascending: what histories and
            rates know.
        histories: made of `sources`, or None where no block reads any.
        rates: made of `sources`.
        rows: the examples that are learned from, where these are not `sources`.
        retrieved: of a retrieval run, or None.
        attended: whether a block reads histories.
    """

    def __init__(
        self,
        shown: Shown,
        items: FeatureColumns,
        users: FeatureColumns,
        context: FeatureColumns,
        sources: NDArray[np.int64],
        histories: Histories | None,
        rates: Rates,
        rows: NDArray[np.int64] | None = None,
        retrieved: Retrieved | None = None,
        attended: bool = True,
    ) -> None:
        self.shown, self.sources, self.histories, self.rates = shown, sources, histories, rates
        self.rows = sources if rows is None else rows
        self.retrieved, self.attended = retrieved, attended
        self.columns = {"items": items, "users": users, "context": context}
        self._inputs: dict[str, RowInputs] = {}
        self.learned = np.zeros(shown.events, bool)
        self.learned[sources[sources < shown.events]] = True
        if retrieved is not None and shown.time is not None:
            # What validation judges is of the same shoppers' instant, and no source either.
            self.learned = shown.time[: shown.events] < retrieved.window.test

    def inputs(self) -> dict[str, RowInputs]:
        """What gathers encoder inputs, made once: constants of a graph are kept with it."""
        if not self._inputs:
            self._inputs = {name: RowInputs(columns) for name, columns in self.columns.items()}
        return self._inputs

    def numbers(
        self,
        rows: NDArray[np.int64],
        shoppers: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None,
    ) -> NDArray[np.float32]:
        """The rates of examples, float32 `[m, R]`: those of what is learned from as of before; then
        the scores of retrieval, of `shoppers` where they are at hand."""
        learned = self.learned[self.shown.event[rows]]
        found = np.empty((len(rows), self.rates.width), np.float32)
        found[learned] = self.rates.of(rows[learned], before=True)
        found[~learned] = self.rates.of(rows[~learned], before=False)
        if self.retrieved is not None:
            shoppers = self.shoppers(rows) if shoppers is None else shoppers
            found = np.hstack([found, self._scores(rows, *shoppers)])
        return found

    def shoppers(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The retrieval's vectors float32 `[S, W]` of the shoppers of examples as of each, and
        which is whose, int64 `[m]`."""
        past, shown = self.histories, self.shown
        assert past is not None
        assert self.retrieved is not None
        assert shown.judged is not None
        ends = past.ends(shown.user[rows], shown.judged[rows])
        both, at = np.unique(np.stack([shown.user[rows], ends]), axis=1, return_inverse=True)
        users, ends = tf.constant(both[0], tf.int32), tf.constant(both[1], tf.int64)
        met = past.latest(users, ends)["history"].numpy()
        return self.retrieved.of_histories(met), at.ravel()

    def _scores(
        self, rows: NDArray[np.int64], vectors: NDArray[np.float32], at: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        assert self.retrieved is not None
        found = [np.empty((0, self.retrieved.numbers), np.float32)]
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            items = self.retrieved.of_items(tf.constant(self.shown.item[rows[part]]))
            found.append(self.retrieved.scores(tf.constant(vectors[at[part]]), items).numpy())
        return np.concatenate(found)

    def maker(self, rows: NDArray[np.int64]) -> Any:
        """A function that makes the batch of places int64 `[B]` among some examples, by a key."""
        shown, histories = self.shown, self.histories
        inputs = self.inputs()
        towers = self.retrieved
        seen_as = None if towers is None else self.shoppers(rows)
        numbers = tf.constant(self.numbers(rows, seen_as))
        labels = tf.constant(shown.labels[rows])
        user, item = tf.constant(shown.user[rows]), tf.constant(shown.item[rows])
        event = tf.constant(shown.event[rows], tf.int64)
        time = None if shown.judged is None else tf.constant(shown.judged[rows], tf.int64)
        group = event if shown.each else tf.cast(user, tf.int64)
        learned = tf.constant(self.learned[shown.event[rows]])
        ends = None
        if histories is not None and histories.ordered:
            assert shown.judged is not None
            ends = tf.constant(histories.ends(shown.user[rows], shown.judged[rows]))
        if seen_as is not None:
            shoppers, shopper_at = map(tf.constant, seen_as)

        def make(at: tf.Tensor, key: tf.Tensor) -> dict[str, Any]:
            who, what = tf.gather(user, at), tf.gather(item, at)
            past: dict[str, tf.Tensor] = {}
            if histories is not None and ends is not None and self.attended:
                past = histories.latest(who, tf.gather(ends, at))
            elif histories is not None and self.attended:
                own = tf.where(tf.gather(learned, at), tf.gather(event, at), -2)
                past = histories.others(who, own, key)
            asked = None if time is None else tf.gather(time, at)
            found: dict[str, tf.Tensor] = {}
            if towers is not None:
                vector = tf.gather(shoppers, tf.gather(shopper_at, at))
                found = {
                    "shopper": towers.read(vector),
                    "retrieved": towers.read(towers.of_items(what)),
                }
            return {
                **found,
                "labels": tf.gather(labels, at),
                "list": tf.gather(group, at),
                **assemble(inputs, who, what, tf.gather(event, at), asked, past, key),
                "numbers": tf.gather(numbers, at),
            }

        return make

    def batches(
        self,
        events: NDArray[np.int64],
        batch_size: int,
        *,
        lists: bool = False,
        seed: int = 1,
        first_epoch: int = 0,
    ) -> tf.data.Dataset:
        """Examples of events in shuffled batches, an epoch a pass; epochs take turns with the sets
        of drawn items.

        Args:
            events: what is learned from.
            batch_size: examples a batch.
            lists: whether a shopper's examples stay together, for losses within lists.
            seed: of the order and of histories without times.
            first_epoch: the number of the first pass.

        Raises:
            ValueError: without events or for a batch size below 1.
        """
        if not len(events):
            raise ValueError("There are no examples to learn from.")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
        shown = self.shown
        sets = [shown.drawn(events, draw) for draw in range(shown.draws)]
        make = self.maker(np.concatenate([events, *sets]))
        count, each = len(events), shown.each
        # An event and what is drawn for it make a list; without drawn items, a shopper does.
        group = np.arange(count) if each or not lists else shown.user[events]
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        limits = np.append(starts[1:], count)
        order_, starts_, limits_ = map(tf.constant, (order, starts, limits))
        per, steps = lists_and_steps(shown, events, batch_size, lists=lists)

        def batch(epoch: tf.Tensor, step: tf.Tensor) -> dict[str, Any]:
            place = tf.range(step * per, tf.minimum((step + 1) * per, len(starts)))
            drawn = tf.stack([tf.constant(seed, tf.int64), epoch])
            last = tf.constant(len(starts) - 1, tf.int64)
            chosen = tf.random.experimental.index_shuffle(place, drawn, last)
            at = tf.ragged.range(tf.gather(starts_, chosen), tf.gather(limits_, chosen)).values
            at = tf.gather(order_, at)
            if each:
                first = count + tf.math.floormod(epoch, shown.draws) * (count * each)
                beside = first + at[:, None] * each + tf.range(each, dtype=tf.int64)
                at = tf.concat([at, tf.reshape(beside, [-1])], 0)
            key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, step])
            return make(at, key)

        return passes(batch, steps, first_epoch)


def lists_and_steps(
    shown: Shown, events: NDArray[np.integer], batch_size: int, *, lists: bool
) -> tuple[int, int]:
    """Lists of a batch and batches of an epoch, see `Reader.batches`.

    An event and what is drawn for it make a list; without drawn items, a shopper's events where
    `lists` is so, and else each event by itself.
    """
    whole = lists and not shown.each
    count = len(np.unique(shown.user[events])) if whole else len(events)
    per = max(1, round(batch_size * count / (len(events) * (1 + shown.each))))
    return per, -(-count // per)


def assemble(
    inputs: Mapping[str, RowInputs],
    user: tf.Tensor,
    item: tf.Tensor,
    event: tf.Tensor,
    time: tf.Tensor | None,
    past: Mapping[str, tf.Tensor],
    key: tf.Tensor,
) -> dict[str, Any]:
    """What the model reads of examples, each distinct user and item once.

    Args:
        inputs: of `items`, `users` and `context`.
        user, item, event: rows int `[B]`.
        time: int64 `[B]`, or None.
        past: what `Histories` gave.
        key: int64 `[2]`, of the choice of rows that heavy encoders see.
    """
    users, user_at = tf.unique(user)
    rows = [item]
    if past:
        inside = tf.where(past["history"] >= 0)
        rows.append(tf.gather_nd(past["history"], inside))
    items, at = tf.unique(tf.concat(rows, 0))
    made: dict[str, Any] = {
        "users": inputs["users"].of_items(users, key + 11),
        "user_at": user_at,
        "items": inputs["items"].of_items(items, key + 3),
        "item_at": at[: tf.shape(item)[0]],
        "context": inputs["context"].of_items(tf.cast(event, tf.int32)),
    }
    if past:
        blank = tf.fill(tf.shape(past["history"]), -1)
        place = tf.tensor_scatter_nd_update(blank, inside, at[tf.shape(item)[0] :])
        made["history"] = tf.ensure_shape(place, past["history"].shape)
        if "history_time" in past and time is not None:
            made["gap"] = tf.cast(time[:, None] - past["history_time"], tf.float32) / 1e6
        if "history_value" in past:
            made["history_value"] = past["history_value"]
    return made
