"""Dot interaction: how alike each two features are."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class DotInteraction(Configured):
    """The inner products of each two of F vectors, as in DLRM.

    Source: Naumov et al., "Deep learning recommendation model", arXiv:1906.00091, section 2.1.

    ```python
    layer = DotInteraction()
    pairs = layer(tf.random.normal([32, 5, 16]))  # float32 [32, 10]
    ```

    Args:
        itself: whether a vector's product with itself, its squared length, is among them.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: (when called) fewer than two features without `itself`.
    """

    def __init__(
        self, *, itself: bool = False, name: str = "dot_interaction", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.itself = itself

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Products `[B, P]` of features float `[B, F, d]`, row by row of the lower triangle.

        P is F (F - 1) / 2, and F more with `itself`.
        """
        count = int(features.shape[1])
        rows, columns = np.tril_indices(count, 0 if self.itself else -1)
        if not len(rows):
            raise ValueError(
                f"{count} feature has no other to be multiplied with. To resolve this, give two at "
                "least, or `itself=True`."
            )
        products = tf.reshape(tf.matmul(features, features, transpose_b=True), [-1, count * count])
        return tf.gather(products, rows * count + columns, axis=1)
