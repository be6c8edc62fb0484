"""Message passing over typed edges: LightGCN and graph convolutions, full or sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfmm.layers.sparse import SparseMatrix
from tfmm.tasks.retrieval.graph.edges import ITEM, USER, Edges
from tfmm.tasks.retrieval.graph.left_out import LeftOut, key_of

KINDS = ("lightgcn", "gcn")
MIXES = ("learned", "fixed")


@dataclass(frozen=True)
class Relation:
    """A type of edge, before there are edges.

    Attributes:
        name, source, target: as of `Edges`.
        weight: of its messages, to begin with.
    """

    name: str
    source: str
    target: str
    weight: float = 1.0

    @property
    def once(self) -> bool:
        """Whether the type joins items with items: added once, not at every layer."""
        return self.source == self.target


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The edges of a relation as tensors, ascending by row, then column."""

    indices: tf.Tensor
    values: tf.Tensor
    shape: tuple[int, int]
    pair: tf.Tensor | None
    support: tf.Tensor | None

    @classmethod
    def of(cls, edges: Edges) -> Adjacency:
        """The tensors of some edges."""
        matrix = edges.matrix
        row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        indices = np.stack([row, matrix.indices], axis=1).astype(np.int64)
        pair, support = (
            None if one is None else tf.constant(one) for one in (edges.pair, edges.support)
        )
        return cls(tf.constant(indices), tf.constant(matrix.data), matrix.shape, pair, support)

    def matrix(
        self, left_out: LeftOut | None = None, keep: tf.Tensor | None = None
    ) -> SparseMatrix:
        """The edges as a matrix for one pass.

        Args:
            left_out: what the pass leaves out.
            keep: its `keep()`, made once for all types of events.
        """
        values = self.values
        if keep is not None and self.pair is not None:
            values *= tf.gather(keep, self.pair)
        if left_out is not None and self.support is not None:
            values *= self._rest(left_out.met)
        return SparseMatrix.of(self.indices, values, self.shape)

    def _rest(self, met: tf.Tensor) -> tf.Tensor:
        """The share of each edge's support, float32 `[edges]`, that is not among `met`."""
        key = key_of(self.indices[:, 0], self.indices[:, 1], self.shape[1])
        at = tf.minimum(tf.searchsorted(key, met), tf.size(key) - 1)
        at = tf.boolean_mask(at, tf.equal(tf.gather(key, at), met))
        taken = tf.math.unsorted_segment_sum(tf.ones_like(at, tf.float32), at, tf.size(key))
        return tf.maximum(1.0 - taken / self.support, 0.0)


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Propagation(tf.keras.layers.Layer):
    """What a graph brings to the vectors of its items.

    Between items, users and attribute values messages pass for some layers, and the states of all
    layers are added up; edges between items (similar, together) are followed once, from the items'
    own vectors:

    - `lightgcn`: a state is the weighted sum of its neighbours' (He et al., SIGIR 2020);
    - `gcn`: neighbours and the node itself pass a weight matrix for each type of edge, and an
      activation (Kipf and Welling, ICLR 2017; by type as Schlichtkrull et al., ESWC 2018).

    Args:
        sizes: number of nodes by type: items, users, and each attribute.
        dim: length of the vectors.
        relations: the types of edges.
        kind: one of `KINDS`.
        layers: rounds of messages; 0 leaves only the edges between items.
        mix: whether the weights of the edge types are `learned` or `fixed`.
        activation: of `gcn`, by Keras's name.
        users: whether users have vectors of their own.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: an unknown `kind` or `mix`, or a negative number of layers.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        dim: int,
        relations: Sequence[Relation],
        *,
        kind: str = "lightgcn",
        layers: int = 2,
        mix: str = "learned",
        activation: str = "tanh",
        users: bool = False,
        name: str = "propagation",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for argument, value, known in (("kind", kind, KINDS), ("mix", mix, MIXES)):
            if value not in known:
                raise ValueError(f"{argument} must be one of {', '.join(known)}, got {value!r}.")
        if layers < 0:
            raise ValueError(f"layers must be 0 or more, got {layers}.")
        self.sizes, self.dim, self.kind, self.rounds = dict(sizes), dim, kind, layers
        self.relations = {relation.name: relation for relation in relations}
        self.learned, self.users = mix == "learned", users
        self.activation = tf.keras.activations.get(activation)
        # Weights are saved under these names, which run folders hold.
        self.mix = {
            name: self.add_weight(
                f"mix_{name}",
                (),
                initializer=tf.keras.initializers.Constant(relation.weight),
                trainable=mix == "learned",
            )
            for name, relation in self.relations.items()
        }
        #: The starting vectors of attribute values.
        self.nodes = {
            kind_: self.add_weight(f"nodes_{kind_}", (size, dim), initializer=_small())
            for kind_, size in self.sizes.items()
            if kind_ not in (ITEM, USER)
        }
        self.kernels: dict[str, tf.Variable] = {}
        self.plan = self._plan(users)
        for number, steps in enumerate(self.plan if kind == "gcn" else ()):
            for key in [key for keys in steps.values() for key in keys]:
                self.kernels[f"{key} {number}"] = self.add_weight(
                    f"kernel_{key}_{number}", (dim, dim), initializer="glorot_uniform"
                )
        # What the graph brought to each item when the model was last settled.
        self.reached = self.add_weight(
            "reached", (self.sizes[ITEM], dim), initializer="zeros", trainable=False
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as JSON values; the edges are none of them."""
        return super().get_config() | {
            "sizes": dict(self.sizes),
            "dim": self.dim,
            "relations": [asdict(relation) for relation in self.relations.values()],
            "kind": self.kind,
            "layers": self.rounds,
            "mix": "learned" if self.learned else "fixed",
            "activation": tf.keras.activations.serialize(self.activation),
            "users": self.users,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer that `get_config` describes."""
        relations = [Relation(**relation) for relation in config["relations"]]
        return cls(**{**config, "relations": relations})

    def call(
        self,
        items: tf.Tensor,
        edges: Mapping[str, Adjacency],
        users: tf.Tensor | None = None,
        left_out: LeftOut | None = None,
    ) -> tf.Tensor:
        """What the whole graph brings to every item, float32 `[n_items, dim]`.

        Args:
            items: the items' own vectors, float32 `[n_items, dim]`.
            edges: by relation; relations without edges bring nothing.
            users: the users' own vectors, float32 `[n_users, dim]`, if they have any.
            left_out: what is left out of this pass.
        """
        state: dict[str, tf.Tensor | None] = {ITEM: items, USER: users, **self.nodes}
        total = tf.zeros_like(items)
        ways = self._ways()
        keep = None if left_out is None else left_out.keep()
        matrices = {name: one.matrix(left_out, keep) for name, one in edges.items()}
        for number, steps in enumerate(self.plan):
            messages: dict[str, list[tuple[str, tf.Tensor]]] = {kind: [] for kind in steps}
            for kind, keys in steps.items():
                for key in keys:
                    relation, back = ways.get(key, (None, False))
                    if relation is None or relation.name not in matrices:
                        continue
                    before = state[_ends(relation, back)[1]]
                    if before is not None:
                        matrix = matrices[relation.name]
                        messages[kind].append((key, (matrix.T if back else matrix).times(before)))
            state = {
                kind: self._next(kind, number, found, state[kind])
                for kind, found in messages.items()
            }
            state = {kind: state.get(kind) for kind in self.sizes}
            if state[ITEM] is not None:
                total += state[ITEM]
        for name, relation in self.relations.items():
            if relation.once and name in matrices:
                total += self.mix[name] * matrices[name].times(items)
        return total

    def sampled(self, own: tf.Tensor, tree: Mapping[str, Any], users: Any = None) -> tf.Tensor:
        """What a sample of the graph brings to some items, float32 `[n, dim]`.

        Args:
            own: own vectors of the batch's items, float32 `[U, dim]`.
            tree: of `NeighbourSampler`: `rows` int32 `[n]`, positions in `own`; `ways` by key
                {`weight` float32 `[n, f]`, `tree`}; `once` by relation likewise.
            users: the table of the users' own vectors, if they have any.
        """
        states = self._states(ITEM, tree, own, users)
        total = tf.zeros_like(tf.gather(own, tree["rows"]))
        for state in states[1:]:
            if state is not None:
                total += state
        for name, sample in tree["once"].items():
            near = tf.gather(own, sample["tree"]["rows"])
            total += self.mix[name] * _weighted(sample["weight"], near)
        return total

    def _states(
        self, kind: str, tree: Mapping[str, Any], own: tf.Tensor, users: Any
    ) -> list[tf.Tensor | None]:
        """The states of a tree's root nodes after 0, 1, … rounds."""
        if kind == ITEM:
            first = tf.gather(own, tree["rows"])
        else:
            table = users if kind == USER else self.nodes[kind]
            first = None if table is None else tf.gather(table, tree["rows"])
        ways = self._ways()
        below = {}
        for key, sample in tree["ways"].items():
            _, out_of = _ends(*ways[key])
            below[key] = self._states(out_of, sample["tree"], own, users)
        states: list[tf.Tensor | None] = [first]
        for number in range(min((len(found) for found in below.values()), default=0)):
            messages = [
                (key, _weighted(tree["ways"][key]["weight"], found[number]))
                for key, found in below.items()
                if found[number] is not None
            ]
            states.append(self._next(kind, number, messages, states[-1]))
        return states

    def _next(
        self,
        kind: str,
        number: int,
        messages: Sequence[tuple[str, tf.Tensor]],
        own: tf.Tensor | None,
    ) -> tf.Tensor | None:
        """The next state of the nodes of a type, None for nothing."""
        ways = self._ways()
        weighted = [(key, self.mix[ways[key][0].name] * message) for key, message in messages]
        if self.kind == "lightgcn":
            return tf.add_n([message for _, message in weighted]) if weighted else None
        parts = [tf.matmul(value, self.kernels[f"{key} {number}"]) for key, value in weighted]
        if own is not None:
            parts.append(tf.matmul(own, self.kernels[f"self {kind} {number}"]))
        return self.activation(tf.add_n(parts)) if parts else None

    def _plan(self, users: bool) -> list[dict[str, list[str]]]:
        """For each round the types of node that get a new state, and from what: keys of `_ways`,
        and `self …` for the node's own state, which `gcn` adds."""
        there = {kind for kind in self.sizes if kind != USER or users}
        plan = []
        for number in range(self.rounds):
            steps: dict[str, list[str]] = {}
            for kind in self.sizes:
                # The last round is for the items alone.
                if number == self.rounds - 1 and kind != ITEM:
                    continue
                keys = [
                    key
                    for key, way in self._ways().items()
                    if _ends(*way)[0] == kind and _ends(*way)[1] in there
                ]
                own = [f"self {kind}"] if self.kind == "gcn" and kind in there else []
                if keys or own:
                    steps[kind] = keys + own
            there = set(steps)
            plan.append(steps)
        return plan

    def _ways(self) -> dict[str, tuple[Relation, bool]]:
        """Both ways of every relation between types; True for the way from source to target."""
        return {
            f"{name} {'back' if back else 'forth'}": (relation, back)
            for name, relation in self.relations.items()
            if not relation.once
            for back in (False, True)
        }


def _ends(relation: Relation, back: bool) -> tuple[str, str]:
    """The type of node that messages go into, and the one they come out of."""
    return (relation.target, relation.source) if back else (relation.source, relation.target)


def _weighted(weight: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """Sums `[n, d]` of states `[n * f, d]` with weights `[n, f]`."""
    shape = tf.shape(weight)
    grouped = tf.reshape(states, (shape[0], shape[1], states.shape[-1]))
    return tf.einsum("nf,nfd->nd", weight, grouped)


def _small() -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.RandomNormal(stddev=0.05)
