"""A graph model of users, items and attributes that serves as a two-tower model does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.data.batches.pipeline import FeatureColumns, Gather, training_batches
from tfmm.data.events.pairs import Pairs
from tfmm.data.shop import ShopData
from tfmm.layers.towers import UserTower
from tfmm.tasks.retrieval.graph.bpr import BPR
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.retrieval.graph.edges import Edges, event_edges, event_types, together_edges
from tfmm.tasks.retrieval.graph.knowledge import KnowledgePropagation
from tfmm.tasks.retrieval.graph.knowledge_edges import (
    KnowledgeEdges,
    KnowledgeSampler,
    way_names,
)
from tfmm.tasks.retrieval.graph.left_out import LeftOut
from tfmm.tasks.retrieval.graph.memory import choose_mode, full_memory
from tfmm.tasks.retrieval.graph.neighbour_sampling import (
    NeighbourSampler,
    item_rows,
    with_item_rows,
)
from tfmm.tasks.retrieval.graph.propagation import Adjacency, Propagation
from tfmm.tasks.retrieval.graph.tower import GraphItemTower
from tfmm.tasks.retrieval.two_tower import TwoTower

LOSSES = ("softmax", "bpr")


class Graph(TwoTower):
    """A two-tower model whose item vectors take in what a graph around them brings.

    An item's vector is its own (content and id) plus the messages of `Propagation`, scaled to
    length one; a user's is pooled from the items of their history, as in `TwoTower`. The edges of
    the pairs that a batch learns to predict are left out of its messages, and so is their share of
    the edges between items bought together, so that no vector holds the answer. What is served is
    one inner product: `settle` computes what the graph brings once, and it is saved with the
    weights. An item that was never trained on is reached along its content edges (similar items,
    attributes); a shopper never seen by their history.

    ```python
    shop = tfmm.load("shop.yaml")
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2)
    model = tfmm.Graph.from_data(shop, parts.train, graph={"layers": 3}, encoders={})
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    model.fit(model.batches(parts.train, batch_size=2048), epochs=5)
    ```

    Args:
        item_tower, user_tower, items, users: as of `TwoTower`.
        data: the shop's data, for the types of its events.
        propagation: passes the messages.
        content_edges: the edges that need no events: similar items, attributes.
        knowledge: passes on what the shop knows of items, if it does.
        config: the graph's configuration.
        **options: `train`, whose pairs become the graph's edges, `temperature`, `log_q`,
            `hard_negatives` and `negatives`, as of `TwoTower`.

    Raises:
        ValueError: for an unknown loss or mode, or a training part without any pair.
        GraphMemoryError: `config.mode` is full and the graph does not fit.
    """

    item_tower: GraphItemTower

    def __init__(
        self,
        item_tower: GraphItemTower,
        user_tower: UserTower,
        items: FeatureColumns,
        users: FeatureColumns | None = None,
        *,
        data: ShopData,
        propagation: Propagation,
        content_edges: Sequence[Edges],
        knowledge: KnowledgePropagation | None = None,
        config: GraphConfig,
        **options: Any,
    ) -> None:
        super().__init__(item_tower, user_tower, items, users, **options)
        if config.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {config.loss!r}.")
        choose_mode(config.mode, 0, config.memory)
        self.propagation, self.knowledge = propagation, knowledge
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(config=config, content_edges=tuple(content_edges))
        self.__dict__.update(edges=(), sampled=False, _adjacency=None, _everything=None)
        self.__dict__.update(known=data.knowledge, _triples=None)
        if self.train is not None:
            self._connect(data, self.train)
        if config.loss == "bpr":
            self.task = BPR(options.get("temperature", 0.1))

    @classmethod
    def _keywords(cls, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**config, "graph": config.get("graph") or {}}

    def compile(self, optimizer: Any = "rmsprop", loss: None = None, **options: Any) -> None:
        """As `TwoTower.compile`; the tables of ids and attribute values keep the rate of rows."""
        # Messages reach every row at every step, so that their gradients are dense.
        if hasattr(optimizer, "give_rate"):
            tables = [self.item_tower.id_embedding] if self.item_tower.id else []
            tables += [self.user_tower.id_embedding] if self.user_tower.id else []
            tables += self.propagation.nodes.values()
            tables += [] if self.knowledge is None else [self.knowledge.entities]
            optimizer.give_rate(tables, float(_first_rate(optimizer)))
        super().compile(optimizer, loss, **options)

    @property
    def reads(self) -> list[str]:
        named = [edges.name.partition("/")[2] for edges in self.content_edges]
        return list(dict.fromkeys([*self.items.columns, *named]))

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        layers = {**super().saved_layers(), "propagation": self.propagation}
        return layers if self.knowledge is None else {**layers, "knowledge": self.knowledge}

    def states(self) -> dict[str, Any]:
        # Joined by, but perhaps not encoded.
        own = {"features": self.reads, "knowledge": self.knowledge is not None}
        return {**super().states(), "graph": own}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        nodes = self.propagation.nodes
        valued = [(nodes[one.target], one.values) for one in self.content_edges if one.values]
        own = [(self.propagation.reached, tables["items"]), *valued]
        if self.knowledge is not None:
            own.append((self.knowledge.entities, self.known.entities.tolist()))
            own += [(variable, way_names(self.known)) for variable in self.knowledge.by_way]
        return [*super().row_names(tables), *own]

    def restored(self, missing: Mapping[str, np.ndarray], served: bool) -> None:
        super().restored(missing, served)
        new = missing.get("knowledge/entities")
        if self.knowledge is not None and served and new is not None and new.any():
            # What was never trained on passes on what it hears, and has nothing to say of its own.
            table = self.knowledge.entities
            table.assign(np.where(new[:, None], 0, table.numpy()))

    def _connect(self, data: ShopData, pairs: Pairs) -> None:
        """Makes the graph of the training pairs."""
        config = self.config
        types = event_types(data, pairs) if config.types else {}
        edges = [*event_edges(pairs, types), *self.content_edges]
        if config.together:
            edges.append(together_edges(pairs, config.together, config.shrink))
        edges = [one for one in edges if len(one) and one.name in self.propagation.relations]
        nodes = sum(self.propagation.sizes.values())
        needed = full_memory(edges, nodes, self.item_tower.dim, config.layers)
        if self.knowledge is not None:
            needed += self.knowledge.memory(len(self.triples), self.triples.n_nodes)
        sampled = choose_mode(config.mode, needed, config.memory) == "sampled"
        self.__dict__.update(edges=tuple(edges), sampled=sampled)

    def batches(
        self,
        pairs: Pairs,
        batch_size: int = 2048,
        *,
        aligned: tf.data.Dataset | None = None,
        **options: Any,
    ) -> tf.data.Dataset:
        """As `TwoTower.batches`; the graph stays that of the part that the model was made for.

        Raises:
            ValueError: with `aligned`: a graph model does not learn to search; the model was made
                for no part, so that it has no graph.
        """
        if aligned is not None:
            raise ValueError("A graph model learns from pairs alone: leave out `aligned`.")
        if not self.edges:
            raise ValueError(
                "This Graph was made for no training part, so that it has no edges to learn by. "
                "Give the part when making it: tfmm.Graph.from_data(shop, parts.train, …)."
            )
        heavy = {name: self.items.columns[name] for name in self.items.budgets}
        tower = self.user_tower
        made = training_batches(
            pairs,
            FeatureColumns(heavy, self.items.present, self.items.budgets),
            self.users,
            known=self.train,
            batch_size=batch_size,
            history_size=tower.history_size if tower.history != "none" else 0,
            negatives=max(self.negatives, batch_size if self.config.loss == "bpr" else 0),
            **options,
        )
        return made.map(self._expansion()).prefetch(2) if self.sampled else made

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `batches`, a scalar."""
        users = self.user_tower.id_embedding if self.user_tower.id else None
        history = inputs["history"]
        candidates = tf.concat([inputs["target"], inputs["negatives"]], 0)
        if self.sampled:
            own, _ = self.item_tower(inputs, training=training)
            reached = self.propagation.sampled(own, inputs["tree"], users)
            if self.knowledge is not None:
                triples = inputs["triples"]
                known = self.knowledge(tf.gather(own, triples["items"]), triples, training=training)
                reached += known[: tf.shape(reached)[0]]
            own = tf.gather(own, inputs["tree"]["rows"])
        else:
            rows = inputs["items"]
            own, _ = self.item_tower(self._whole(inputs), training=training)
            reached = self.propagation(own, self.adjacency, users, self._left_out(inputs))
            if self.knowledge is not None:
                reached += self.knowledge(own, self.triples.whole, training=training)
            history = tf.where(history >= 0, tf.gather(rows, tf.maximum(history, 0)), -1)
            candidates = tf.gather(rows, candidates)
        vectors = tf.math.l2_normalize(own + reached, axis=1)
        queries = self.user_tower(
            vectors, history, inputs["user"], self._user_features(inputs), training=training
        )
        return self.task(
            queries,
            tf.gather(vectors, candidates),
            candidates,
            sample_weight=inputs["weight"],
            candidate_sampling_probability=inputs["probability"] if self.log_q else None,
        )

    def item_vectors(
        self, batch_size: int = 1024, mask: str | None = None, refresh: bool = True
    ) -> np.ndarray:
        """As `TwoTower.item_vectors`; a masked feature's edges are left out too."""
        if mask is not None and mask not in self.reads:
            raise ValueError(
                f"There is no feature {mask!r} to mask; the model reads "
                f"{', '.join(self.reads) or 'none'}."
            )
        hidden = mask if mask in self.items.columns else None
        own = self._encode_items(batch_size, hidden, refresh)[0]
        vectors = own + self._reached(own, mask)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)

    def settle(self) -> None:
        """Computes what the graph brings to every item, and keeps it with the weights."""
        if self.edges:
            own = self._encode_items(1024, None, False)[0]
            self.propagation.reached.assign(self._reached(own, None))

    def knowledge_shares(self, edges: KnowledgeEdges) -> np.ndarray:
        """As `TwoTower.knowledge_shares`; by the model's own attention, if it has such and knows
        every item: one that only encoded a refresh's new items does not."""
        knowledge = self.knowledge
        if knowledge is None or knowledge.kind != "attention" or not self._reads(edges):
            return super().knowledge_shares(edges)
        own = self._encode_items(1024, None, False)[0]
        state = tf.concat([own, knowledge.entities], 0)
        return knowledge.attention(state, self.triples.whole).numpy()

    def _reads(self, edges: KnowledgeEdges) -> bool:
        return (self.item_tower.rows, len(self.triples)) == (edges.n_items, len(edges))

    @property
    def triples(self) -> KnowledgeEdges:
        """What the shop knows, as edges."""
        if self._triples is None:
            self.__dict__["_triples"] = KnowledgeEdges(self.known, self.item_tower.rows)
        return self._triples

    @property
    def adjacency(self) -> dict[str, Adjacency]:
        """The graph as tensors, by type of edge."""
        if self._adjacency is None:
            with tf.init_scope():  # not of the function that is being traced
                made = {edges.name: Adjacency.of(edges) for edges in self.edges}
            self.__dict__["_adjacency"] = made
        return self._adjacency

    def _left_out(self, batch: Mapping[str, Any]) -> LeftOut:
        """What the step of a batch leaves out of the graph."""
        n_pairs = 1 + max(int(edges.pair.max()) for edges in self.edges if edges.pair is not None)
        return LeftOut.of(
            batch["pair"],
            batch["items"],
            batch["target"],
            batch["history"],
            self.item_tower.rows,
            n_pairs,
        )

    def _reached(self, own: np.ndarray, mask: str | None) -> np.ndarray:
        """What the graph brings to each item, float32 `[n_items, dim]`."""
        of_mask = (f"similar/{mask}", f"has/{mask}")
        if self.edges:
            edges = {k: v for k, v in self.adjacency.items() if k not in of_mask}
            users = self.user_tower.id_embedding if self.user_tower.id else None
            return self.propagation(tf.constant(own), edges, users).numpy() + self._known(own)
        # Without the events of training, new items are reached along their content alone.
        reached = self.propagation.reached.numpy()
        new = ~self.item_tower.known.numpy()
        if new.any():
            some = [e for e in self.content_edges if len(e) and e.name not in of_mask]
            edges = {one.name: Adjacency.of(one) for one in some}
            reached[new] = self.propagation(tf.constant(own), edges).numpy()[new]
            reached[new] += self._known(own)[new]
        return reached

    def _known(self, own: np.ndarray) -> np.ndarray:
        """What knowledge brings to each item, float32 `[n_items, dim]`."""
        if self.knowledge is None:
            return np.zeros_like(own)
        return self.knowledge(tf.constant(own), self.triples.whole).numpy()

    def _whole(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The item tower's batch of the whole catalogue, heavy features encoded where the batch
        says."""
        if self._everything is None:
            with tf.init_scope():
                columns = {
                    name: tf.constant(np.asarray(self.items.columns[name][:]))
                    for name in self.items.light
                }
                self.__dict__["_everything"] = {
                    "items": tf.range(self.item_tower.rows),
                    "present": tf.constant(self.items.present),
                    "features": columns,
                }
        encode = {
            name: {"at": tf.gather(inputs["items"], part["at"]), "inputs": part["inputs"]}
            for name, part in inputs["encode"].items()
        }
        return {**self._everything, "encode": encode}

    def _expansion(self) -> Any:
        """The function of a batch that adds a sample of the graph around its items."""
        relations = self.propagation.relations
        sampler = NeighbourSampler(
            self.edges, relations, layers=self.config.layers, fanout=self.config.fanout
        )
        kinds = {key: out_of for ways in sampler.ways.values() for key, (_, out_of) in ways.items()}
        knows = None
        if self.knowledge is not None:
            layers, fanout = self.config.knowledge_layers, self.config.fanout
            knows = KnowledgeSampler(self.triples, layers=layers, fanout=fanout)
        gather = {name: Gather(self.items.columns[name]) for name in self.items.light}
        present = tf.constant(self.items.present)

        def expand(batch: dict[str, Any]) -> dict[str, Any]:
            pair = batch["pair"]
            seed = tf.stack([pair[0], pair[-1]])
            tree = sampler.tree(batch["items"], seed, self._left_out(batch))
            asked = item_rows(tree, kinds)
            triples = {} if knows is None else knows.around(batch["items"], seed)
            asked += [] if knows is None else [triples["items"]]
            # The batch's own items come first and keep their places.
            rows, place = tf.unique(tf.concat(asked, 0))
            places = tf.split(place, [tf.size(part) for part in asked], num=len(asked))
            if knows is not None:
                batch = {**batch, "triples": {**triples, "items": places.pop()}}
            return {
                **batch,
                "items": rows,
                "present": tf.gather(present, rows),
                "features": {name: get(rows) for name, get in gather.items()},
                "tree": with_item_rows(tree, kinds, places),
            }

        return expand


def _first_rate(optimizer: Any) -> Any:
    """The learning rate at the first step."""
    rate = optimizer._learning_rate
    if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
        return rate(0)
    return rate
