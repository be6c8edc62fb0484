"""A small servable for the export tests, and what it should answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.index import TermFilter
from tfmm.tasks.base import Signature
from tfmm.tasks.retrieval.signatures import Servable

N, U, D = 30, 12, 6
ITEMS = [f"{i:04}" for i in range(N)]  # leading zeros
USERS = [f"user {u}" for u in range(U)]
KINDS = ["hat", "shoe", "bag"]


class MeanSession(tf.Module):
    """The mean of the history's vectors, and a learned vector for no history."""

    def __init__(self, dim: int = D) -> None:
        super().__init__()
        self.unseen = tf.Variable(np.linspace(-1, 1, dim), dtype=tf.float32)

    def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        weight = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
        count = tf.reduce_sum(weight, axis=1)
        mean = tf.math.divide_no_nan(tf.reduce_sum(history * weight, axis=1), count)
        return tf.where(count > 0, mean, self.unseen)


class Column(SimpleNamespace):
    """A category column."""

    def __len__(self) -> int:
        return len(self.codes)


def kind_column(n: int = N) -> Column:
    vocabulary = np.array(sorted(KINDS), object)
    codes = np.array([sorted(KINDS).index(KINDS[i % 3]) for i in range(n)], np.int32)
    return Column(kind="category", codes=codes, vocabulary=vocabulary)


def arrays() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    seen = [rng.choice(N, size=u % 5, replace=False) for u in range(U)]
    return {
        "item_ids": np.array(ITEMS, object),
        "item_vectors": (rng.normal(size=(N, D)) * rng.uniform(0.5, 2, (N, 1))).astype("f"),
        "user_ids": np.array(USERS, object),
        "user_vectors": rng.normal(size=(U, D)).astype("f"),
        "seen_offsets": np.cumsum([0, *map(len, seen)]).astype(np.int64),
        "seen_rows": np.concatenate(seen).astype(np.int32),
        "session": MeanSession(),
        "filters": TermFilter({"kind": kind_column()}, N),
        "k": 10,
        "exclude_size": 4,
        "allow_size": 3,
        "history_size": 5,
    }


def small_servable(**changes: Any) -> Servable:
    return Servable(**{**arrays(), **changes})


class QuickServable(Servable):
    """With the signatures that are traced in no time, for tests of folders, not of answers."""

    def signatures(self) -> list[Signature]:
        return [one for one in super().signatures() if one.name == "embed_item"]


def quick_servable() -> QuickServable:
    return QuickServable(**arrays())


def ids(*values: str, width: int) -> tf.Tensor:
    return tf.constant([[*values, *[""] * (width - len(values))]], tf.string)
