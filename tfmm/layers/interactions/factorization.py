"""Factorization machine: the sum of all features' products, at the cost of a sum."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.configured import Configured


@tf.keras.utils.register_keras_serializable(package="tfmm")
class FactorizationMachine(Configured):
    """The sum of the inner products of each two of F vectors, without any of them being made.

    Half of the square of the sum less the sum of the squares; the terms of single features, which a
    factorization machine has besides, are a linear model's. With `pooled=False` the products are
    not summed over the vectors' components, for a network to go on with.

    Source: Rendle, "Factorization machines", ICDM 2010, lemma 3.1; without the sum, He and Chua,
    "Neural factorization machines", arXiv:1708.05027, equation 4.

    ```python
    layer = FactorizationMachine()
    second_order = layer(tf.random.normal([32, 5, 16]))  # float32 [32, 1]
    ```

    Args:
        pooled: whether components are summed.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.
    """

    def __init__(
        self, *, pooled: bool = True, name: str = "factorization_machine", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pooled = pooled

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """The products of features float `[B, F, d]`, summed: `[B, 1]`, or `[B, d]`."""
        total = tf.reduce_sum(features, axis=1)
        products = 0.5 * (total**2 - tf.reduce_sum(features**2, axis=1))
        return tf.reduce_sum(products, axis=1, keepdims=True) if self.pooled else products
