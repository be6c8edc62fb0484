"""Blocks over the features of an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.layers.experts import MixtureOfExperts, ProgressiveExperts
from tfmm.layers.interactions import CrossNetwork, DotInteraction, FactorizationMachine
from tfmm.tasks.ranking.network.flow import Block, Flow


class Linear(Block):
    """Features as they are, for the heads: a weight for each component."""

    def call(self, flow: Flow, training: bool = False) -> Flow:
        return flow.giving(flow.flat())


class FM(Block):
    """Products of all features (`FactorizationMachine`), component by component."""

    def __init__(self, dim: int, labels: int, name: str) -> None:
        super().__init__(dim, labels, name)
        self.layer = FactorizationMachine(pooled=False)

    def call(self, flow: Flow, training: bool = False) -> Flow:
        return flow.giving(self.layer(flow.fields))


class Dot(Block):
    """Each two features' inner product (`DotInteraction`)."""

    def __init__(self, dim: int, labels: int, name: str) -> None:
        super().__init__(dim, labels, name)
        self.layer = DotInteraction()

    def call(self, flow: Flow, training: bool = False) -> Flow:
        return flow.giving(self.layer(flow.fields))


class Cross(Block):
    """Polynomials of features and numbers (`CrossNetwork`), through narrow matrices, or whole ones
    where `rank` is null."""

    def __init__(
        self,
        dim: int,
        labels: int,
        name: str,
        *,
        depth: int = 2,
        rank: int | None = 32,
        experts: int = 1,
    ) -> None:
        super().__init__(dim, labels, name)
        self.layer = CrossNetwork(depth, rank=rank, experts=experts)

    def call(self, flow: Flow, training: bool = False) -> Flow:
        return flow.giving(self.layer(flow.flat()))


class Deep(Block):
    """A network of dense layers over features, numbers and what blocks before it gave."""

    def __init__(
        self,
        dim: int,
        labels: int,
        name: str,
        *,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.1,
    ) -> None:
        super().__init__(dim, labels, name)
        self.dense = [
            tf.keras.layers.Dense(positive("hidden", width), "relu", name=f"dense_{n}")
            for n, width in enumerate(hidden)
        ]
        self.drop = tf.keras.layers.Dropout(dropout)

    def call(self, flow: Flow, training: bool = False) -> Flow:
        hidden = tf.concat([flow.flat(), *flow.found], axis=1)
        for layer in self.dense:
            hidden = self.drop(layer(hidden), training=training)
        return flow.giving(hidden)


class Experts(Block):
    """Networks that labels share, mixed for each by a gate (`MixtureOfExperts`); a last block."""

    def __init__(self, dim: int, labels: int, name: str, **options: Any) -> None:
        super().__init__(dim, labels, name)
        self.layer = MixtureOfExperts(labels, **options)

    def call(self, flow: Flow, training: bool = False) -> Flow:
        own = self.layer(tf.concat([flow.flat(), *flow.found], axis=1))
        return flow.with_own(own)


class Progressive(Experts):
    """Networks of all labels and of each, level upon level (`ProgressiveExperts`); a last block."""

    def __init__(self, dim: int, labels: int, name: str, **options: Any) -> None:
        Block.__init__(self, dim, labels, name)
        self.layer = ProgressiveExperts(labels, **options)
