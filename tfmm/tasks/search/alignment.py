"""Alignment: words, pictures and sounds learn to point at the items they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from tfmm.data.names import scope_name
from tfmm.encoders.configured import no_config
from tfmm.layers.modalities import LEARNED
from tfmm.tasks.search.contrastive import LOSSES, sigmoid_contrast, softmax_contrast
from tfmm.tasks.search.query_tower import QueryTower

#: The largest factor of cosines that training may reach, CLIP's.
STEEPEST = 100.0


class Alignment(tf.keras.layers.Layer):
    """Query towers in the space of an item tower, and the loss that puts them there.

    A query tower reads one feature of the catalogue (its titles, its pictures, its sounds); the
    loss (`tfmm.tasks.search.contrastive`) draws its vector of an item towards the item tower's
    vector of that item. Each query tower has a temperature of its own, which is learned.

    Where the item tower reads the very feature that is asked by, the answer would be given away:
    `hide` is the share of a batch's items that show only one of their features, drawn at random.

    With `heads` above 1 the vectors are made of as many independent parts, each trained by a loss
    of its own: an ensemble that is served as one inner product.

    Args:
        queries: query towers by feature, of the item vectors' length.
        heads: parts of the vectors; that of the item tower and of the query towers.
        loss: "softmax" or "sigmoid".
        temperature: what cosines are divided by at first.
        hide: see above.

    Raises:
        ValueError: no query tower, `heads` that differ, an unknown loss, or a number out of range.
    """

    def __init__(
        self,
        queries: Mapping[str, QueryTower],
        *,
        heads: int = 1,
        loss: str = "softmax",
        temperature: float = 0.07,
        hide: float = 0.5,
        name: str = "alignment",
    ) -> None:
        super().__init__(name=name)
        if not queries:
            raise ValueError("Alignment needs at least one query tower.")
        for feature, tower in queries.items():
            if tower.heads != heads:
                raise ValueError(
                    f"The query tower of {feature!r} has heads={tower.heads}, but the alignment "
                    f"heads={heads}. Give both the same."
                )
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}.")
        if not temperature >= 1.0 / STEEPEST:
            raise ValueError(f"temperature must be {1 / STEEPEST} or more, got {temperature}.")
        if not 0.0 <= hide <= 1.0:
            raise ValueError(f"hide must lie in [0, 1], got {hide}.")
        self.queries = dict(queries)
        self.heads, self.loss, self.hide = heads, loss, hide
        self.log_scale = {
            feature: self.add_weight(
                scope_name(f"{feature}_log_scale"),
                (heads,),
                initializer=tf.keras.initializers.Constant(float(np.log(1.0 / temperature))),
            )
            for feature in queries
        }
        # Far more pairs are no pair: SigLIP starts from their share.
        self.offset = {
            feature: self.add_weight(
                scope_name(f"{feature}_offset"),
                (heads,),
                initializer=tf.keras.initializers.Constant(-10.0),
            )
            for feature in (queries if loss == "sigmoid" else ())
        }

    def get_config(self) -> NoReturn:
        """Refused: what the encoders of its query towers learned is no configuration."""
        no_config(self, LEARNED)

    def call(self, items: tf.Tensor, batch: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch, a scalar: the sum over query towers.

        Args:
            items: item vectors float32 `[B, dim]`, zeros for an item that shows nothing.
            batch: `queries` {feature: [inputs `[B, …]` of each encoder]}, `asked` {feature: bool
                `[B]`, whether there is anything to ask by}, `groups` int `[B]`.
            training: whether dropout and augmentation are on.
        """
        shown = tf.reduce_any(items != 0.0, axis=1)
        losses = []
        for feature, tower in self.queries.items():
            asked = tower(batch["queries"][feature], training=training)
            kept = tf.where(batch["asked"][feature] & shown)[:, 0]
            left, right = (self._parts(tf.gather(vectors, kept)) for vectors in (asked, items))
            scale = tf.minimum(tf.exp(self.log_scale[feature]), STEEPEST)
            groups = tf.gather(batch["groups"], kept)
            if self.loss == "softmax":
                losses.append(softmax_contrast(left, right, scale, groups))
            else:
                losses.append(sigmoid_contrast(left, right, scale, groups, self.offset[feature]))
        return tf.add_n(losses)

    def show(self, present: tf.Tensor) -> tf.Tensor:
        """`present bool [B, M]` with all but one feature hidden for `hide` of the rows."""
        if not self.hide or present.shape[1] == 1:
            return present
        draw = tf.where(present, tf.random.uniform(tf.shape(present)), -1.0)
        only = present & tf.equal(draw, tf.reduce_max(draw, axis=1, keepdims=True))
        hidden = tf.random.uniform([tf.shape(present)[0], 1]) < self.hide
        return tf.where(hidden, only, present)

    def _parts(self, vectors: tf.Tensor) -> tf.Tensor:
        parts = tf.reshape(vectors, [-1, self.heads, vectors.shape[1] // self.heads])
        return tf.math.l2_normalize(parts, axis=2)
