"""Self-attention over a whole history, pooled to one vector."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class SelfAttention(Configured):
    """One transformer block over a history, pooled by a mean: what joins the mean of its items.

    Source: Kang and McAuley, "Self-attentive sequential recommendation", arXiv:1808.09781, without
    the causal mask, and with places counted from the latest item.

    ```python
    layer = SelfAttention(16, length=50)
    history = tf.random.normal([2, 3, 16])
    mask = tf.constant([[True, True, True], [True, False, False]])
    pooled = layer(history, mask)  # float32 [2, 16], zeros before any training
    ```

    Args:
        dim: length of the vectors.
        length: the number of places that are told apart; earlier ones count as the earliest.
        heads: of the attention.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.
    """

    def __init__(
        self, dim: int, length: int, heads: int = 2, *, name: str = "self_attention", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dim, self.length, self.heads = dim, length, heads
        self.before = tf.keras.layers.LayerNormalization(epsilon=1e-6)
        self.between = tf.keras.layers.LayerNormalization(epsilon=1e-6)
        self.attention = tf.keras.layers.MultiHeadAttention(heads, dim // heads, dropout=0.1)
        self.widen = tf.keras.layers.Dense(2 * dim, activation="gelu")
        # Zero at first, so that training starts from the mean of the history.
        self.narrow = tf.keras.layers.Dense(dim, kernel_initializer="zeros")
        self.places = self.add_weight(
            "places", (length, dim), initializer=tf.keras.initializers.RandomNormal(stddev=0.05)
        )

    def call(self, sequence: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What a history `[B, T, dim]`, oldest first, says as a whole: float32 `[B, dim]`.

        `mask`, bool `[B, T]`, is False where there is no item.
        """
        present = tf.cast(mask, tf.float32)
        # Counted from the latest item, so that a place means the same in every length of history.
        age = tf.cast(tf.reduce_sum(present, 1, keepdims=True), tf.int32) - 1
        age = age - tf.range(tf.shape(mask)[1])[None, :]
        hidden = sequence + tf.gather(self.places, tf.clip_by_value(age, 0, self.length - 1))
        hidden = self.before(hidden)
        allowed = mask[:, None, :] & mask[:, :, None]
        hidden += self.attention(hidden, hidden, attention_mask=allowed, training=training)
        hidden = self.narrow(self.widen(self.between(hidden))) * present[:, :, None]
        return tf.reduce_sum(hidden, 1) / tf.maximum(tf.reduce_sum(present, 1, keepdims=True), 1.0)
