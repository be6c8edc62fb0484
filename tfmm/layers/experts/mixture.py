"""Multi-gate mixture of experts: networks that all labels share, mixed for each by a gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.configured import Configured
from tfmm.layers.experts.parts import Expert, mixed


@tf.keras.utils.register_keras_serializable(package="tfmm")
class MixtureOfExperts(Configured):
    """Networks that read the same features, and for each label a gate that mixes what they say.

    Source: Ma et al., "Modeling task relationships in multi-task learning with multi-gate
    mixture-of-experts", KDD 2018, equations 5 to 7.

    ```python
    layer = MixtureOfExperts(labels=2, experts=4, hidden=(32,))
    click, buy = layer(tf.random.normal([8, 20]))  # float32 [8, 32] each
    ```

    Args:
        labels: how many there are.
        experts: networks.
        hidden: widths of each network's layers.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: a size below one, or no layer at all.
    """

    def __init__(
        self,
        labels: int,
        *,
        experts: int = 4,
        hidden: Sequence[int] = (64,),
        name: str = "mixture_of_experts",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.labels, self.experts = positive("labels", labels), positive("experts", experts)
        self.hidden = list(hidden)
        self._experts = [Expert(hidden, name=f"expert_{n}") for n in range(experts)]
        self._gates = [
            tf.keras.layers.Dense(experts, use_bias=False, name=f"gate_{n}") for n in range(labels)
        ]

    def call(self, features: tf.Tensor) -> list[tf.Tensor]:
        """What each label reads: of features float `[B, D]`, a list of `[B, hidden[-1]]`."""
        said = tf.stack([expert(features) for expert in self._experts], axis=1)
        return [mixed(said, gate(features)) for gate in self._gates]
