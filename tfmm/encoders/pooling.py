"""One vector of several: of the pictures of an item, of the frames of a clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

#: How the vectors of an item's pictures become one.
POOLS = ("mean", "attention")

Pool = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@tf.keras.utils.register_keras_serializable(package="tfmm")
class AttentionPooling(tf.keras.layers.Layer):
    """A mean of vectors, weighted by a softmax over what each of them says.

    The score of a vector x is w · tanh(V x + b) (Yang et al., "Hierarchical attention networks",
    NAACL 2016; Ilse et al., arXiv:1802.04712, for sets). w is zero at first, so that training
    starts from the mean. The order of the vectors plays no part, nor does what is masked; one alone
    is itself, bit for bit.

    ```python
    import tensorflow as tf

    from tfmm.encoders.pooling import AttentionPooling

    pool = AttentionPooling(units=8)
    vectors = pool(tf.random.normal([2, 3, 16]), tf.constant([[True] * 3, [True, False, False]]))
    ```

    Args:
        units: length of V x.
        name: Keras's layer name.
    """

    def __init__(self, units: int = 64, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.units = units
        self.hidden = tf.keras.layers.Dense(units, activation="tanh", name="hidden")
        self.score = tf.keras.layers.Dense(
            1, use_bias=False, kernel_initializer="zeros", name="score"
        )

    def build(self, input_shape: Any) -> None:
        self.hidden.build(input_shape)
        self.score.build([None, None, self.units])
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}

    def call(self, inputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """One vector of several.

        Args:
            inputs: float `[n, T, d]`.
            mask: bool `[n, T]`, which count.

        Returns:
            float `[n, d]`; the mean of all where none counts.
        """
        scores = self.score(self.hidden(inputs))
        scores = tf.where(mask[..., None], scores, scores.dtype.min)
        return tf.reduce_sum(tf.nn.softmax(scores, axis=1) * inputs, axis=1)


def mean_pooling(vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The mean `[n, d]` of the vectors float `[n, T, d]` that count, by a mask bool `[n, T]`; zeros
    where none does."""
    seen = tf.cast(mask, vectors.dtype)[..., None]
    return tf.math.divide_no_nan(tf.reduce_sum(vectors * seen, axis=1), tf.reduce_sum(seen, axis=1))


def unit_mean_pooling(vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """As `mean_pooling`; the mean of several is scaled to length one, as `MeanRows` has it."""
    mean = mean_pooling(vectors, mask)
    several = tf.math.count_nonzero(mask, axis=1, keepdims=True) > 1
    return tf.where(several, tf.math.l2_normalize(mean, axis=1), mean)


def encode_several(
    inputs: tf.Tensor, encode: Callable[[tf.Tensor], tf.Tensor], pool: Pool
) -> tf.Tensor:
    """Vectors of items that have one picture each, or several, of which only those are encoded that
    there are.

    Where each item of a batch has one picture at most, `encode` sees exactly what it would see of a
    catalogue with one picture an item.

    Args:
        inputs: of one picture an item `[n, h, w, c]` or, as vectors, `[n, d]`; of several `[n, P,
            h, w, c]` or `[n, P, d]`, zeros where there is none.
        encode: inputs of pictures to vectors float `[k, d]`.
        pool: of vectors `[n, P, d]` and a mask bool `[n, P]`.

    Returns:
        float `[n, d]`.
    """
    if inputs.shape.rank % 2 == 0:
        vectors = encode(inputs)
        if not isinstance(pool, AttentionPooling):
            return vectors
        # Of one alone it is that, but its weights have gradients, without which Keras warns.
        return pool(vectors[:, None], tf.ones_like(vectors[:, :1], tf.bool))
    shown = tf.reduce_any(inputs != 0, axis=list(range(2, inputs.shape.rank)))
    # An item without any picture is encoded as one that is black, and masked later on.
    first = tf.range(tf.shape(shown)[1])[None, :] == 0
    shown |= first & ~tf.reduce_any(shown, axis=1, keepdims=True)
    vectors = encode(tf.boolean_mask(inputs, shown))
    shape = tf.concat([tf.shape(shown), tf.shape(vectors)[1:]], 0)
    spread = tf.scatter_nd(tf.cast(tf.where(shown), tf.int32), vectors, shape)
    return pool(tf.ensure_shape(spread, [None, None, vectors.shape[1]]), shown)


def check_pool(pool: str) -> str:
    """The name of a way to pool, if there is such; else a ValueError."""
    if pool not in POOLS:
        raise ValueError(f"pool must be one of {', '.join(POOLS)}, but got {pool!r}.")
    return pool
