"""Cross network: polynomials of features, a degree a layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class CrossNetwork(Configured):
    """Products of up to `depth` + 1 features, each layer multiplying by all features once more.

    A layer gives `x0 * (W x + b) + x`, where `x0` is what the network was given and `x` what the
    layer before gave. With `rank` the matrix is a product of two narrow ones, `W = U V'`; with
    `experts` there are as many such products, each with a non-linear map in its narrow space,
    `U tanh(C tanh(V' x))`, mixed by a softmax of a linear map of `x`.

    Source: Wang et al., "DCN V2", arXiv:2008.13535, equations 1, 4 and 7.

    ```python
    layer = CrossNetwork(depth=2, rank=8)
    crossed = layer(tf.random.normal([32, 80]))  # float32 [32, 80]
    ```

    Args:
        depth: layers.
        rank: width of the narrow space; None for whole matrices.
        experts: narrow spaces a layer; more than one needs `rank`.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: a size below one, or several experts without a rank.
    """

    def __init__(
        self,
        depth: int = 3,
        *,
        rank: int | None = None,
        experts: int = 1,
        name: str = "cross_network",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.depth, self.experts = positive("depth", depth), positive("experts", experts)
        self.rank = None if rank is None else positive("rank", rank)
        if experts > 1 and rank is None:
            raise ValueError(
                f"{experts} experts are mixed in narrow spaces, but `rank`, their width, is None. "
                "To resolve this, give a rank, such as a quarter of the features' width."
            )

    def build(self, shape: Any) -> None:
        """Makes the weights for inputs of `shape` `[B, D]`."""
        width = int(shape[-1])
        self._layers = [
            _Cross(width, self.rank, self.experts, f"cross_{n}") for n in range(self.depth)
        ]
        super().build(shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Crossed features, float `[B, D]` to `[B, D]`."""
        crossed = features
        for layer in self._layers:
            crossed = features * layer(crossed) + crossed
        return crossed


class _Cross(tf.keras.layers.Layer):
    """The linear map of one layer, whole or through narrow spaces: `[B, D]` to `[B, D]`."""

    def __init__(self, width: int, rank: int | None, experts: int, name: str) -> None:
        super().__init__(name=name)
        self.rank, self.experts = rank, experts
        self.bias = self.add_weight("bias", (width,), initializer="zeros")
        if rank is None:
            self.kernel = self.add_weight("kernel", (width, width), initializer=_drawn(width))
            return
        self.narrow = self.add_weight("narrow", (experts, width, rank), initializer=_drawn(width))
        self.widen = self.add_weight("widen", (experts, rank, width), initializer=_drawn(width))
        if experts > 1:
            self.inner = self.add_weight("inner", (experts, rank, rank), initializer=_drawn(width))
            self.gate = self.add_weight("gate", (width, experts), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.rank is None:
            return tf.matmul(x, self.kernel) + self.bias
        inside = tf.einsum("bd,edr->ber", x, self.narrow)
        if self.experts == 1:
            return tf.matmul(inside[:, 0], self.widen[0]) + self.bias
        inside = tf.tanh(tf.einsum("ber,ers->bes", tf.tanh(inside), self.inner))
        share = tf.nn.softmax(tf.matmul(x, self.gate), axis=1)
        return tf.einsum("ber,erd->bd", inside * share[:, :, None], self.widen) + self.bias


def _drawn(width: int) -> tf.keras.initializers.Initializer:
    # Truncated, so that products of several layers do not begin with what is far out.
    return tf.keras.initializers.TruncatedNormal(stddev=width**-0.5)
