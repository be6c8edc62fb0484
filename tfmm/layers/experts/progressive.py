"""Progressive layered extraction: experts of each label's own beside those that all share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured
from tfmm.layers.experts.parts import Expert, mixed


@tf.keras.utils.register_keras_serializable(package="tfmm")
class ProgressiveExperts(Configured):
    """Levels of experts, some of each label's own and some shared, so that labels which pull apart
    do not spoil each other.

    At each level a label's gate mixes its own experts and the shared ones; a gate of what is shared
    mixes all of them for the level above. With one level it is customized gate control.

    Source: Tang et al., "Progressive layered extraction (PLE)", RecSys 2020, sections 4.1 and 4.2.

    ```python
    layer = ProgressiveExperts(labels=2, shared=2, own=1, hidden=(32,), levels=2)
    click, buy = layer(tf.random.normal([8, 20]))  # float32 [8, 32] each
    ```

    Args:
        labels: how many there are.
        shared, own: experts of all labels and of each label, a level.
        hidden: widths of each expert's layers.
        levels: how many there are.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: a size below one, or no layer at all.
    """

    def __init__(
        self,
        labels: int,
        *,
        shared: int = 2,
        own: int = 1,
        hidden: Sequence[int] = (64,),
        levels: int = 2,
        name: str = "progressive_experts",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.labels, self.levels = positive("labels", labels), positive("levels", levels)
        self.shared, self.own = positive("shared", shared), positive("own", own)
        self.hidden = list(hidden)
        self._levels = [
            _Level(labels, shared, own, hidden, last=level == levels - 1, name=f"level_{level}")
            for level in range(levels)
        ]

    def call(self, features: tf.Tensor) -> list[tf.Tensor]:
        """What each label reads: of features float `[B, D]`, a list of `[B, hidden[-1]]`."""
        own, common = [features] * self.labels, features
        for level in self._levels:
            own, common = level(own, common)
        return own


class _Level(tf.keras.layers.Layer):
    """One level: what each label has of it, and, below the last, what is common to all."""

    def __init__(
        self, labels: int, shared: int, own: int, hidden: Sequence[int], *, last: bool, name: str
    ) -> None:
        super().__init__(name=name)
        self.shared = [Expert(hidden, name=f"shared_{n}") for n in range(shared)]
        self.own = [
            [Expert(hidden, name=f"own_{at}_{n}") for n in range(own)] for at in range(labels)
        ]

        def gate(size: int, name: str) -> tf.keras.layers.Layer:
            return tf.keras.layers.Dense(size, use_bias=False, name=name)

        self.gates = [gate(shared + own, f"gate_{at}") for at in range(labels)]
        self.common = None if last else gate(shared + own * labels, "gate_common")

    def call(
        self, own: Sequence[tf.Tensor], common: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        shared = [expert(common) for expert in self.shared]
        said = [
            [expert(read) for expert in experts]
            for experts, read in zip(self.own, own, strict=True)
        ]
        mixtures = [
            mixed(tf.stack(mine + shared, 1), gate(read))
            for mine, gate, read in zip(said, self.gates, own, strict=True)
        ]
        if self.common is None:
            return mixtures, common
        everybody = tf.stack([*(one for mine in said for one in mine), *shared], 1)
        return mixtures, mixed(everybody, self.common(common))
