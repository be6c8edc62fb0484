"""Which parts of a score come from which items of a history: by leaving each of them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfmm.layers.towers import UserTower
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.blend.prior import Prior


class Parts(NamedTuple):
    """What scores are made of.

    Attributes:
        score: float32 `[B]`.
        drop: float32 `[B, M]`, by how much the score falls without each item of the history.
        part: float32 `[B, M]`, what of the score is each item's.
        shopper: float32 `[B]`, what of it a shopper's id and features bring, or what is learned of
            newcomers where there is no history.
        prior: float32 `[B]`, what of it is popular now.

    What is left of the score is what the items of the history say together, and none alone.
    """

    score: tf.Tensor
    drop: tf.Tensor
    part: tf.Tensor
    shopper: tf.Tensor
    prior: tf.Tensor


class Attribution:
    """Tells what the items of a history have to do with a score.

    An item's *drop* is by how much the score falls when the item is taken out of the history and
    all is computed anew, an older item moving up where the tower reads the latest ones only. It
    holds for every way of reading histories, and it is what deletion checks, so reasons are ordered
    by it. Drops do not add up to the score: of two items that say the same, either can go.

    An item's *part* is of a sum. Where a history is read as a mean, and in the linear part of a
    blend, a shopper's vector is a sum over the items divided by a length, so that the parts, the
    shopper's and the prior add up to the score exactly. A GRU or attention reads items together:
    there an item's part is its drop in the learned score, and what is left belongs to the history
    as a whole.

    Args:
        tower: of the learned model.
        linear: the blend's linear part, if it has one.
        priors: the blend's.
    """

    def __init__(
        self, tower: UserTower, linear: LinearPart | None = None, priors: Sequence[Prior] = ()
    ) -> None:
        self.tower = tower
        self.linear = None if linear is None else (linear.weight, linear.scale)
        self.priors = tuple(prior.scaled for prior in priors)

    def __call__(
        self,
        history: tf.Tensor,
        known: tf.Tensor,
        item: tf.Tensor,
        priors: tf.Tensor,
        whole: tf.Tensor | None = None,
        window: int | None = None,
    ) -> Parts:
        """What scores are made of.

        Args:
            history: float32 `[B, M, H]`, what stands for the items of each shopper's history, the
                known ones first, oldest first.
            known: bool `[B, M]`, where there is an item.
            item: float32 `[B, W]`, candidate vectors.
            priors: float32 `[B, P]`, the candidates' priors.
            whole: float32 `[B, D]`, shoppers' learned vectors before they are scaled; those of
                their histories alone if None.
            window: the latest items that the learned model reads; what the tower was made for if
                None. The linear part reads all.
        """
        dim, count = self.tower.dim, tf.reduce_sum(tf.cast(known, tf.int32), 1)
        window = self.tower.history_size if window is None else window
        score, drop, part, shopper = self._learned(
            history[:, :, :dim], count, item[:, :dim], whole, window
        )
        if self.linear is not None:
            own = tf.where(known[:, :, None], history[:, :, dim:], 0.0)
            more, less, its = self._linear(own, item[:, dim:])
            score, drop, part = score + more, drop + less, part + its
        some, none = (self._prior(priors, at) for at in (0, 1))
        prior = tf.where(count > 0, some, none)
        # Who is left without any item is a newcomer.
        drop += tf.where(count == 1, some - none, 0.0)[:, None]
        there = tf.cast(known, tf.float32)
        return Parts(score + prior, drop * there, part * there, shopper, prior)

    def _learned(
        self,
        history: tf.Tensor,
        count: tf.Tensor,
        item: tf.Tensor,
        whole: tf.Tensor | None,
        window: int,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """The learned score, its drops and parts `[B, M]`, and the shopper's part."""
        tower, size = self.tower, tf.shape(history)
        # The items that are read, the one that would move up, and a place for nothing.
        width = tf.minimum(window, size[1]) + 1
        first = tf.maximum(count - width, 0)
        places = first[:, None] + tf.range(width)
        inside = places < count[:, None]
        latest = tf.gather(history, tf.minimum(places, size[1] - 1), batch_dims=1)
        step = tf.range(width - 1)
        others = step + tf.cast(step >= tf.range(width)[:, None], tf.int32)
        rest = tf.reshape(tf.gather(latest, others, axis=1), [-1, width - 1, tower.dim])
        mask = tf.reshape(tf.gather(inside, others, axis=1), [-1, width - 1])
        without = tower.unscaled_session(rest, mask)
        without = tf.reshape(without, [size[0], width, tower.dim])
        # Nothing is missing where the oldest beyond those read is left out, or the empty place.
        read = tf.minimum(count, width)
        full = tf.gather(without, tf.where(read == width, 0, read), batch_dims=1)
        own = tf.zeros_like(full) if whole is None else whole - full
        vector = full + own
        score = tf.reduce_sum(tower.scaled(vector) * item, 1)
        less = tf.einsum("bkd,bd->bk", tower.scaled(without + own[:, None]), item)
        drop = tf.where(inside, score[:, None] - less, 0.0)
        length = tf.norm(vector, axis=1) if tower.normalize else tf.ones_like(score)
        shopper = tf.math.divide_no_nan(tf.reduce_sum(own * item, 1), length)
        part = drop
        if tower.history == "none":
            shopper = score
        elif tower.pooling is None:
            used = inside & ((read < width)[:, None] | (tf.range(width) > 0))
            number = tf.cast(tf.minimum(count, width - 1), tf.float32)
            each = tf.einsum("bkd,bd->bk", latest, item)
            part = tf.math.divide_no_nan(each, (number * length)[:, None])
            part = tf.where(used, part, 0.0)
        shopper = tf.where(count > 0, shopper, score)
        # Back to the places that they have in the history.
        place = tf.range(size[1]) - first[:, None]
        there = (place >= 0) & (place < width)
        place = tf.clip_by_value(place, 0, width - 1)
        drop, part = (
            tf.where(there, tf.gather(one, place, batch_dims=1), 0.0) for one in (drop, part)
        )
        return score, drop, part, shopper

    def _linear(
        self, history: tf.Tensor, item: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The linear score `[B]`, and its drops and parts `[B, M]`; zeros stand for no item."""
        assert self.linear is not None
        weight, scale = self.linear
        summed = tf.reduce_sum(history, 1)
        each = weight * tf.einsum("bmr,br->bm", history, item)
        score = weight * tf.reduce_sum(summed * item, 1)
        if scale == "sum":
            return score, each, each
        length = tf.maximum(tf.norm(summed, axis=1), 1e-12)
        rest = summed[:, None] - history
        # What rounding leaves of a sum that cancels out is nothing.
        left = tf.norm(rest, axis=2)
        left = tf.where(left > 1e-6 * length[:, None], left, 0.0)
        less = weight * tf.math.divide_no_nan(tf.einsum("bmr,br->bm", rest, item), left)
        score /= length
        return score, score[:, None] - less, each / length[:, None]

    def _prior(self, priors: tf.Tensor, at: int) -> tf.Tensor:
        """What priors bring `[B]`, of shoppers with a history (0) or without (1)."""
        weights = [scaled[at] for scaled in self.priors]
        return tf.linalg.matvec(priors, tf.constant(weights, tf.float32, [len(weights)]))
