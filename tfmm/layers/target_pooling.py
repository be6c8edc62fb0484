"""Pools the states of a text for each of several targets in it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive, rate
from tfmm.encoders.configured import Configured

_LOWEST = -1e9


@tf.keras.utils.register_keras_serializable(package="tfmm")
class TargetPooling(Configured):
    """A vector for each target of a text: what the text says of it, not of the others.

    A target asks the text's tokens by attention, and where it has a place in the text those near it
    count more: the score of a token falls by a learned amount for each token between (cf. the
    position weights of Chen et al., "Recurrent attention network on memory for aspect sentiment
    analysis", EMNLP 2017). The target and what it attended to go through a layer with GELU.

    ```python
    import tensorflow as tf

    from tfmm.layers.target_pooling import TargetPooling, span_states

    states, mask = tf.random.normal([2, 9, 16]), tf.ones([2, 9], tf.bool)
    spans = tf.constant([[[0, 2], [5, 6]], [[3, 4], [0, 0]]])
    found = TargetPooling(8)(states, mask, span_states(states, spans), spans)  # [2, 2, 8]
    ```

    Args:
        dim: length of the vectors.
        near: whether targets have a place in the text.
        dropout: share of their components that training leaves out.
        name: Keras's layer name.
    """

    def __init__(
        self,
        dim: int = 128,
        *,
        near: bool = True,
        dropout: float = 0.1,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.near = bool(near)
        self.dim, self.dropout = positive("dim", dim), rate("dropout", dropout)

    def build(self, input_shape: Any) -> None:
        width = int(input_shape[-1])
        self.ask = tf.keras.layers.Dense(self.dim, use_bias=False, name="ask")
        self.answer = tf.keras.layers.Dense(self.dim, use_bias=False, name="answer")
        self.both = tf.keras.layers.Dense(self.dim, activation="gelu", name="both")
        for layer, size in ((self.ask, width), (self.answer, width), (self.both, 2 * width)):
            layer.build([None, size])
        if self.near:
            # softplus(-2) = .13 a token.
            start = tf.keras.initializers.Constant(-2.0)
            self.fall = self.add_weight(name="fall", shape=(), initializer=start)
        self.dropper = tf.keras.layers.Dropout(self.dropout)
        super().build(input_shape)

    def call(
        self,
        states: tf.Tensor,
        mask: tf.Tensor,
        targets: tf.Tensor,
        spans: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Vectors float `[B, M, dim]`.

        Args:
            states: float `[B, T, W]`, of the tokens.
            mask: bool `[B, T]`, which are tokens.
            targets: float `[B, M, W]`, of the targets.
            spans: int `[B, M, 2]`, the first token of each target and the one behind its last,
                where they have a place.
            training: whether to drop components.
        """
        scores = tf.einsum("bmd,btd->bmt", self.ask(targets), self.answer(states))
        scores *= self.dim**-0.5
        if self.near:
            assert spans is not None
            away = tf.cast(distances(spans, tf.shape(states)[1]), states.dtype)
            scores -= tf.math.softplus(self.fall) * away
        weights = tf.nn.softmax(tf.where(mask[:, None], scores, _LOWEST))
        said = tf.einsum("bmt,btd->bmd", weights, states)
        found = self.both(tf.concat([targets, said], axis=2))
        return self.dropper(found, training=training)


def distances(spans: tf.Tensor, tokens: int | tf.Tensor) -> tf.Tensor:
    """How many tokens each of T stands away from each target, 0 within: int32 `[B, M, T]`."""
    place = tf.range(tokens)
    first, behind = (tf.cast(spans[:, :, at : at + 1], tf.int32) for at in (0, 1))
    return tf.maximum(tf.maximum(first - place, place - behind + 1), 0)


def span_states(states: tf.Tensor, spans: tf.Tensor) -> tf.Tensor:
    """The mean state `[B, M, W]` of the tokens of each target; zeros where it has none."""
    inside = tf.cast(distances(spans, tf.shape(states)[1]) == 0, states.dtype)
    inside *= tf.cast(spans[:, :, 1:] > spans[:, :, :1], states.dtype)
    share = tf.math.divide_no_nan(inside, tf.reduce_sum(inside, axis=2, keepdims=True))
    return tf.einsum("bmt,btd->bmd", share, states)
