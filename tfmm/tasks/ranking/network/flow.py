"""What the blocks of a network read and add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import tensorflow as tf

from tfmm.encoders.configured import no_config


@dataclass(frozen=True)
class Flow:
    """What blocks read and add to.

    Attributes:
        fields: a vector for each feature, float32 `[B, F, d]`; blocks over the history add one.
        numbers: further numbers, float32 `[B, R]`.
        found: what blocks gave, float32 `[B, …]` each, in their order.
        target: the vectors of the item, float32 `[B, Fi, d]`.
        history: those of the items of the history, float32 `[B, T, Fi, d]`; None without.
        there: bool `[B, T]`.
        gap: seconds since each, float32 `[B, T]`, or None.
        value: what is told of each, float32 `[B, T]`, or None.
        own: what experts gave each label, float32 `[B, …]`, where there are any.
    """

    fields: tf.Tensor
    numbers: tf.Tensor
    found: tuple[tf.Tensor, ...]
    target: tf.Tensor
    history: tf.Tensor | None = None
    there: tf.Tensor | None = None
    gap: tf.Tensor | None = None
    value: tf.Tensor | None = None
    own: tuple[tf.Tensor, ...] = ()

    def with_field(self, vector: tf.Tensor) -> Flow:
        """With one more vector `[B, d]` among the features."""
        fields = tf.concat([self.fields, vector[:, None]], axis=1)
        return self._with(fields=fields)

    def giving(self, found: tf.Tensor) -> Flow:
        """With what a block gave."""
        return self._with(found=(*self.found, found))

    def with_own(self, own: Sequence[tf.Tensor]) -> Flow:
        """With what each label reads for itself."""
        return self._with(own=tuple(own))

    def flat(self) -> tf.Tensor:
        """Features and numbers side by side, float32 `[B, F * d + R]`."""
        width = self.fields.shape[1] * self.fields.shape[2]
        return tf.concat([tf.reshape(self.fields, [-1, width]), self.numbers], axis=1)

    def _with(self, **values: Any) -> Flow:
        return Flow(**{**self.__dict__, **values})


class Block(tf.keras.layers.Layer):
    """A step of the network; subclasses write `flow`."""

    #: Whether it reads what a shopper met before.
    historic = False

    def __init__(self, dim: int, labels: int, name: str) -> None:
        super().__init__(name=name)
        self.dim, self.labels = dim, labels

    def call(self, flow: Flow, training: bool = False) -> Flow:
        """The flow with what the block adds."""
        raise NotImplementedError

    def get_config(self) -> NoReturn:
        """Refused: the network that a block is of makes it anew."""
        no_config(self, "its network's configuration names it, with its arguments.")
