"""A learned model and a linear one, blended so that one inner product serves both."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmm.data.events.pairs import Pairs
from tfmm.data.pipeline import FeatureColumns
from tfmm.tasks.retrieval.linear_part import LinearPart
from tfmm.tasks.retrieval.two_tower import TwoTower


class Blend:
    """Scores an item by a learned model's score plus a linear part's.

    A user's vector is the learned one beside the linear one, and so is an item's: their inner
    product is the sum of both scores, and any index serves it. An item has a second vector, which
    stands for it in a shopper's history (`history_vectors`).

    Args:
        learned: the learned model.
        linear: the linear part, over the same items.
    """

    def __init__(self, learned: TwoTower, linear: LinearPart) -> None:
        self.learned, self.linear = learned, linear

    @property
    def items(self) -> FeatureColumns:
        """Encoder inputs of the catalogue."""
        return self.learned.items

    @property
    def reads(self) -> list[str]:
        """The item features that the learned model reads."""
        return self.learned.reads

    @property
    def dim(self) -> int:
        """Length of the learned vectors, which come first in the blended ones."""
        return self.learned.user_tower.dim

    def modality_weights(self) -> dict[str, float]:
        """As the learned model's."""
        return self.learned.modality_weights()

    def item_vectors(self, mask: str | None = None, refresh: bool = True) -> np.ndarray:
        """Candidate vectors float32 `[N, D + R]`; arguments as of `TwoTower.item_vectors`."""
        return self.join(self.learned.item_vectors(mask=mask, refresh=refresh))

    def join(self, learned: np.ndarray) -> np.ndarray:
        """Candidate vectors float32 `[N, D + R]` of items whose learned ones `[N, D]` are at
        hand."""
        return np.concatenate([learned, self.linear.filled(learned).candidates], axis=1)

    def history_vectors(self, items: np.ndarray) -> np.ndarray:
        """What stands for the items in a history, float32 `[N, D + R]`; `items` of `join`."""
        learned = items[:, : self.dim]
        return np.concatenate([learned, self.linear.filled(learned).history], axis=1)

    def user_vectors(
        self,
        pairs: Pairs,
        users: np.ndarray | None = None,
        items: np.ndarray | None = None,
    ) -> np.ndarray:
        """The vectors of users with the histories that `pairs` gives them.

        The learned model reads the latest `history_size` items, the linear part all.

        Args:
            pairs: the histories.
            users: int `[U]`, rows of users, -1 for a shopper never seen; all by default.
            items: candidate vectors float32 `[N, D + R]`, where they are at hand.

        Returns:
            float32 `[U, D + R]`.
        """
        learned = self.learned.item_vectors() if items is None else items[:, : self.dim]
        own = self.learned.user_vectors(pairs, users, learned)
        histories = pairs.csr()
        if users is not None:
            rows = np.asarray(users)
            histories = histories[np.maximum(rows, 0)]
            histories = histories.multiply((rows >= 0)[:, None]).tocsr()
            histories.eliminate_zeros()
        return np.concatenate([own, self.linear.filled(learned).users(histories)], axis=1)

    def session_module(self) -> tf.Module:
        """The user's side alone, as a callable that export saves.

        Returns:
            A module to call as `module(history float32 [B, T, D + R], mask bool [B, T])` with rows
            of `history_vectors`, which gives float32 `[B, D + R]`.
        """
        return _BlendedSession(
            self.learned.session_module(), self.dim, self.linear.weight, self.linear.scale
        )


class _BlendedSession(tf.Module):
    def __init__(self, learned: tf.Module, dim: int, weight: float, scale: str) -> None:
        super().__init__(name="blended_session")
        self.learned, self.dim, self.weight, self.scale = learned, dim, weight, scale

    @tf.function
    def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        own = self.learned(history[:, :, : self.dim], mask)
        inside = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
        summed = tf.reduce_sum(history[:, :, self.dim :] * inside, axis=1)
        if self.scale == "unit":
            length = tf.norm(summed, axis=1, keepdims=True)
            summed /= tf.maximum(length, 1e-12)
        return tf.concat([own, self.weight * summed], axis=1)
