"""Explainer: what a servable needs to say why an item is recommended, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs
from tfmm.index import LOWEST_SCORE
from tfmm.tasks.retrieval.reasons.attribution import Attribution
from tfmm.tasks.retrieval.reasons.facts import Facts

#: Reasons of an answer.
REASONS = 5


@dataclass(frozen=True, eq=False)
class Modalities:
    """How much each modality counts in what an item is made of.

    Attributes:
        names: the M modalities.
        weights: float32 `[N, M]`, fusion weights.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]


class Explainer(tf.Module):
    """Says why an item is recommended: by which items of the history, and what they share.

    Args:
        attribution: tells the parts of a score.
        histories: the pairs that users' vectors were made of.
        priors: float32 `[N, P]`, the items' priors.
        facts: what items have in common.
        lengths: float32 `[U]`, users' learned vectors' lengths before they were scaled; None where
            a vector is made of the history alone.
        modalities: of the items, if they have any.
    """

    def __init__(
        self,
        attribution: Attribution,
        histories: Pairs,
        priors: NDArray[np.float32],
        facts: Facts,
        lengths: NDArray[np.float32] | None = None,
        modalities: Modalities | None = None,
    ) -> None:
        super().__init__(name="explainer")
        # Hidden: a Keras layer that is tracked brings its own functions into the SavedModel.
        self._parts: Callable[..., Any] = lambda *given: attribution(*given)
        # Row U, after the last user, is the unseen shopper.
        offsets = np.append(histories.offsets, histories.offsets[-1]).astype(np.int64)
        self._offsets = tf.Variable(offsets, trainable=False, name="history_offsets")
        self._rows = tf.Variable(histories.item, trainable=False, name="history_rows")
        self._priors = tf.Variable(priors, trainable=False, name="explained_priors")
        self.facts = facts
        self._lengths: tf.Variable | None = None
        if lengths is not None:
            nobody = tf.zeros([1, 1, attribution.tower.dim])
            newcomer = attribution.tower.unscaled_session(nobody, tf.zeros([1, 1], tf.bool))
            length = float(tf.norm(newcomer)) if attribution.tower.normalize else 1.0
            lengths = np.append(lengths, length).astype(np.float32)
            self._lengths = tf.Variable(lengths, trainable=False, name="user_lengths")
        self._dim = attribution.tower.dim
        self._weights: tf.Variable | None = None
        if modalities is not None:
            self._names = tf.constant(modalities.names)
            self._weights = tf.Variable(modalities.weights, trainable=False, name="modalities")

    def history(self, users: tf.Tensor) -> tf.Tensor:
        """The items of users' histories, int32 `[B, M]`, oldest first, -1 for padding; M, which is
        1 at least, is the longest's."""
        spans = tf.ragged.range(
            tf.gather(self._offsets, users), tf.gather(self._offsets, users + 1)
        )
        found = spans.with_flat_values(tf.gather(self._rows, spans.flat_values)).to_tensor(-1)
        return tf.concat([found, tf.fill([tf.shape(found)[0], 1], -1)], 1)

    def whole(self, users: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor | None:
        """Users' learned vectors before they were scaled, float32 `[B, D]`, of `vectors` as they
        are served; None where they are the history's."""
        if self._lengths is None:
            return None
        return vectors[:, : self._dim] * tf.gather(self._lengths, users)[:, None]

    def explain(
        self,
        items: tf.Tensor,
        candidates: tf.Tensor,
        rows: tf.Tensor,
        history: tf.Tensor,
        ids: tf.Tensor,
        whole: tf.Tensor | None = None,
        window: int | None = None,
    ) -> dict[str, tf.Tensor]:
        """The answer of the signatures `explain` and `explain_session`.

        Args:
            items: int32 `[B]`, rows, -1 for unknown ones.
            candidates: float32 `[B, W]`, their vectors.
            rows: int32 `[B, M]`, the histories', known ones first, oldest first.
            history: float32 `[B, M, H]`, what stands for these.
            ids: string `[N + 1]`, all items', "" last.
            whole, window: as of `Attribution`.
        """
        known, there = rows >= 0, items >= 0
        priors = tf.gather(self._priors, tf.maximum(items, 0))
        found = self._parts(history, known, candidates, priors, whole, window)
        of_history = tf.reduce_sum(found.part, 1)
        together = found.score - of_history - found.shopper - found.prior
        together = tf.where(known[:, 0], together, 0.0)
        whole_score = tf.reduce_sum(tf.abs(found.part), 1) + tf.add_n(
            [tf.abs(one) for one in (together, found.shopper, found.prior)]
        )

        def share(part: tf.Tensor) -> tf.Tensor:
            whole = tf.reshape(whole_score, [-1] + [1] * (part.shape.rank - 1))
            said = tf.reshape(there, tf.shape(whole))
            return tf.where(said, tf.math.divide_no_nan(part, whole), 0.0)

        # What the score would not fall without is no reason.
        drop = tf.where(known & there[:, None], found.drop, LOWEST_SCORE)
        empty = tf.fill([tf.shape(rows)[0], REASONS], LOWEST_SCORE)
        drop, at = tf.math.top_k(tf.concat([drop, empty], 1), REASONS)
        drop, at = (tf.ensure_shape(one, [None, REASONS]) for one in (drop, at))
        reason = drop > 0
        at = tf.minimum(at, tf.shape(rows)[1] - 1)
        chosen = tf.where(reason, tf.gather(rows, at, batch_dims=1), -1)
        part = tf.where(reason, tf.gather(found.part, at, batch_dims=1), 0.0)
        relation, value = self.facts.common(items, chosen)
        answer = {
            "reason_item_id": tf.gather(ids, tf.where(chosen >= 0, chosen, tf.size(ids) - 1)),
            "reason_share": share(part),
            "reason_drop": tf.where(reason, drop, 0.0),
            "reason_relation": relation,
            "reason_value": value,
            "score": tf.where(there, found.score, 0.0),
            "history_share": share(of_history + together),
            "shopper_share": share(found.shopper),
            "prior_share": share(found.prior),
        }
        if self._weights is None:
            return answer
        weights = tf.gather(self._weights, tf.maximum(items, 0))
        names = tf.tile(self._names[None], [tf.shape(items)[0], 1])
        return answer | {
            "modality": names,
            "modality_weight": tf.where(there[:, None], weights, 0.0),
        }
