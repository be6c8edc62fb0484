"""Recurrent fusion: what a shopper saw, step by step, its pictures, words and sounds together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured
from tfmm.layers import fusion as fusions

CELLS: dict[str, Callable[..., tf.keras.layers.Layer]] = {
    "gru": tf.keras.layers.GRU,
    "lstm": tf.keras.layers.LSTM,
}


@tf.keras.utils.register_keras_serializable(package="tfmm")
class MultimodalRNN(Configured):
    """A recurrent network over a sequence whose steps have several modalities, some missing.

    At each step the modalities are fused into one vector by a fusion of `tfmm.layers.fusion`, which
    knows what is missing; an LSTM or a GRU then reads the steps in order. A step without any
    modality is passed over, as padding is.

    Source: the fused steps of Cui et al., "MV-RNN: a multi-view recurrent neural network for
    sequential recommendation", arXiv:1611.06668, section 3, with a fusion that is chosen.

    ```python
    layer = MultimodalRNN(16, cell="gru")
    tokens = tf.random.normal([2, 5, 3, 16])  # 2 shoppers, 5 steps, 3 modalities
    present = tf.ones([2, 5, 3], tf.bool)
    state = layer(tokens, present)  # float32 [2, 16]
    ```

    Args:
        dim: length of the modalities' vectors and of the state.
        cell: "lstm" or "gru".
        fusion: how a step's modalities are fused, see `tfmm.layers.fusion`.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: an unknown cell or fusion, or a `dim` below one.
    """

    def __init__(
        self,
        dim: int,
        *,
        cell: str = "lstm",
        fusion: str = "gated",
        name: str = "multimodal_rnn",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dim, self.cell, self.fusion = positive("dim", dim), cell, fusion
        for argument, value, known in (("cell", cell, CELLS), ("fusion", fusion, fusions.names())):
            if value not in known:
                raise ValueError(f"{argument} must be one of {', '.join(known)}, got {value!r}.")
        self._fuse = fusions.fusion(fusion, dim=dim)
        self._cell = CELLS[cell](dim, name=cell)

    def call(self, tokens: tf.Tensor, present: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The state after the last step.

        Args:
            tokens: the modalities' vectors float32 `[B, T, M, dim]`, oldest step first.
            present: bool `[B, T, M]`, False where a modality is missing.
            training: whether dropout is on.

        Returns:
            float32 `[B, dim]`; zeros where no step has anything.
        """
        steps, modalities = tf.shape(tokens)[1], tokens.shape[2]
        flat = tf.reshape(tokens, [-1, modalities, self.dim])
        there = tf.reshape(present, [-1, modalities])
        fused, _ = self._fuse(flat, there, training=training)
        fused = tf.reshape(fused, [-1, steps, self.dim])
        some = tf.reduce_any(present, axis=2)
        # The fastest kernels want padding behind; so do steps without anything, in their order.
        order = tf.argsort(tf.cast(~some, tf.int32), axis=1, stable=True)
        packed = tf.gather(fused, order, batch_dims=1)
        state = self._cell(packed, mask=tf.gather(some, order, batch_dims=1), training=training)
        return tf.where(tf.reduce_any(some, 1, keepdims=True), state, tf.zeros_like(state))
