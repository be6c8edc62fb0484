"""Fields: what a ranker reads of an item, a shopper or an event, a vector for each feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders import Encoder
from tfmm.layers.modalities import Modalities


class Fields(Modalities):
    """A vector for each feature of a row, and one for the row itself, its id.

    A missing feature has a learned vector in its place. Ids that were never trained on share one
    learned vector, which training meets because it hides ids at random (`id_dropout`).

    Args:
        encoders: encoders by feature name, adapted; may be none where there are ids.
        rows: the number of items, users or events.
        dim: length of the vectors.
        id: whether rows have an embedding.
        id_dropout: share of the ids of a batch that training hides.
        name: Keras's layer name.
    """

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        rows: int,
        dim: int,
        *,
        id: bool = True,
        id_dropout: float = 0.05,
        name: str | None = None,
    ) -> None:
        super().__init__(encoders, rows, name)
        self.dim, self.id, self.id_dropout = dim, id, id_dropout
        if self.encoders:
            shape = (len(self.encoders), dim)
            self.missing = self.add_weight("missing", shape, initializer="zeros")
        if id:
            small = tf.keras.initializers.RandomNormal(stddev=0.05)
            self.id_embedding = self.add_weight("id_embedding", (rows, dim), initializer=small)
            self.unknown = self.add_weight("unknown", (dim,), initializer="zeros")
            self.known = self.add_weight(
                "known", (rows,), dtype=tf.bool, initializer="zeros", trainable=False
            )

    @property
    def count(self) -> int:
        """Vectors of a row."""
        return len(self.encoders) + self.id

    def know(self, rows: np.ndarray) -> None:
        """Marks the rows int `[n]` as trained on, and no others."""
        known = np.zeros(self.rows, bool)
        known[rows] = True
        self.known.assign(known)

    def call(self, batch: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The vectors float32 `[n, F, dim]` of a batch of rows, the id's last.

        Args:
            batch: as `Modalities.tokens` takes it; a row of -1 is one without an id.
            training: whether dropout is on.
        """
        found = []
        if self.encoders:
            tokens, present = self.tokens(batch, training=training)
            found.append(tf.where(present[:, :, None], tokens, self.missing))
        if self.id:
            found.append(self.of_ids(batch["items"], training)[:, None])
        return tf.concat(found, axis=1)

    def of_ids(self, rows: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The vectors float32 `[n, dim]` of ids alone, int32 `[n]`; -1 is an unknown one."""
        at = tf.maximum(rows, 0)
        known = tf.gather(self.known, at) & (rows >= 0)
        if training and self.id_dropout > 0:
            known &= tf.random.uniform(tf.shape(rows)) >= self.id_dropout
        own = tf.nn.embedding_lookup(self.id_embedding, at)
        return tf.where(known[:, None], own, self.unknown)
