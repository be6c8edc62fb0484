"""Early fusion: modalities are mixed before anything is scored."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.layers.fusion.base import Fusion, masked_softmax, register, zeroed


@register("concat")
class Concat(Fusion):
    """Early fusion: one network over all modalities side by side.

    A linear layer plus one with a hidden GELU layer read the concatenation, in which a missing
    modality has a learned vector. The weights are the shares of the modalities in the linear
    layer's output, by Euclidean norm.

    Args:
        dim: as in `Fusion`.
        hidden: width of the hidden layer.
        **common: the arguments of `Fusion`.
    """

    def __init__(
        self, dim: int = 64, *, hidden: int = 128, name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.hidden = positive("hidden", hidden)

    def _make(self) -> None:
        width = self.modalities * self.dim
        self.missing = self.add_weight(
            name="missing", shape=(self.modalities, self.dim), initializer="zeros"
        )
        self.linear = self.add_weight(
            name="linear",
            shape=(self.modalities, self.dim, self.dim),
            initializer=tf.keras.initializers.RandomNormal(stddev=width**-0.5),
        )
        self.widen = tf.keras.layers.Dense(self.hidden, "gelu", name="widen")
        self.widen.build([None, width])
        self.narrow = tf.keras.layers.Dense(self.dim, name="narrow")
        self.narrow.build([None, self.hidden])

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        filled = tf.where(mask[:, :, None], tokens, self.missing)
        parts = tf.einsum("nmd,mde->nme", filled, self.linear)
        flat = tf.reshape(filled, [-1, self.modalities * self.dim])
        vector = tf.reduce_sum(parts, axis=1) + self.narrow(self.widen(flat))
        norms = zeroed(tf.norm(tf.stop_gradient(parts), axis=2) + 1e-9, mask)
        return vector, tf.math.divide_no_nan(norms, tf.reduce_sum(norms, axis=1, keepdims=True))


@register("weighted")
class Weighted(Fusion):
    """The mean of the modalities by learned weights, the same for every item.

    The weights are a softmax over the modalities that the item has.
    """

    def _make(self) -> None:
        self.logits = self.add_weight(name="logits", shape=(self.modalities,), initializer="zeros")

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        weights = masked_softmax(self.logits + tf.zeros_like(tokens[:, :, 0]), mask)
        return tf.einsum("nm,nmd->nd", weights, tokens), weights


@register("gated")
class Gated(Fusion):
    """Gates that an item's own modalities open, one a modality and component.

    Gated multimodal units (Arevalo et al., arXiv:1702.01992, section 3) with a softmax over the
    modalities that are there, in place of the sigmoid for two; the units' own projections are the
    encoders' last layers. The gates see all tokens and which are missing. The weights are the mean
    gates of each modality.
    """

    def _make(self) -> None:
        width = self.modalities * (self.dim + 1)
        # Zeros: training starts from the plain mean of the modalities.
        self.gates = tf.keras.layers.Dense(
            self.modalities * self.dim, kernel_initializer="zeros", name="gates"
        )
        self.gates.build([None, width])

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        flat = tf.reshape(tokens, [-1, self.modalities * self.dim])
        logits = self.gates(tf.concat([flat, tf.cast(mask, flat.dtype)], axis=1))
        gates = masked_softmax(
            tf.reshape(logits, [-1, self.modalities, self.dim]), mask[:, :, None]
        )
        return tf.reduce_sum(gates * tokens, axis=1), tf.reduce_mean(gates, axis=2)


@register("attention")
class Attention(Fusion):
    """A transformer layer over the modalities, pooled by a learned query.

    Scaled dot-product attention (Vaswani et al., arXiv:1706.03762, section 3.2) among the tokens
    that are there, each with a learned vector for its modality added, then a feed-forward layer,
    then attention of one learned query. The weights are those of the query, followed back through
    the layer by attention rollout (arXiv:2005.00928, section 3).

    Args:
        dim: as in `Fusion`.
        heads: attention heads, among which `dim` is divided.
        **common: the arguments of `Fusion`.

    Raises:
        ValueError: `heads` does not divide `dim`.
    """

    def __init__(
        self, dim: int = 64, *, heads: int = 4, name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.heads = positive("heads", heads)
        if self.dim % self.heads:
            raise ValueError(f"heads must divide dim, but got heads={heads} and dim={dim}.")

    def _make(self) -> None:
        self.places = self.add_weight(
            name="places",
            shape=(self.modalities, self.dim),
            initializer=tf.keras.initializers.RandomNormal(stddev=0.02),
        )
        self.query = self.add_weight(name="query", shape=(self.dim,), initializer="zeros")
        self.attention = tf.keras.layers.MultiHeadAttention(
            self.heads, self.dim // self.heads, name="attention"
        )
        self.between = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="between")
        self.after = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="after")
        self.widen = tf.keras.layers.Dense(2 * self.dim, "gelu", name="widen")
        # Zeros: training starts from tokens that only attend to each other.
        self.narrow = tf.keras.layers.Dense(self.dim, kernel_initializer="zeros", name="narrow")

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        x = tokens + self.places
        mixed, scores = self.attention(
            x, x, attention_mask=mask[:, None, :], return_attention_scores=True
        )
        x = x + mixed
        x = x + self.narrow(self.widen(self.between(x)))
        keys = self.after(x)
        pool = masked_softmax(tf.einsum("nmd,d->nm", keys, self.query) * self.dim**-0.5, mask)
        followed = tf.einsum("nm,nhmk->nk", pool, scores) / self.heads
        return tf.einsum("nm,nmd->nd", pool, x), (pool + followed) / 2.0
