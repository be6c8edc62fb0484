"""Late fusion: each modality scores for itself; and the hybrid of both."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.encoders.base import positive
from tfmm.layers.fusion.base import Fusion, fusion, masked_softmax, names, register, zeroed


@register("late")
class Late(Fusion):
    """Late fusion: the score of two items is the weighted sum of their scores by modality.

    The served score is one inner product, so each modality is projected to its own stretch of the
    vector (`dim` divided among the modalities), scaled to length 1, and multiplied by the root of
    its weight: the inner product of two vectors is then the sum over modalities of the root of
    their two weights times their cosine. Weights are learned, the same for every item, and
    renormalised over what an item has. A vector's length is 1, and sums of such vectors, as a
    shopper's history is, keep the property.

    Args:
        dim: as in `Fusion`.
        width: length of the vector that comes out; `dim` unless given.
        **common: the arguments of `Fusion`.

    Raises:
        ValueError: on the first call, if there are more modalities than components.
    """

    def __init__(
        self, dim: int = 64, *, width: int | None = None, name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.width = self.dim if width is None else positive("width", width)

    def _make(self) -> None:
        if self.modalities > self.width:
            raise ValueError(
                f"Late fusion gives every modality components of its own, but there are "
                f"{self.modalities} modalities and {self.width} components. Raise dim."
            )
        self.logits = self.add_weight(name="logits", shape=(self.modalities,), initializer="zeros")
        share, rest = divmod(self.width, self.modalities)
        self.projections = []
        for modality in range(self.modalities):
            layer = tf.keras.layers.Dense(
                share + (modality < rest), use_bias=False, name=f"projection{modality}"
            )
            layer.build([None, self.dim])
            self.projections.append(layer)

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        weights = masked_softmax(self.logits + tf.zeros_like(tokens[:, :, 0]), mask)
        # A root's slope at 0 is infinite: missing modalities must not pass through it.
        roots = zeroed(tf.sqrt(tf.where(mask, weights, 1.0)), mask)
        parts = [
            tf.math.l2_normalize(project(tokens[:, m]), axis=1, epsilon=1e-12) * roots[:, m, None]
            for m, project in enumerate(self.projections)
        ]
        return tf.concat(parts, axis=1), weights


@register("hybrid")
class Hybrid(Fusion):
    """Early and late fusion side by side: the score is the weighted sum of both scores.

    Half of the vector is the early part, another fusion (`early`) projected and scaled to length 1,
    the other half the late part (`Late`); both are multiplied by the roots of learned shares. The
    weights are those of the parts, by the same shares.

    Args:
        dim: as in `Fusion`; 2 or more.
        early: the kind of fusion of the early part.
        **common: the arguments of `Fusion`.

    Raises:
        ValueError: for an `early` that is no early kind.
    """

    def __init__(
        self, dim: int = 64, *, early: str = "gated", name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        kinds = [kind for kind in names() if kind not in ("late", "hybrid")]
        if early not in kinds:
            raise ValueError(unknown("early fusion of a hybrid", early, kinds))
        if self.dim < 2:
            raise ValueError("Hybrid fusion divides dim in two, but got dim=1.")
        self.early = early

    def _make(self) -> None:
        common: dict[str, Any] = {"modality_dropout": 0.0, "normalize": False}
        half = self.dim // 2
        self.early_part = fusion(self.early, self.dim, **common)
        self.late_part = Late(self.dim, width=half, **common)
        self.projection = tf.keras.layers.Dense(self.dim - half, use_bias=False, name="projection")
        self.logits = self.add_weight(name="logits", shape=(2,), initializer="zeros")

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        shares = tf.nn.softmax(self.logits)
        early, early_weights = self.early_part(tokens, mask, training=training)
        late, late_weights = self.late_part(tokens, mask, training=training)
        early = tf.math.l2_normalize(self.projection(early), axis=1, epsilon=1e-12)
        roots = tf.sqrt(shares)
        vector = tf.concat([early * roots[0], late * roots[1]], axis=1)
        return vector, early_weights * shares[0] + late_weights * shares[1]
