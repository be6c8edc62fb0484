"""A learned model, blended with what else speaks for an item so that one inner product serves
all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.events.pairs import Pairs
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.blend.prior import Prior
from tfmm.tasks.retrieval.two_tower import TwoTower


class Blend:
    """Scores an item by a learned model's score, a linear part's and the priors', added up.

    A user's vector is the learned one beside the linear one beside the priors' weights, and so is
    an item's: their inner product is the sum of the scores, and any index serves it. With a linear
    part an item has a second vector, which stands for it in a shopper's history
    (`history_vectors`).

    Args:
        learned: the learned model.
        linear: the linear part, over the same items, if there is one.
        priors: over the same items, if there are any.
    """

    def __init__(
        self, learned: TwoTower, linear: LinearPart | None = None, priors: Sequence[Prior] = ()
    ) -> None:
        self.learned, self.linear, self.priors = learned, linear, tuple(priors)

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

    @property
    def width(self) -> int:
        """Length of the blended vectors but for the priors, which come last."""
        return self.dim + (0 if self.linear is None else self.linear.rank)

    def as_of(self, pairs: Pairs) -> Blend:
        """The same model with the priors of other events: what is popular by then."""
        priors = [prior.as_of(pairs) for prior in self.priors]
        return Blend(self.learned, self.linear, priors)

    def modality_weights(self) -> dict[str, float]:
        """As the learned model's."""
        return self.learned.modality_weights()

    def item_vectors(self, mask: str | None = None, refresh: bool = True) -> np.ndarray:
        """Candidate vectors float32 `[N, W]`; arguments as of `TwoTower.item_vectors`."""
        return self.join(self.learned.item_vectors(mask=mask, refresh=refresh))

    def join(self, learned: np.ndarray) -> np.ndarray:
        """Candidate vectors float32 `[N, W]` of items whose learned ones `[N, D]` are at hand."""
        parts = [learned]
        if self.linear is not None:
            parts.append(self.linear.filled(learned).candidates)
        parts += [prior.items(learned) for prior in self.priors]
        return np.concatenate(parts, axis=1)

    def history_vectors(self, items: np.ndarray) -> np.ndarray | None:
        """What stands for the items in a history, float32 `[N, D + R]`, where that is not what they
        are ranked by; `items` of `join`."""
        if self.linear is None:
            return None
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
            items: candidate vectors float32 `[N, W]`, where they are at hand.

        Returns:
            float32 `[U, W]`.
        """
        learned = self.learned.item_vectors() if items is None else items[:, : self.dim]
        parts = [self.learned.user_vectors(pairs, users, learned)]
        rows = np.arange(pairs.n_users) if users is None else np.asarray(users)
        if self.linear is not None:
            histories = pairs.csr()
            if users is not None:
                histories = histories[np.maximum(rows, 0)]
                histories = histories.multiply((rows >= 0)[:, None]).tocsr()
                histories.eliminate_zeros()
            parts.append(self.linear.filled(learned).users(histories))
        if self.priors:
            has_history = (pairs.user_counts()[np.maximum(rows, 0)] > 0) & (rows >= 0)
            parts += [prior.users(has_history) for prior in self.priors]
        return np.concatenate(parts, axis=1)

    def session_module(self) -> tf.Module:
        """The user's side alone, as a callable that export saves.

        Returns:
            A module to call as `module(history float32 [B, T, D + R], mask bool [B, T])` with rows
            of `history_vectors` (of candidates' first D components, without a linear part), which
            gives float32 `[B, W]`.
        """
        return _BlendedSession(self)


class _BlendedSession(tf.Module):
    def __init__(self, blend: Blend) -> None:
        super().__init__(name="blended_session")
        self.learned, self.dim = blend.learned.session_module(), blend.dim
        linear = blend.linear
        self.linear = None if linear is None else (linear.weight, linear.scale)
        self.priors = tuple(prior.scaled for prior in blend.priors)

    @tf.function
    def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        parts = [self.learned(history[:, :, : self.dim], mask)]
        if self.linear is not None:
            weight, scale = self.linear
            inside = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
            summed = tf.reduce_sum(history[:, :, self.dim :] * inside, axis=1)
            if scale == "unit":
                length = tf.norm(summed, axis=1, keepdims=True)
                summed /= tf.maximum(length, 1e-12)
            parts.append(weight * summed)
        some = tf.reduce_any(mask, axis=1, keepdims=True)
        parts += [tf.where(some, *scaled) for scaled in self.priors]
        return tf.concat(parts, axis=1)
