"""The item tower of a graph model: how content and id make the vector that messages start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfmm.layers.content import Content
from tfmm.layers.towers import ItemTower

JOINS = ("sum", "gate", "concat")


@tf.keras.utils.register_keras_serializable(package="tfmm")
class GraphItemTower(ItemTower):
    """An item's own vector, of any length, before the graph adds to it.

    Args:
        rows, dim, content, id, id_dropout: as of `ItemTower`.
        name, **kwargs: as of `ItemTower`.
        join: how content and id come together: their `sum`; a `gate`, which learns from both how
            much of each counts, component by component; or `concat`, a linear map of both.

    Raises:
        ValueError: for an unknown `join`, or a tower that reads neither content nor id.
    """

    def __init__(
        self,
        rows: int,
        dim: int = 64,
        *,
        content: Content | None = None,
        id: bool = True,
        id_dropout: float = 0.5,
        join: str = "sum",
        name: str = "item_tower",
        **kwargs: Any,
    ) -> None:
        if join not in JOINS:
            raise ValueError(f"join must be one of {', '.join(JOINS)}, got {join!r}.")
        super().__init__(
            rows,
            dim,
            content=content,
            id=id,
            id_dropout=id_dropout,
            normalize=False,
            name=name,
            **kwargs,
        )
        self.join = join if content is not None and id else "sum"
        if self.join == "gate":
            self.gate = tf.keras.layers.Dense(dim, "sigmoid", name="gate")
            self.gate.build([None, 2 * dim])
        elif self.join == "concat":
            self.mixer = tf.keras.layers.Dense(dim, name="mixer")
            self.mixer.build([None, 2 * dim])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["normalize"], config["heads"]  # the graph's vectors are scaled when it has added
        return config

    def call(self, batch: Mapping[str, Any], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """As `ItemTower.call`, the vectors not normalised."""
        if self.join == "sum" or self.content is None:
            return super().call(batch, training=training)
        content, weights = self.content(batch, training=training)
        keep = tf.gather(self.known, batch["items"])
        if training and self.id_dropout > 0:
            keep &= tf.random.uniform(tf.shape(keep)) >= self.id_dropout
        own = tf.nn.embedding_lookup(self.id_embedding, batch["items"])
        own *= tf.cast(keep, own.dtype)[:, None]
        both = tf.concat([content, own], axis=1)
        if self.join == "concat":
            return self.mixer(both), weights
        share = self.gate(both)
        return share * content + (1 - share) * own, weights
