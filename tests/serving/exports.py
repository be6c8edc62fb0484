"""Tiny models with the signatures that serving meets."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

ITEMS = ["boot", "clog", "hat", "scarf", "sock"]
TERMS = ["type=shoe", "type=shoe", "type=head", "type=neck", "type=foot"]
K, EXCLUDE, ALLOW, HISTORY = 3, 2, 1, 3
LOWEST = -3.4028235e38


def _strings(*shape: int | None, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.string, name=name)


_EXCLUDE = _strings(None, EXCLUDE, name="exclude")
_ALLOW = _strings(None, ALLOW, name="allow")


class Recommender(tf.Module):
    """Two users and five items on a line: a user's taste is a place, the nearest items come
    first."""

    def __init__(self, factor: float):
        super().__init__()
        self.ids = tf.constant([*ITEMS, ""])
        self.terms = tf.constant(TERMS)
        self.items = tf.Variable([0.0, 1.0, 2.0, 3.0, 4.0])
        self.factor = tf.Variable(factor)
        self.user_rows = self._table(["ann", "bob"])
        self.item_rows = self._table(ITEMS)
        self.users = tf.constant([0.0, 4.0, 2.2])

    def _table(self, keys: list[str]) -> tf.lookup.StaticVocabularyTable:
        rows = tf.range(len(keys), dtype=tf.int64)
        return tf.lookup.StaticVocabularyTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(keys), rows), num_oov_buckets=1
        )

    def _top(self, place, exclude, allow, dropped=None):
        scores = -tf.abs(place[:, None] - self.items[None, :]) * self.factor
        hidden = tf.reduce_any(exclude[:, :, None] == self.ids[None, None, :5], 1)
        wanted = tf.reduce_any(allow[:, :, None] == self.terms[None, None, :], 1)
        hidden |= ~wanted & tf.reduce_any(allow != "", 1, keepdims=True)
        if dropped is not None:
            hidden |= dropped
        best, rows = tf.math.top_k(tf.where(hidden, LOWEST, scores), K)
        ids = tf.gather(self.ids, tf.where(best > LOWEST, rows, 5))
        return {"item_id": ids, "score": best}

    @tf.function(input_signature=[_strings(None, name="user_id"), _EXCLUDE, _ALLOW])
    def recommend(self, user_id, exclude, allow):
        place = tf.gather(self.users, self.user_rows.lookup(user_id))
        return self._top(place, exclude, allow)

    @tf.function(input_signature=[_strings(None, name="user_id")])
    def default(self, user_id):
        empty = tf.fill([tf.shape(user_id)[0], 1], "")
        return self._top(tf.gather(self.users, self.user_rows.lookup(user_id)), empty, empty)

    @tf.function(input_signature=[_strings(None, HISTORY, name="history"), _EXCLUDE, _ALLOW])
    def session(self, history, exclude, allow):
        rows = self.item_rows.lookup(history)
        known = tf.cast(rows < 5, tf.float32)
        places = tf.gather(tf.concat([self.items, [0.0]], 0), rows)
        mean = tf.math.divide_no_nan(tf.reduce_sum(places * known, 1), tf.reduce_sum(known, 1))
        return self._top(mean, exclude, allow)

    @tf.function(input_signature=[_strings(None, name="item_id"), _EXCLUDE, _ALLOW])
    def similar(self, item_id, exclude, allow):
        rows = self.item_rows.lookup(item_id)
        itself = tf.range(5, dtype=tf.int64)[None, :] == rows[:, None]
        place = tf.gather(tf.concat([self.items, [0.0]], 0), rows)
        return self._top(place, exclude, allow, itself | (rows == 5)[:, None])

    @tf.function(input_signature=[_strings(None, name="user_id")])
    def embed(self, user_id):
        place = tf.gather(self.users, self.user_rows.lookup(user_id))
        return {"embedding": tf.stack([place, place / 3.0], 1)}


def save_recommender(path: Path, factor: float) -> None:
    model = Recommender(factor)
    signatures = {
        "serving_default": model.default,
        "recommend": model.recommend,
        "recommend_session": model.session,
        "similar_items": model.similar,
        "embed_user": model.embed,
    }
    tf.saved_model.save(model, str(path), signatures=signatures)


class Forms(tf.Module):
    """Echoes what JSON can hold, and the examples API."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="number"),
            tf.TensorSpec([None], tf.int32, name="count"),
            tf.TensorSpec([None], tf.bool, name="flag"),
            tf.TensorSpec([None], tf.string, name="text"),
        ]
    )
    def echo(self, number, count, flag, text):
        return {
            "number_out": number,
            "count_out": count,
            "flag_out": flag,
            "text_out": text,
            "raw_bytes": text,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="x")])
    def double(self, x):
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="x")])
    def total(self, x):
        return {"y": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        return {"outputs": x[:, 0] * 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        classes = tf.tile(tf.constant([["yes", "no"]]), [tf.shape(x)[0], 1])
        return {"scores": tf.concat([x, 1.0 - x], 1), "classes": classes}


def save_forms(path: Path) -> None:
    model = Forms()
    signatures = {
        "serving_default": model.double,
        "echo": model.echo,
        "total": model.total,
        "regress": model.regress,
        "classify": model.classify,
    }
    tf.saved_model.save(model, str(path), signatures=signatures)
