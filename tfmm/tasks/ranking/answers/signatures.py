"""What a ranker answers: items in order, each label's probability, what somebody would rate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.names import input_name
from tfmm.encoders.raw import raw_samples
from tfmm.tasks.base import Export, Signature
from tfmm.tasks.items.tf_example import parse_tf_examples, tf_example
from tfmm.tasks.ranking.answers.raw import RawSide
from tfmm.tasks.ranking.answers.served import ContextReader, Counted, Side, now_for, scored
from tfmm.tasks.ranking.model import Ranker
from tfmm.tasks.ranking.reading.rates import CONTEXT, ITEM, USER, Codes
from tfmm.tasks.ranking.reading.reader import Reader

#: Items of a sample of `rank`.
_SHOWN = 4


class Served(tf.Module):
    """A ranker over ids, from tables inside it.

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `serving_default`, `rank` | `user_id` [B], `item_id` [B, N], context [B] | `item_id` [B, N] in
    order, and each label [B, N] |
    | `rate` | `user_id` [B], `item_id` [B], context [B] | each label [B] |
    | `rate_raw` | the same, and raw values [B] of features of both | each label [B] |
    | `rank_session` | `history` [B, T] in place of `user_id` | as `rank` |
    | `regress` (Regress) | tf.Example of `rate_raw`'s inputs | `outputs` [B], the first label |
    | `classify` (Classify) | the same | `classes` [B, L], `scores` [B, L] |

    A label is a probability, or the number that it may be. Order goes by the label `by`. Lists are
    padded with "", which come last with the lowest finite float32. Unknown users and items get what
    is told of such by what is known of the other. Inputs of features, `item_title` or `user_city`,
    take raw values (see `RawReader`) of whom the tables may not have: what they say counts in place
    of the tables, what they leave out is as these have it, or missing. Unknown words of the context
    count as missing. `time` is in seconds since 1970 UTC, 0 for now. A history is of item ids,
    oldest first, padded with "". Inputs are named in ASCII, see `tfmm.data.names.input_name`.

    Args:
        model: the ranker.
        reader: what it reads, made of all that is known.
        data: the shop's tables.
        context: the features of events.
        by: the label that lists are ordered by.
    """

    def __init__(self, model: Ranker, reader: Reader, data: Any, context: Any, by: int) -> None:
        super().__init__(name="ranker")
        # Lives as long as the tables that are read from it when they are saved.
        self._folder = tempfile.TemporaryDirectory(prefix="tfmm-ids-")
        folder, columns = Path(self._folder.name), reader.columns
        self.items = Side(data.items, model.items, columns["items"], folder)
        self.users = Side(data.users, model.users, columns["users"], folder)
        self.counted = Counted(reader.rates)
        counted: dict[str, dict[str, Codes]] = {USER: {}, ITEM: {}, CONTEXT: {}}
        for one in (one for key in reader.rates.keys.values() for one in key):
            if one.table is not None:
                counted[one.source][one.name] = one
        listed = {source: [*one.values()] for source, one in counted.items()}
        self.context = ContextReader(model.context, context, listed[CONTEXT])
        self.raw_users = RawSide(USER, model.users, data.users, listed[USER])
        self.raw_items = RawSide(ITEM, model.items, data.items, listed[ITEM])
        self.item_names = tf.Variable([*data.items.ids, ""], trainable=False, name="item_names")
        self.by = by
        self.labels = [input_name(label.name) for label in model.labels]
        # Hidden behind functions, and their variables listed: a Keras layer that is tracked brings
        # its own functions into the SavedModel.
        self._network, self._numbers = lambda: model.network, lambda: model.numbers
        self._answered, self._together = model.answered, model.together
        self._variables = [
            *model.network.weights,
            *model.numbers.weights,
            *(w for h in model.heads for w in h.weights),
            *(() if model.towers is None else model.towers.weights),
        ]
        self.retrieved, self._towers = reader.retrieved, lambda: model.towers
        self._past = lambda: reader.histories
        self._attended = reader.attended
        self.history_size = 0
        if reader.histories is not None:
            past = reader.histories
            self.history_size = past.size
            self._spread = past.value is not None
            last = past.latest(tf.range(len(data.users)))
            none = {name: tf.cast(tf.fill([1, past.size], 0), v.dtype) for name, v in last.items()}
            none["history"] -= 1
            self.histories = {
                name: tf.Variable(tf.concat([value, none[name]], 0), trainable=False, name=name)
                for name, value in last.items()
            }

    @property
    def given(self) -> dict[str, tf.TensorSpec]:
        """The context of a request, by input."""
        found = self.context.inputs
        if self.history_size and self._attended and "history_time" in self.histories:
            found["time"] = tf.TensorSpec([None], tf.int64)
        return {input_name(name): spec for name, spec in found.items()}

    @property
    def raw(self) -> dict[str, tf.TensorSpec]:
        """The features of a shopper and an item, by input."""
        return self.raw_users.inputs | self.raw_items.inputs

    def rank(self, user_id: tf.Tensor, item_id: tf.Tensor, **given: tf.Tensor) -> dict[str, Any]:
        """Items in order of what a shopper does with them."""
        users = self.users.rows(user_id)
        return self._ranked(users, item_id, given, self._of_users(users))

    def rank_session(
        self, history: tf.Tensor, item_id: tf.Tensor, **given: tf.Tensor
    ) -> dict[str, Any]:
        """The same for somebody of whom a history is known alone."""
        rows = self.items.rows(history)
        past: dict[str, tf.Tensor] = {"history": tf.cast(rows, tf.int32)}
        if "history_time" in self.histories:
            # As if each item had been met just now.
            past["history_time"] = tf.fill(tf.shape(rows), tf.constant(-1, tf.int64))
        if self._spread:
            past["history_value"] = tf.zeros(tf.shape(rows))
        users = tf.fill([tf.shape(history)[0]], tf.constant(-1, tf.int64))
        return self._ranked(users, item_id, given, past)

    def rate(self, user_id: tf.Tensor, item_id: tf.Tensor, **given: tf.Tensor) -> dict[str, Any]:
        """What a shopper does with an item."""
        answers = self._answers(user_id, item_id, given)
        return dict(zip(self.labels, tf.unstack(answers, axis=1), strict=True))

    def rate_raw(
        self, user_id: tf.Tensor, item_id: tf.Tensor, **given: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The same for shoppers and items of whom features are told."""
        answers = self._answers(user_id, item_id, given, raw=True)
        return dict(zip(self.labels, tf.unstack(answers, axis=1), strict=True))

    def judged(
        self, users: tf.Tensor, items: tf.Tensor, given: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores float32 `[B, N, L]` of users int64 `[B]` and items int64 `[B, N]`, rows, -1 for
        unknown ones: what answers are made of, and what lists are ordered by."""
        return self._scores(users, items, given, self._of_users(users))

    def blank(self, count: int, seconds: int) -> dict[str, tf.Tensor]:
        """A context for `count` requests that tells the time alone."""
        found = {}
        for name, spec in self.given.items():
            if name == "time":
                found[name] = tf.fill([count], tf.constant(seconds, tf.int64))
            else:
                shape = [count, *(size or 1 for size in spec.shape[1:].as_list())]
                found[name] = tf.zeros(shape, spec.dtype)
        return found

    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The first label of serialised tf.Examples."""
        return {"outputs": self._of_examples(inputs)[:, 0]}

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """All labels of serialised tf.Examples."""
        answers = self._of_examples(inputs)
        classes = tf.broadcast_to(tf.constant(self.labels)[None], tf.shape(answers))
        return {"classes": classes, "scores": answers}

    def _of_users(self, users: tf.Tensor) -> dict[str, tf.Tensor]:
        if not self.history_size:
            return {}
        none = tf.constant(self.users.unknown, users.dtype)
        at = tf.where(users < 0, none, users)
        return {name: tf.gather(table, at) for name, table in self.histories.items()}

    def _answers(
        self,
        user_id: tf.Tensor,
        item_id: tf.Tensor,
        given: Mapping[str, tf.Tensor],
        raw: bool = False,
    ) -> tf.Tensor:
        users, items = self.users.rows(user_id), self.items.rows(item_id)[:, None]
        past = self._of_users(users)
        return self._answered(self._scores(users, items, given, past, raw))[:, 0]

    def _ranked(
        self,
        users: tf.Tensor,
        item_id: tf.Tensor,
        given: Mapping[str, tf.Tensor],
        past: Mapping[str, tf.Tensor],
    ) -> dict[str, tf.Tensor]:
        scores = self._scores(users, self.items.rows(item_id), given, past)
        answers = self._answered(scores)
        asked = tf.strings.length(item_id) > 0
        columns = [tf.where(asked, one, one.dtype.min) for one in tf.unstack(answers, axis=2)]
        # By the scores, since probabilities next to 0 and 1 are equal in float32.
        worth = tf.where(asked, scores[:, :, self.by], scores.dtype.min)
        order = tf.argsort(worth, axis=1, direction="DESCENDING", stable=True)
        found = {"item_id": tf.gather(item_id, order, batch_dims=1)}
        for name, column in zip(self.labels, columns, strict=True):
            found[name] = tf.gather(column, order, batch_dims=1)
        return found

    def _scores(
        self,
        users: tf.Tensor,
        items: tf.Tensor,
        given: Mapping[str, tf.Tensor],
        past: Mapping[str, tf.Tensor],
        raw: bool = False,
    ) -> tf.Tensor:
        """Scores float32 `[B, N, L]` of users int64 `[B]` and items int64 `[B, N]`; `raw` where N
        is 1 and features are given."""
        told = {name: given[input_name(name)] for name in self.context.inputs}
        batch, shown = tf.shape(items)[0], tf.shape(items)[1]

        def spread(values: tf.Tensor) -> tf.Tensor:
            return tf.repeat(values, shown, axis=0)

        flat = tf.reshape(items, [-1])
        asked: dict[str, Any] = {USER: spread(users), ITEM: flat}
        asked |= {name: spread(codes) for name, codes in self.context.codes(told).items()}
        user, item = self.users.of(users), self.items.of(flat)
        if raw:
            asked |= self.raw_users.codes(given) | self.raw_items.codes(given)
            user = self.raw_users.vectors(given, user)
            item = self.raw_items.vectors(given, item)
        counted = self.counted.numbers(asked)
        context = self.context.vectors(told)
        context = None if context is None else spread(context)
        if self.retrieved is not None:
            shoppers = spread(self.retrieved.shoppers(past["history"]))
            found = self.retrieved.of_items(flat)
            counted = tf.concat([counted, self.retrieved.scores(shoppers, found)], axis=1)
            towers: Any = self._towers()
            towers = towers(self.retrieved.read(shoppers), self.retrieved.read(found))
            context = towers if context is None else tf.concat([context, towers], axis=1)
        numbers = self._numbers()(counted)
        read: dict[str, tf.Tensor] = {}
        if past and self._attended:
            rows = past["history"]
            vectors = self.items.of(tf.maximum(rows, 0))
            read = {"history": spread(vectors), "there": spread(rows >= 0)}
            if "history_time" in past:
                now = now_for(given["time"])[:, None]
                times = past["history_time"]
                gap = tf.cast(now * 1_000_000 - times, tf.float32) / 1e6
                read["gap"] = spread(tf.where(times < 0, 0.0, gap))
            if "history_value" in past:
                read["value"] = spread(past["history_value"])
        scores = scored(self._network(), spread(user), item, context, numbers, read)
        if self.retrieved is not None:
            base: Any = self._towers()
            scores += base.base(counted)
        scores = self._together(scores)
        return tf.reshape(scores, [batch, shown, len(self.labels)])

    def _of_examples(self, inputs: tf.Tensor) -> tf.Tensor:
        ids = {name: tf.TensorSpec([None], tf.string) for name in ("user_id", "item_id")}
        values = parse_tf_examples(inputs, {**ids, **self.given, **self.raw})
        return self._answers(values.pop("user_id"), values.pop("item_id"), values, raw=True)


def export_of(task: Any, model: Ranker, by: str | None) -> Export:
    """The export of a finished ranker."""
    builder, data = task.builder, task.data
    names = [label.name for label in model.labels]
    reader = builder.reader_now(model.reader)
    served = Served(model, reader, data, builder.context, 0 if by is None else names.index(by))
    given = served.given
    examples = data.examples
    latest = 0 if examples.time is None else int(examples.time.max()) // 1_000_000

    def context(count: int) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for name, spec in given.items():
            if name == "time":
                found[name] = np.full(count, latest, np.int64)
            elif spec.dtype == tf.string:
                blank = [count] if spec.shape.rank == 1 else [count, 1]
                found[name] = np.full(blank, "", object)
            else:
                shape = [count, *spec.shape[1:].as_list()]
                found[name] = np.zeros(shape, spec.dtype.as_numpy_dtype)
        for feature, column in builder.shown.context.items():
            name = input_name(feature)
            if name in found and column.kind == "category" and len(column.vocabulary):
                words = [*map(str, column.vocabulary[:3]), ""]
                found[name] = np.array([words[n % len(words)] for n in range(count)], object)
        return found

    def ids(values: NDArray[np.object_], count: int, first: int = 0) -> NDArray[np.object_]:
        known = [*map(str, values[:50]), "?"]
        return np.array([known[(first + n) % len(known)] for n in range(count)], object)

    def pairs(count: int) -> dict[str, NDArray[Any]]:
        users, items = ids(data.users.ids, count), ids(data.items.ids, count, 1)
        return {"user_id": users, "item_id": items, **context(count)}

    def described(count: int) -> dict[str, NDArray[Any]]:
        found = pairs(count)
        for side, catalog in ((served.raw_users, data.users), (served.raw_items, data.items)):
            for name, feature in side.features.items():
                column = catalog.features[feature]
                found[name] = raw_samples(column.kind, side.inputs[name], column, count)
        return found

    def lists(count: int) -> dict[str, NDArray[Any]]:
        rows = [ids(data.items.ids, _SHOWN, n) for n in range(count)]
        rows[-1][-1] = ""
        return {**pairs(count), "item_id": np.stack(rows)}

    def sessions(count: int) -> dict[str, NDArray[Any]]:
        found = lists(count)
        del found["user_id"]
        size = served.history_size
        rows = [ids(data.items.ids, size, 3 * n) for n in range(count)]
        rows[-1][:] = ""
        return {**found, "history": np.stack(rows)}

    def serialised(count: int) -> dict[str, NDArray[np.object_]]:
        columns = described(count)
        rows = [{name: values[row] for name, values in columns.items()} for row in range(count)]
        return {"inputs": np.array([tf_example(row) for row in rows], object)}

    one = tf.TensorSpec([None], tf.string)
    many = tf.TensorSpec([None, None], tf.string)
    each = {"user_id": one, "item_id": one, **given}
    listed = {**each, "item_id": many}
    said = "Items in the order in which a shopper would choose them, with each label's probability."
    signatures = [
        Signature(name, served.rank, listed, lists, said) for name in ("serving_default", "rank")
    ]
    if served.history_size:
        session = {"history": tf.TensorSpec([None, served.history_size], tf.string), **listed}
        del session["user_id"]
        told = "The same for a shopper of whom a history is known alone."
        signatures.append(Signature("rank_session", served.rank_session, session, sessions, told))
    single = {"inputs": one}
    signatures += [
        Signature("rate", served.rate, each, pairs, "What a shopper does with an item."),
        Signature(
            "rate_raw",
            served.rate_raw,
            {**each, **served.raw},
            described,
            "The same of shoppers and items by their features, whom the tables need not have.",
        ),
        Signature(
            "regress",
            served.regress,
            single,
            serialised,
            f"{names[0]} of tf.Examples, by TensorFlow Serving's Regress.",
            method="regress",
        ),
        Signature(
            "classify",
            served.classify,
            single,
            serialised,
            "Every label of tf.Examples, by TensorFlow Serving's Classify.",
            method="classify",
        ),
    ]
    card = {
        "intended_use": "Ordering what is about to be shown to a shopper, or telling how it would "
        "be rated.",
        "limits": [
            "It learned from what was shown; of what never is, it knows by likeness alone.",
            "The metrics were measured in training, on the split named in the configuration.",
        ],
        "labels": names,
    }
    return Export(
        signatures,
        holder=served,
        sizes={"items": len(data.items), "users": len(data.users), "labels": len(names)},
        card=card,
    )
