"""Target attention: what of a history speaks for the very item that is to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured

#: Seconds are told apart by the power of two they are nearest to, from one second to some 68 years.
_GAPS = 32


@tf.keras.utils.register_keras_serializable(package="tfmm")
class TargetAttention(Configured):
    """A history's vectors, each weighed by what it has to do with the item that is to be judged.

    A small network gives each item of the history a weight from its vector, the target's, their
    product and their difference, and, where it is told, from the time between the two. Weights
    are not made to sum to one, so that a shopper who looked at ten such items is told from one who
    looked at one; with `softmax=True` they are.

    Source: Zhou et al., "Deep interest network", arXiv:1706.06978, section 4.3. Time as embedded
    powers of two: Chen et al., "Behavior sequence transformer", arXiv:1905.06874, has differences
    of time in places' stead; that they enter by their logarithm is ours.

    ```python
    layer = TargetAttention()
    history, target = tf.random.normal([2, 3, 16]), tf.random.normal([2, 16])
    mask = tf.constant([[True, True, True], [True, False, False]])
    pooled = layer(history, target, mask)  # float32 [2, 16]
    ```

    Args:
        hidden: widths of the network's hidden layers.
        softmax: whether a history's weights sum to one.
        gaps: whether `call` is told the time between history and target.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: a width below one, or none; (when called) gaps that are missing or of no use.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (36,),
        *,
        softmax: bool = False,
        gaps: bool = False,
        name: str = "target_attention",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.hidden = [positive("hidden", width) for width in hidden]
        if not self.hidden:
            raise ValueError("hidden must name the width of one layer at least, but is empty.")
        self.softmax, self.gaps = softmax, gaps
        # The first layer's map of (history, target, product, difference) is applied to each part
        # by itself, since those of history and target are shared by all pairs of them.
        first, *further = self.hidden
        self._of_history = tf.keras.layers.Dense(first, name="of_history")
        self._of_target = tf.keras.layers.Dense(first, use_bias=False, name="of_target")
        self._of_product = tf.keras.layers.Dense(first, use_bias=False, name="of_product")
        self._further = [
            tf.keras.layers.Dense(width, name=f"hidden_{n}") for n, width in enumerate(further, 1)
        ]
        self._bends = [
            tf.keras.layers.PReLU(shared_axes=[1, 2], name=f"bend_{n}")
            for n in range(len(self.hidden))
        ]
        self._score = tf.keras.layers.Dense(1, name="score")
        if gaps:
            self._of_gap = self.add_weight("of_gap", (_GAPS + 1, first), initializer="zeros")

    def call(
        self,
        history: tf.Tensor,
        target: tf.Tensor,
        mask: tf.Tensor,
        gap: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The history as each target sees it.

        Args:
            history: float `[B, T, d]`.
            target: float `[B, d]`, or `[B, N, d]` for N targets to each history.
            mask: bool `[B, T]`, False where there is no item.
            gap: seconds from each item of the history to its target, numbers `[B, T]`; negative
                ones count as none.

        Returns:
            float `[B, d]`, or `[B, N, d]`; zeros where the mask has nothing.
        """
        if (gap is not None) != self.gaps:
            raise ValueError(
                f"{self.name} was made with gaps={self.gaps}, but "
                + ("was told gaps." if gap is not None else "was told none.")
            )
        target = tf.convert_to_tensor(target, history.dtype)
        single = target.shape.rank == 2
        targets = target[:, None] if single else target
        width, items = history.shape[-1], tf.shape(targets)[1]
        told = self._of_history(history)
        if gap is not None:
            told += tf.gather(self._of_gap, _bucket(gap))
        product = targets[:, :, None] * history[:, None]
        hidden = self._of_target(targets)[:, :, None] + told[:, None] + self._of_product(product)
        steps = tf.shape(history)[1]
        hidden = tf.reshape(hidden, [-1, items, steps, self.hidden[0]])
        hidden = self._bends[0](hidden)
        for layer, bend in zip(self._further, self._bends[1:], strict=True):
            hidden = bend(layer(hidden))
        weights = self._score(hidden)[..., 0]
        there = mask[:, None]
        if self.softmax:
            lowest = tf.constant(weights.dtype.min, weights.dtype)
            weights = tf.nn.softmax(tf.where(there, weights, lowest), axis=2)
        weights = tf.where(there, weights, tf.zeros_like(weights))
        pooled = tf.ensure_shape(tf.matmul(weights, history), [None, None, width])
        return pooled[:, 0] if single else pooled


def _bucket(seconds: tf.Tensor) -> tf.Tensor:
    """The power of two that numbers of seconds are nearest to, int32; 0 for none or less."""
    power = tf.math.log1p(tf.maximum(tf.cast(seconds, tf.float32), 0.0)) / tf.math.log(2.0)
    return tf.minimum(tf.cast(tf.round(power), tf.int32), _GAPS)
