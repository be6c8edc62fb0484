"""A ranker in a SavedModel: users, items and events to scores, in stock ops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, RowInputs
from tfmm.data.catalog import Catalog
from tfmm.encoders.raw import RawReader
from tfmm.index.lookup import row_table
from tfmm.index.tables import gather
from tfmm.layers.fields import Fields
from tfmm.tasks.ranking.answers.raw import WordCodes
from tfmm.tasks.ranking.network.flow import Flow
from tfmm.tasks.ranking.reading.rates import CONTEXT, Codes, Rates, joined_tensors
from tfmm.tasks.ranking.reading.reader import HOUR, WEEKDAY

#: Rows whose vectors are computed at a time.
_ROWS = 1024
_DAY = 86_400


class Side(tf.Module):
    """The users or the items of a catalogue: their rows by id, and their vectors by row.

    Args:
        catalog: the table.
        fields: of the model.
        columns: what its encoders read.
        folder: lives until the table of ids is saved.
    """

    def __init__(self, catalog: Catalog, fields: Fields, columns: FeatureColumns, folder: Path):
        name = fields.name.removesuffix("_fields")
        super().__init__(name=name)
        self.ids = row_table(list(catalog.ids), folder / f"{name}.txt") if len(catalog) else None
        #: A row each, and one of somebody who is not in the catalogue at all.
        self.vectors = tf.Variable(vectors_of(fields, columns), trainable=False, name="vectors")
        self.unknown = len(catalog)

    def rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Rows int64 of ids string of any shape; -1 for unknown ones."""
        if self.ids is None:
            return tf.fill(tf.shape(ids), tf.constant(-1, tf.int64))
        return self.ids.lookup(ids)

    def of(self, rows: tf.Tensor) -> tf.Tensor:
        """Vectors float32 `[…, F, d]` of rows, -1 among them."""
        return gather(self.vectors, tf.where(rows < 0, tf.constant(self.unknown, rows.dtype), rows))


class Counted(tf.Module):
    """Rates in a SavedModel: sums and counts by code.

    Args:
        rates: as the model was made with them.
    """

    def __init__(self, rates: Rates) -> None:
        super().__init__(name="rates")
        self._keys = lambda: rates.keys
        self.known, self.sums, self.tables = [], [], {}
        for name, codes in rates.keys.items():
            known, sums = rates.totals(name)
            # Never empty, since nothing can be looked up in nothing.
            known = np.append(known, np.iinfo(np.int64).max)
            sums = np.vstack([sums, np.zeros((1, sums.shape[1]))]).astype(np.float32)
            self.known.append(tf.Variable(known, trainable=False, name="known"))
            self.sums.append(tf.Variable(sums, trainable=False, name="sums"))
            for one in codes:
                if one.table is not None and one.source != "context":
                    made = np.vstack([one.table, np.full((1, one.table.shape[1]), -1)])
                    self.tables[f"{one.source}/{one.name}"] = tf.Variable(
                        made, trainable=False, name="codes"
                    )
        self.mean = tf.constant(rates.mean, tf.float32)
        self.smoothing = rates.smoothing
        self.numeric = np.array([label.numeric for label in rates.labels])

    def numbers(self, given: Mapping[str, Any]) -> tf.Tensor:
        """The numbers float32 `[M, R]` of examples.

        Args:
            given: rows int64 `[M]` as `user` and `item`, -1 for unknown ones; codes int64 `[M, W]`
                of the context's features by `context/name`; and by `source/name`, with bool `[M]`
                whether they count, those in place of the rows' own.
        """
        found = []
        for place, codes in enumerate(self._keys().values()):
            code = self._codes(codes[0], given)
            for one in codes[1:]:
                code = joined_tensors(code, self._codes(one, given), one.size)
            found.append(self._told(place, code))
        if not found:
            return tf.zeros([tf.shape(given["user"])[0], 0])
        return tf.concat(found, axis=1)

    def _codes(self, codes: Codes, given: Mapping[str, Any]) -> tf.Tensor:
        key = f"{codes.source}/{codes.name}"
        if codes.table is None:
            return given[codes.source][:, None]
        if codes.source == CONTEXT:
            return given[key]
        rows = given[codes.source]
        table = self.tables[key]
        own = gather(table, tf.where(rows < 0, tf.constant(len(codes.table), tf.int64), rows))
        if key not in given:
            return own
        told, said = given[key]
        return tf.where(said[:, None], told, own)

    def _told(self, place: int, codes: tf.Tensor) -> tf.Tensor:
        known, sums = self.known[place].read_value(), self.sums[place].read_value()
        flat = tf.reshape(codes, [-1])
        at = tf.searchsorted(known, flat)
        met = tf.cast(tf.gather(known, at) == flat, tf.float32)
        total = tf.gather(sums, at) * met[:, None]
        total = tf.reshape(total, [-1, codes.shape[1], sums.shape[1]])
        total = tf.reduce_sum(total, axis=1)
        count = len(self.numeric)
        values, seen, all_ = tf.split(total, [count, count, sums.shape[1] - 2 * count], axis=1)
        rate = (values + self.smoothing * self.mean) / (seen + self.smoothing)
        odds = _logit(rate) - _logit(self.mean)
        told = tf.where(self.numeric, rate - self.mean, odds)
        return tf.concat([told, tf.math.log1p(all_)], axis=1)


