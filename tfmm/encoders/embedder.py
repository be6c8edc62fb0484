"""An encoder from raw values to vectors, as a module that a SavedModel can hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


class Embedder(tf.Module):
    """Calls `embed` on raw values of one shape and type.

    Args:
        embed: raw values to vectors float32 `[n, dim]`.
        spec: shape and type of the raw values.
        weights: the variables that `embed` reads.
        resources: what else a SavedModel has to hold, tables for instance.
    """

    def __init__(
        self,
        embed: Callable[[tf.Tensor], tf.Tensor],
        spec: tf.TensorSpec,
        weights: Sequence[tf.Variable],
        resources: Sequence[Any] = (),
    ) -> None:
        super().__init__(name="embedder")
        #: Shape and type of the raw values, the batch first.
        self.spec = spec
        self.embed = tf.function(embed, input_signature=[spec], autograph=False)
        self.embed.get_concrete_function()
        # Variables alone: a tracked Keras layer brings its own functions into the SavedModel.
        self.weights = list(weights)
        self.resources = list(resources)

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        return self.embed(values)
