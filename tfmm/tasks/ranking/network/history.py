"""Blocks over what a shopper met before."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfmm.layers.multimodal_rnn import MultimodalRNN
from tfmm.layers.target_attention import TargetAttention
from tfmm.tasks.ranking.network.flow import Block, Flow


class History(Block):
    """What a shopper met before, summed and divided by the root of its length, as one more feature;
    where examples have a number, a second sum weighed by it.

    Source: the implicit feedback of Koren, "Factorization meets the neighborhood" (SVD++), KDD
    2008, and the weighed sum of its Asymmetric-SVD.
    """

    historic = True

    def __init__(self, dim: int, labels: int, name: str) -> None:
        super().__init__(dim, labels, name)
        self.of_items = tf.keras.layers.Dense(dim, use_bias=False, name="of_items")
        self.of_values = tf.keras.layers.Dense(dim, use_bias=False, name="of_values")

    def call(self, flow: Flow, training: bool = False) -> Flow:
        items, there = _flat_history(flow)
        share = tf.math.rsqrt(tf.maximum(tf.reduce_sum(there, 1, keepdims=True), 1.0))
        weights = there * share
        pooled = self.of_items(tf.einsum("bt,btd->bd", weights, items))
        flow = flow.with_field(pooled)
        if flow.value is not None:
            valued = tf.einsum("bt,btd->bd", weights * flow.value, items)
            flow = flow.with_field(self.of_values(valued))
        return flow


class Attention(Block):
    """What a shopper met before, as the item at hand sees it (`TargetAttention`), as one more
    feature."""

    historic = True

    def __init__(
        self,
        dim: int,
        labels: int,
        name: str,
        *,
        hidden: Sequence[int] = (36,),
        softmax: bool = False,
    ) -> None:
        super().__init__(dim, labels, name)
        self.hidden, self.softmax = tuple(hidden), softmax
        self.project = tf.keras.layers.Dense(dim, name="project")
        self.layer: TargetAttention | None = None

    def call(self, flow: Flow, training: bool = False) -> Flow:
        if self.layer is None:
            self.layer = TargetAttention(
                self.hidden, softmax=self.softmax, gaps=flow.gap is not None
            )
        items, there = _flat_history(flow)
        width = flow.target.shape[1] * flow.target.shape[2]
        target = self.project(tf.reshape(flow.target, [-1, width]))
        pooled = self.layer(self.project(items), target, there > 0, flow.gap)
        # Sums, so that many are told from few, held to the scale of the other features.
        return flow.with_field(pooled / tf.sqrt(float(items.shape[1])))


class Recurrent(Block):
    """What a shopper met before, step by step, its features fused at each (`MultimodalRNN`), as one
    more feature."""

    historic = True

    def __init__(
        self, dim: int, labels: int, name: str, *, cell: str = "gru", fusion: str = "gated"
    ) -> None:
        super().__init__(dim, labels, name)
        self.layer = MultimodalRNN(dim, cell=cell, fusion=fusion)

    def call(self, flow: Flow, training: bool = False) -> Flow:
        _, there = _flat_history(flow)
        history = flow.history
        assert history is not None
        present = tf.broadcast_to((there > 0)[:, :, None], tf.shape(history)[:3])
        return flow.with_field(self.layer(history, present, training=training))


def _flat_history(flow: Flow) -> tuple[tf.Tensor, tf.Tensor]:
    """The items of the history as `[B, T, Fi * d]`, and 1 where there is one, `[B, T]`."""
    history, there = flow.history, flow.there
    assert history is not None
    assert there is not None
    width = history.shape[2] * history.shape[3]
    flat = tf.reshape(history, [-1, history.shape[1], width])
    there = tf.cast(there, flat.dtype)
    return flat * there[:, :, None], there