class ContextReader(tf.Module):
    """What is told of an event, from raw values.

    Args:
        fields: of the model.
        catalog: the events' features.
        counted: what rates are counted under of these.
    """

    def __init__(self, fields: Fields | None, catalog: Catalog, counted: list[Codes]) -> None:
        super().__init__(name="context")
        encoders = {} if fields is None else dict(fields.encoders)
        self.readers = [RawReader(one) for one in encoders.values()]
        self._names = lambda: list(encoders)
        self.missing = None if fields is None else fields.missing
        self.words = {
            one.name: WordCodes(one, tags=catalog.features[one.name].kind == "tags")
            for one in counted
        }

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """Raw values by feature, the batch first; the clock is told by `time`."""
        found = dict(zip(self._names(), (one.spec for one in self.readers), strict=True))
        clocked = any(name in found for name in (HOUR, WEEKDAY))
        found = {name: spec for name, spec in found.items() if name not in (HOUR, WEEKDAY)}
        for name, words in self.words.items():
            found.setdefault(name, words.spec)
        return found | ({"time": tf.TensorSpec([None], tf.int64)} if clocked else {})

    def vectors(self, given: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """Float32 `[B, F, d]` of raw values by feature; None where nothing is read."""
        if self.missing is None:
            return None
        given = {**given, **_clock(given.get("time"))}
        found = []
        for place, (name, reader) in enumerate(zip(self._names(), self.readers, strict=True)):
            vectors, present = reader(given[name])
            found.append(tf.where(present[:, None], vectors, self.missing[place]))
        return tf.stack(found, axis=1)

    def codes(self, given: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What rates are counted under, int64 `[B, W]`, by `context/name`."""
        return {f"context/{name}": words(given[name]) for name, words in self.words.items()}


def scored(
    network: Any,
    user: tf.Tensor,
    item: tf.Tensor,
    context: tf.Tensor | None,
    numbers: tf.Tensor,
    past: Mapping[str, tf.Tensor],
) -> tf.Tensor:
    """Scores float32 `[M, L]` of examples.

    Args:
        network: of the model.
        user, item: vectors float32 `[M, F, d]`.
        context: likewise, or None.
        numbers: of the rates, float32 `[M, R]`.
        past: `history` float32 `[M, T, F, d]`, `there` bool `[M, T]`, `gap` and `value`, where the
            network reads them.
    """
    fields = tf.concat([user, item] + ([] if context is None else [context]), axis=1)
    return network(Flow(fields, numbers, (), item, **past))


def vectors_of(fields: Fields, columns: FeatureColumns) -> NDArray[np.float32]:
    """Vectors of all rows, and of one of which nothing is known, float32 `[n + 1, F, d]`."""
    count, inputs = fields.rows, RowInputs(columns)
    found = np.zeros((count + 1, fields.count, fields.dim), np.float32)
    step = tf.function(fields.__call__, reduce_retracing=True)
    for start in range(0, count, _ROWS):
        rows = tf.range(start, min(start + _ROWS, count))
        found[start : start + len(rows)] = step(inputs.of_items(rows)).numpy()
    if fields.encoders:
        found[count, : len(fields.encoders)] = fields.missing.numpy()
    if fields.id:
        found[count, -1] = fields.unknown.numpy()
    return found


def _clock(time: tf.Tensor | None) -> dict[str, tf.Tensor]:
    if time is None:
        return {}
    time = now_for(time)
    hour = tf.strings.as_string(time % _DAY // 3600, width=2, fill="0")
    return {HOUR: hour, WEEKDAY: tf.strings.as_string((time // _DAY + 3) % 7)}


def now_for(time: tf.Tensor) -> tf.Tensor:
    """Seconds since 1970 UTC; the server's own time in place of 0."""
    return tf.where(time == 0, tf.cast(tf.timestamp(), tf.int64), time)


def _logit(share: tf.Tensor) -> tf.Tensor:
    held = tf.clip_by_value(share, 1e-6, 1 - 1e-6)
    return tf.math.log(held) - tf.math.log1p(-held)
