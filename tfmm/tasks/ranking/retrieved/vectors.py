"""The vectors of a retrieval model, as a ranker reads, keeps and serves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import scipy.linalg
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.files import replacing, write_text
from tfmm.tasks.ranking.retrieved.window import Window
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.rows import saved_rows
from tfmm.tasks.retrieval.signatures import distinct_first
from tfmm.tasks.retrieval.two_tower import TwoTower

Floats = NDArray[np.float32]
Session = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_SESSION, _VECTORS, _ABOUT = "session", "vectors.npz", "about.json"


class Retrieved(tf.Module):
    """Vectors of items and, from what they met before, of shoppers.

    An item's vector is the learned one [D], beside that of the linear part [R] where there is one;
    and the priors' [P], of what is popular: their inner products with a shopper's are the parts
    of the retrieval's score.

    Args:
        items: float32 `[N, D + R + P]`.
        history: float32 `[N, D + R]`, what stands for items in a history.
        session: gives vectors `[B, D + R + P]` of histories float32 `[B, T, D + R]` and where they
            are, bool `[B, T]`.
        ends: where each part of a vector ends: D, then D + R and D + R + P where there are such.
        temperature: what divides a score before a softmax.
        window: what the model has met, and what it was chosen and is tested on.
        turn: float32 `[D, D]`, what learned vectors are multiplied by where a network reads them.
    """

    def __init__(
        self,
        items: Floats,
        history: Floats,
        session: Session,
        ends: Sequence[int],
        temperature: float,
        window: Window,
        turn: Floats | None = None,
    ) -> None:
        super().__init__(name="retrieved")
        self.ends, self.temperature, self.window = tuple(ends), temperature, window
        self.dim = self.ends[0]
        self.items = tf.Variable(items, trainable=False, name="items")
        # The same table where the model has no other for histories.
        self.history = self.items
        if history is not items:
            self.history = tf.Variable(history, trainable=False, name="history")
        turn = np.eye(self.dim, dtype=np.float32) if turn is None else turn
        self.turn = tf.Variable(turn, trainable=False, name="turn")
        self.session = session
        self._step = tf.function(self.shoppers, reduce_retracing=True)

    @classmethod
    def of(
        cls, model: TwoTower | Blend, window: Window, size: int, temperature: float
    ) -> Retrieved:
        """Those of a finished model, its histories `size` items long."""
        items = model.item_vectors()
        history = model.history_vectors(items)
        if history is None:
            history = items if model.width == items.shape[1] else items[:, : model.width]
        session = _Session(model.session_module(), size, history.shape[1])
        ends = dict.fromkeys((model.learned.user_tower.dim, model.width, items.shape[1]))
        return cls(items, history, session, [*ends], temperature, window)

    def turned_to(self, before: Retrieved) -> Retrieved:
        """With learned vectors that a network takes for those of another model of the same items.

        Two trainings of one model differ by a rotation before all else. Scores stay as they are.

        Source: orthogonal Procrustes, as Hamilton, Leskovec and Jurafsky align vectors of years
        (ACL 2016, section 3.2).
        """
        mine, others = (one.items.numpy()[:, : one.dim] for one in (self, before))
        turn, _ = scipy.linalg.orthogonal_procrustes(mine, others)
        self.turn.assign(turn.astype(np.float32))
        return self

    @property
    def numbers(self) -> int:
        """Parts of the score of an example."""
        return len(self.ends)

    def shoppers(self, rows: tf.Tensor) -> tf.Tensor:
        """Vectors float32 `[B, D + R + P]` of histories int `[B, T]`, item rows, -1 where there is
        none, oldest first."""
        rows = distinct_first(tf.cast(rows, tf.int32))
        there = rows >= 0
        vectors = tf.gather(self.history, tf.maximum(rows, 0))
        vectors *= tf.cast(there, tf.float32)[:, :, None]
        return tf.ensure_shape(self.session(vectors, there), [None, self.ends[-1]])

    def of_histories(self, rows: NDArray[np.integer], at_once: int = 2048) -> Floats:
        """As `shoppers`, without a graph, `at_once` at a time."""
        found = np.empty((len(rows), self.ends[-1]), np.float32)
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            found[start : start + len(part)] = self._step(tf.constant(part, tf.int32)).numpy()
        return found

    def of_items(self, rows: tf.Tensor) -> tf.Tensor:
        """Vectors float32 `[…, D + R + P]` of item rows, zeros for -1."""
        there = tf.cast(rows >= 0, tf.float32)[..., None]
        return tf.gather(self.items, tf.maximum(rows, 0)) * there

    def scores(self, shoppers: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Float32 `[B, numbers]` of vectors `[B, D + R + P]` of shoppers and of items."""
        product = shoppers * items
        starts = (0, *self.ends)
        spans = zip(starts, self.ends, strict=False)
        found = [tf.reduce_sum(product[:, start:end], axis=1) for start, end in spans]
        return tf.stack(found, axis=1) / self.temperature

    def read(self, vectors: tf.Tensor) -> tf.Tensor:
        """The learned vectors float32 `[B, D]` as the network knows them."""
        return tf.matmul(vectors[:, : self.dim], self.turn)

    def save(self, folder: Path, item_ids: Iterable[str]) -> None:
        """Writes the vectors, the session as a SavedModel and the window; the last comes last."""
        folder.mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(self.session, str(folder / _SESSION))
        arrays = {"ids": np.array([str(one) for one in item_ids]), "items": self.items.numpy()}
        if self.history is not self.items:
            arrays["history"] = self.history.numpy()
        with replacing(folder / _VECTORS) as aside:
            np.savez(aside, turn=self.turn.numpy(), **arrays)
        about = {
            "ends": self.ends,
            "temperature": self.temperature,
            "window": self.window.as_json(),
        }
        write_text(folder / _ABOUT, json.dumps(about))

    @classmethod
    def load(cls, folder: Path, item_ids: Iterable[str]) -> Retrieved | None:
        """What `save` wrote, in the order of `item_ids`; zeros for items that it lacks. None where
        nothing was saved."""
        if not (folder / _ABOUT).exists():
            return None
        about = json.loads((folder / _ABOUT).read_text("utf-8"))
        with np.load(folder / _VECTORS, allow_pickle=False) as saved:
            rows = saved_rows(saved["ids"], item_ids)
            there = (rows >= 0)[:, None]
            items = np.where(there, saved["items"][rows], np.float32(0))
            history = items
            if "history" in saved:
                history = np.where(there, saved["history"][rows], np.float32(0))
            turn = saved["turn"]
        session = tf.saved_model.load(str(folder / _SESSION))
        window = Window(**about["window"])
        return cls(items, history, session, about["ends"], about["temperature"], window, turn)


class _Session(tf.Module):
    """A retrieval's session with what it reads alone: a user tower may hold a row a user."""

    def __init__(self, module: tf.Module, size: int, width: int) -> None:
        super().__init__(name="session")
        specs = tf.TensorSpec([None, size, width]), tf.TensorSpec([None, size], tf.bool)
        answer = tf.function(lambda history, mask: module(history, mask), autograph=False)
        self.used = list(answer.get_concrete_function(*specs).variables)
        self._answer = lambda: answer
        # A SavedModel holds what was traced.
        self.__call__.get_concrete_function(*specs)

    @tf.function
    def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return self._answer()(history, mask)
