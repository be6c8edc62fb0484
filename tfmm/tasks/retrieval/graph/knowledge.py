"""Message passing over triples: relation-aware attention and relational convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfmm.layers.sparse import gathered, weighted_product

KNOWLEDGE_KINDS = ("attention", "rgcn")
#: Length of what attention compares.
PROJECTED = 16


@tf.keras.utils.register_keras_serializable(package="tfmm")
class KnowledgePropagation(tf.keras.layers.Layer):
    """What is known of items, and of what that is, in vectors of the items.

    Every node, an item or an entity that is none, takes in its neighbours' states for some rounds;
    the items' states of all rounds are added up. After two rounds an item has heard of the items
    that share an entity with it.

    - `attention`: a state is the mean of the neighbours', weighted by `softmax(log p + b_r + (W_r
      t) · tanh(W_r h + e_r))` over the edges into h, where p is the edge's prior weight (Wang et
      al., "KGAT", KDD 2019, eq. 4 and 5; its states added up as by LightGCN);
    - `rgcn`: `act(Σ p W_r t + W_0 h)` over the edges into h (Schlichtkrull et al., "Modeling
      relational data with graph convolutional networks", ESWC 2018, eq. 2).

    In both, a relation's matrix is a mixture of a few: `W_r = Σ_b a_rb V_b` (ibid., eq. 3). Both
    ways of a relation are relations of their own.

    Args:
        entities: number of entities.
        ways: number of relations, both ways counted.
        dim: length of the vectors.
        kind: one of `KNOWLEDGE_KINDS`.
        layers: rounds of messages.
        bases: matrices that relations mix.
        dropout: share of entities whose own vectors are hidden in training, so that they pass on
            what they hear.
        weight: of what it gives, to begin with.
        learned: whether the weight is.
        activation: of `rgcn`, by Keras's name.
        name, **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: an unknown kind, or fewer than one round or matrix.
    """

    def __init__(
        self,
        entities: int,
        ways: int,
        dim: int,
        *,
        kind: str = "attention",
        layers: int = 2,
        bases: int = 4,
        dropout: float = 0.0,
        weight: float = 1.0,
        learned: bool = False,
        activation: str = "tanh",
        name: str = "knowledge",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if kind not in KNOWLEDGE_KINDS:
            known = ", ".join(KNOWLEDGE_KINDS)
            raise ValueError(f"kind must be one of {known}, got {kind!r}.")
        if layers < 1 or bases < 1:
            raise ValueError(f"layers and bases must be 1 or more, got {layers} and {bases}.")
        self.kind, self.rounds, self.dim = kind, layers, dim
        self.activation = tf.keras.activations.get(activation)
        self.bases, self.dropout = bases, dropout
        self.initial, self.learned = weight, learned
        self.entities = self.add_weight(
            "entities", (entities, dim), initializer=tf.keras.initializers.RandomNormal(stddev=0.05)
        )
        # Relations that were never trained on are like the mean of all.
        self.mixture = self.add_weight(
            "mixture", (ways, bases), initializer=tf.keras.initializers.Constant(1 / bases)
        )
        width = PROJECTED if kind == "attention" else dim
        start = tf.keras.initializers.RandomNormal(stddev=dim**-0.5)
        if kind == "rgcn":
            # At first messages are passed on as they are: noise on them costs more than it teaches.
            start = _near_one
        rounds = 1 if kind == "attention" else layers
        self.matrices = [
            self.add_weight(f"matrices_{number}", (bases, dim, width), initializer=start)
            for number in range(rounds)
        ]
        self.own: list[tf.Variable] = []
        if kind == "attention":
            self.shift = self.add_weight("shift", (ways, width), initializer="zeros")
            self.bias = self.add_weight("bias", (ways,), initializer="zeros")
        else:
            self.own = [
                self.add_weight(f"own_{number}", (dim, dim), initializer="zeros")
                for number in range(layers)
            ]
        self.weight = self.add_weight(
            "weight", (), initializer=tf.keras.initializers.Constant(weight), trainable=learned
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as JSON values; the edges are none of them."""
        return super().get_config() | {
            "entities": self.entities.shape[0],
            "ways": self.mixture.shape[0],
            "dim": self.dim,
            "kind": self.kind,
            "layers": self.rounds,
            "bases": self.bases,
            "dropout": self.dropout,
            "weight": self.initial,
            "learned": self.learned,
            "activation": tf.keras.activations.serialize(self.activation),
        }

    @property
    def by_way(self) -> list[tf.Variable]:
        """The variables with a row for each way of a relation."""
        return [self.mixture, *([self.shift, self.bias] if self.kind == "attention" else [])]

    def memory(self, edges: int, nodes: int) -> int:
        """Bytes that a training step over all edges takes, roughly and from above."""
        projected = PROJECTED * self.bases if self.kind == "attention" else 0
        # Both ends projected and mixed, and as much again for gradients; the vectors of both ends
        # for the gradient of an edge's weight; places, values and both matrices of rows.
        of_edges = edges * (4 * (4 * projected + 6 * PROJECTED + 2 * self.dim) + 64)
        return of_edges + nodes * self.dim * 4 * (2 * (self.rounds + 1) + 4)

    def call(
        self, items: tf.Tensor, edges: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """What knowledge brings to items, float32 `[a, dim]`.

        Args:
            items: the items' own vectors, float32 `[a, dim]`.
            edges: of `KnowledgeEdges.whole` or `KnowledgeSampler.around`: of so many items.
            training: whether some entities' own vectors are hidden.
        """
        entities = tf.gather(self.entities, edges["entities"])
        if training and self.dropout > 0:
            keep = tf.random.uniform((tf.shape(entities)[0], 1)) >= self.dropout
            entities *= tf.cast(keep, entities.dtype)
        state = tf.concat([items, entities], 0)
        n_items, n = tf.shape(items)[0], tf.shape(state)[0]
        total = tf.zeros_like(items)
        shape = tf.stack([n, n])
        places = tf.stack([edges["row"], edges["column"]], 1)
        places = tf.cast(places, tf.int64)
        mixture = gathered(self.mixture, edges["way"])
        share = self.attention(state, edges) if self.kind == "attention" else None
        for number in range(self.rounds):
            if share is not None:
                state = weighted_product(places, share, shape, state)
            else:
                parts = [tf.matmul(state, self.own[number])]
                for base, matrix in enumerate(tf.unstack(self.matrices[number])):
                    value = edges["prior"] * mixture[:, base]
                    sent = tf.matmul(state, matrix)
                    parts.append(weighted_product(places, value, shape, sent))
                state = self.activation(tf.add_n(parts))
            total += state[:n_items]
        return self.weight * total

    def attention(self, state: tf.Tensor, edges: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The share of each edge among those into its node, float32 `[edges]`.

        Args:
            state: the nodes' own vectors, float32 `[n, dim]`.
            edges: see `call`.
        """
        way, width = edges["way"], self.bases * PROJECTED
        by_base = tf.reshape(tf.transpose(self.matrices[0], (1, 0, 2)), (self.dim, width))
        projected = tf.matmul(state, by_base)
        mixture = gathered(self.mixture, way)[:, :, None]
        head, tail = (
            tf.reduce_sum(
                mixture * tf.reshape(gathered(projected, edges[end]), (-1, self.bases, PROJECTED)),
                1,
            )
            for end in ("row", "column")
        )
        logits = tf.reduce_sum(tail * tf.tanh(head + gathered(self.shift, way)), 1)
        logits += gathered(self.bias[:, None], way)[:, 0] + tf.math.log(edges["prior"])
        n = tf.shape(state)[0]
        row = edges["row"]
        most = tf.math.unsorted_segment_max(tf.stop_gradient(logits), row, n)
        powers = tf.exp(logits - tf.gather(most, row))
        return powers / tf.gather(tf.math.unsorted_segment_sum(powers, row, n), row)


def _near_one(shape: Any, dtype: Any = None) -> tf.Tensor:
    """Matrices `[bases, dim, dim]` near the identity, apart by chance."""
    return tf.eye(shape[1], dtype=dtype) + tf.random.normal(shape, stddev=0.02, dtype=dtype)
