"""Losses of labels, and what scores say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.tasks.ranking.reading.labels import Label


@tf.keras.utils.register_keras_serializable(package="tfmm")
class LabelHead(tf.keras.layers.Layer):
    """The loss of one label, and its answer from a score.

    - `binary`: cross-entropy; the answer is a probability.
    - `squared`: of a number, standardised; the answer is the number, within its bounds.
    - `ordinal`: cross-entropies of "more than step k", one score against ascending thresholds (Cao,
      Mirjalili and Raschka, "Rank consistent ordinal regression", arXiv:1901.07884); the answer is
      the mean.
    - `pairwise`: the logistic loss of every two of a list of which one is better (Burges et al.,
      "Learning to rank using gradient descent", ICML 2005); mean over lists.
    - `listwise`: cross-entropy between the softmax of a list's scores and the list's labels,
      scaled to sum to one (Cao et al., "Learning to rank: from pairwise approach to listwise
      approach", ICML 2007); mean over lists.

    Args:
        label: which, or its fields by name.
        mean, deviation: of its values, for numbers.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.
    """

    def __init__(
        self,
        label: Label | Mapping[str, Any],
        mean: float = 0.0,
        deviation: float = 1.0,
        *,
        name: str = "label_head",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(label, Label):
            label = Label(**{**label, "steps": tuple(label["steps"])})
        told = dataclasses.asdict(label) | {"steps": list(label.steps)}
        # Past Keras, which would wrap the lists.
        self.__dict__["label"] = label
        self.__dict__["given"] = {"label": told, "mean": mean, "deviation": deviation}
        self.mean = self.add_weight("mean", (), initializer="zeros", trainable=False)
        self.deviation = self.add_weight("deviation", (), initializer="ones", trainable=False)
        self.mean.assign(mean)
        self.deviation.assign(max(deviation, 1e-6))
        #: What calibration makes of a score: `slope * score + shift`.
        self.slope = self.add_weight("slope", (), initializer="ones", trainable=False)
        self.shift = self.add_weight("shift", (), initializer="zeros", trainable=False)
        if label.loss == "ordinal":
            spread = np.linspace(-2.0, 2.0, max(1, len(label.steps) - 1))
            self.lowest = self.add_weight("lowest", (), initializer=_at(spread[0]))
            gaps = np.log(np.expm1(np.maximum(np.diff(spread), 1e-3)))
            self.gaps = self.add_weight("gaps", gaps.shape, initializer=_at(gaps))

    def thresholds(self) -> tf.Tensor:
        """Of an ordinal label's steps, ascending, float32 `[S - 1]`."""
        above = tf.cumsum(tf.nn.softplus(self.gaps))
        return tf.concat([self.lowest[None], self.lowest + above], axis=0)

    def call(self, scores: tf.Tensor, labels: tf.Tensor, lists: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar; examples whose label is NaN do not join.

        Args:
            scores: float32 `[B]`.
            labels: float32 `[B]`.
            lists: integers `[B]`, the list that each is of.
        """
        known, lists = tf.math.is_finite(labels), tf.cast(lists, tf.int64)
        labels = tf.where(known, labels, 0.0)
        weight = tf.cast(known, tf.float32)
        loss = self.label.loss
        if loss in ("pairwise", "listwise"):
            of = _pairwise if loss == "pairwise" else _listwise
            return of(
                scores, labels, tf.where(known, lists, -1 - tf.range(tf.size(lists, tf.int64)))
            )
        if loss == "binary":
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels, scores)
        elif loss == "squared":
            each = tf.square(scores - (labels - self.mean) / self.deviation)
        else:
            steps = np.asarray(self.label.steps[:-1], np.float32)
            more = tf.cast(labels[:, None] > steps, tf.float32)
            logits = scores[:, None] - self.thresholds()
            each = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(more, logits), axis=1)
        return tf.reduce_sum(each * weight) / tf.maximum(tf.reduce_sum(weight), 1.0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | self.given

    def answer(self, scores: tf.Tensor) -> tf.Tensor:
        """A probability, or a number within the label's bounds, float32 `[…]` of scores."""
        scores = self.slope * scores + self.shift
        label = self.label
        if not label.numeric:
            return tf.sigmoid(scores)
        if label.loss == "ordinal":
            more = tf.sigmoid(scores[..., None] - self.thresholds())
            gaps = np.diff(np.asarray(label.steps, np.float32))
            return label.low + tf.reduce_sum(more * gaps, axis=-1)
        if label.loss == "squared":
            return tf.clip_by_value(self.mean + self.deviation * scores, label.low, label.high)
        return scores


def _at(value: np.ndarray | float) -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.Constant(value)


def _pairwise(scores: tf.Tensor, labels: tf.Tensor, lists: tf.Tensor) -> tf.Tensor:
    better = (lists[:, None] == lists[None]) & (labels[:, None] > labels[None])
    at = tf.where(better)
    each = tf.nn.softplus(tf.gather(scores, at[:, 1]) - tf.gather(scores, at[:, 0]))
    distinct, place = tf.unique(tf.gather(lists, at[:, 0]))
    means = tf.math.unsorted_segment_mean(each, place, tf.size(distinct))
    return tf.math.divide_no_nan(tf.reduce_sum(means), tf.cast(tf.size(distinct), tf.float32))


def _listwise(scores: tf.Tensor, labels: tf.Tensor, lists: tf.Tensor) -> tf.Tensor:
    distinct, place = tf.unique(lists)
    count = tf.size(distinct)
    highest = tf.gather(tf.math.unsorted_segment_max(scores, place, count), place)
    shifted = scores - tf.stop_gradient(highest)
    total = tf.math.unsorted_segment_sum(tf.exp(shifted), place, count)
    log = shifted - tf.math.log(tf.gather(total, place))
    worth = labels - tf.gather(tf.math.unsorted_segment_min(labels, place, count), place)
    whole = tf.math.unsorted_segment_sum(worth, place, count)
    share = tf.math.divide_no_nan(worth, tf.gather(whole, place))
    told = tf.reduce_sum(tf.cast(whole > 0, tf.float32))
    return tf.math.divide_no_nan(-tf.reduce_sum(share * log), told)


def lists_needed(labels: Sequence[Label]) -> bool:
    """Whether a loss compares examples of one list."""
    return any(label.loss in ("pairwise", "listwise") for label in labels)
