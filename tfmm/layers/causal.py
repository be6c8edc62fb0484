"""Self-attention over a history, each place of which reads itself and what came before."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class CausalAttention(Configured):
    """What a shopper is likely to take next, at every place of their history at once.

    A stack of transformer blocks under a causal mask: the output at a place depends on the items up
    to it alone, so that one pass over a history gives an example for every item of it. Blocks
    normalise what they read and add to what they are given, so that an output begins as the item at
    its place. How far apart two places are enters as a learned number a head and distance, added to
    their score; nothing depends on where a history begins, so that its oldest items may be cut off.

    Source: Kang and McAuley, "Self-attentive sequential recommendation", arXiv:1808.09781, section
    III, with the distances of Shaw et al., arXiv:1803.02155, in place of embedded places, as one
    number each (Raffel et al., arXiv:1910.10683, section 2.1).

    ```python
    layer = CausalAttention(16, length=50)
    history = tf.random.normal([2, 3, 16])
    mask = tf.constant([[True, True, True], [True, False, False]])
    states = layer(history, mask)  # float32 [2, 3, 16]
    ```

    Args:
        dim: length of the vectors.
        length: the number of distances that are told apart; larger ones count as the largest.
        depth: blocks.
        heads: of the attention in each.
        dropout: of the items read, the attention's shares and what a block adds, in training.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: `heads` do not divide `dim`, a size below one, or `dropout` outside `[0, 1)`.
    """

    def __init__(
        self,
        dim: int,
        *,
        length: int = 50,
        depth: int = 2,
        heads: int = 2,
        dropout: float = 0.5,
        name: str = "causal",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for key, value in (("length", length), ("depth", depth), ("heads", heads)):
            if value < 1:
                raise ValueError(f"{key} must be at least 1, got {value}.")
        if dim % heads:
            raise ValueError(
                f"{heads} heads of attention do not divide the {dim} dimensions of the items. To "
                "resolve this, take a number of heads that does."
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout}.")
        self.dim, self.length, self.depth = dim, length, depth
        self.heads, self.dropout = heads, dropout
        self.blocks = [_Block(dim, length, heads, dropout, f"block_{n}") for n in range(depth)]
        self.drop = tf.keras.layers.Dropout(dropout)
        self.after = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="after")

    def call(self, history: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The state after each item.

        Args:
            history: item vectors float32 `[B, T, dim]`, oldest first.
            mask: bool `[B, T]`, False where there is no item; outputs there mean nothing.
            training: whether dropout is on.

        Returns:
            float32 `[B, T, dim]`.
        """
        step = tf.range(tf.shape(mask)[1])
        apart = step[:, None] - step[None, :]
        # Every place reads itself, or one without an item before it would read nothing.
        seen = (apart >= 0) & (mask[:, None, :] | (apart == 0))
        hidden = self.drop(history, training=training)
        for block in self.blocks:
            hidden = block(hidden, apart, seen, training=training)
        return self.after(hidden)


class _Block(tf.keras.layers.Layer):
    """Attention and a network of two layers, each of which adds to what it is given."""

    def __init__(self, dim: int, length: int, heads: int, dropout: float, name: str) -> None:
        super().__init__(name=name)
        self.dim, self.length, self.heads = dim, length, heads

        def dense(units: int, **config: Any) -> tf.keras.layers.Dense:
            small = tf.keras.initializers.RandomNormal(stddev=0.02)
            return tf.keras.layers.Dense(units, kernel_initializer=small, **config)

        self.before = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="before")
        self.between = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="between")
        self.project, self.join = dense(3 * dim, name="project"), dense(dim, name="join")
        self.widen = dense(4 * dim, activation="gelu", name="widen")
        self.narrow = dense(dim, name="narrow")
        self.drop = tf.keras.layers.Dropout(dropout)
        self.distance = self.add_weight("distance", (length, heads), initializer="zeros")

    def call(
        self, hidden: tf.Tensor, apart: tf.Tensor, seen: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """The next states `[B, T, dim]`, of places int32 `[T, T]` apart that see bool `[B, T, T]`
        each other."""
        read = self.attend(self.before(hidden), apart, seen, training)
        hidden += self.drop(self.join(read), training=training)
        added = self.narrow(self.widen(self.between(hidden)))
        return hidden + self.drop(added, training=training)

    def attend(
        self, hidden: tf.Tensor, apart: tf.Tensor, seen: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """What each place reads of those that it sees, `[B, T, dim]`."""
        size = tf.shape(hidden)
        parts = tf.reshape(self.project(hidden), [size[0], size[1], 3 * self.heads, -1])
        query, key, value = tf.split(tf.transpose(parts, [0, 2, 1, 3]), 3, axis=1)
        scores = tf.matmul(query, key, transpose_b=True) * (self.dim / self.heads) ** -0.5
        far = tf.gather(self.distance, tf.clip_by_value(apart, 0, self.length - 1))
        scores += tf.transpose(far, [2, 0, 1])
        scores = tf.where(seen[:, None], scores, scores.dtype.min)
        share = self.drop(tf.nn.softmax(scores), training=training)
        read = tf.transpose(tf.matmul(share, value), [0, 2, 1, 3])
        return tf.reshape(read, [size[0], size[1], self.dim])
