"""The two-tower retrieval model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf

from tfmm.data.batches.aligned import QueryColumns
from tfmm.data.batches.pipeline import FeatureColumns, row_batches, training_batches
from tfmm.data.batches.sequences import sequence_batches, sequence_options
from tfmm.data.events.pairs import Pairs
from tfmm.data.progress import progress
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.config import from_keywords
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.blend.prior import Prior
from tfmm.tasks.retrieval.graph.knowledge_edges import KnowledgeEdges
from tfmm.tasks.retrieval.softmax import InBatchSoftmax
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.model import ItemVectors, states_of, tower_rows


class TwoTower(ItemVectors):
    """Scores an item for a user by the inner product of their vectors.

    Trained by in-batch softmax (`InBatchSoftmax`, a `tfrs.tasks.Retrieval`): the targets of a batch
    are each other's negatives, corrected for how often an item is drawn (logQ; Yi et al., RecSys
    2019), optionally joined by uniform negatives (Yang et al., "Mixed negative sampling", WWW
    2020). The target itself, met again in the batch, is no negative (an accidental hit).

    ```python
    shop = tfmm.load("shop.yaml")
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2)
    model = tfmm.TwoTower.from_data(shop, parts.train)
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    model.fit(model.batches(parts.train, batch_size=2048), epochs=5)
    scores = model.score(np.arange(10), parts.train)  # [10, items]
    ```

    A model is made *for* a training part: the items in it have id embeddings, the others do
    without, and histories are made of its pairs. What is fed to it later changes neither, so that
    `validation_data=model.batches(parts.valid)` gives the loss of what shoppers did next.

    Args:
        item_tower: the item tower.
        user_tower: the user tower.
        items: encoder inputs of the catalogue.
        users: encoder inputs of the users, where the user tower reads features.
        train: the pairs that it is to learn from; None for a model that learns from none, or whose
            weights are restored.
        temperature: divides the scores before the softmax.
        log_q: whether scores are corrected for sampling probability.
        hard_negatives: train against only the so many highest-scored negatives of each example.
        negatives: uniform negatives that join each batch.
        alignment: query towers that are trained along with the towers, so that the same item
            vectors serve search.
        queries: what these query towers read.
        search_weight: the weight of their loss; that of recommendation has 1.

    Raises:
        ValueError: for a temperature that is not positive, or `alignment` without `queries`.
    """

    def __init__(
        self,
        item_tower: ItemTower,
        user_tower: UserTower,
        items: FeatureColumns,
        users: FeatureColumns | None = None,
        *,
        train: Pairs | None = None,
        temperature: float = 0.1,
        log_q: bool = True,
        hard_negatives: int | None = None,
        negatives: int = 0,
        alignment: Alignment | None = None,
        queries: QueryColumns | None = None,
        search_weight: float = 1.0,
    ) -> None:
        super().__init__(item_tower, items, alignment=alignment, queries=queries, name="two_tower")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}.")
        self.user_tower, self.users = user_tower, users
        # Past Keras, which would track it as a part of the checkpoint.
        self.__dict__["train"] = train
        if train is not None:
            item_tower.know(train.item)
        self.search_weight = search_weight
        self.log_q, self.negatives = log_q, negatives
        self.task = InBatchSoftmax(temperature, hard_negatives)
        self._user_step = tf.function(self.user_tower, reduce_retracing=True)
        self._create_users()

    @classmethod
    def from_data(
        cls,
        data: ShopData,
        train: Pairs | None = None,
        *,
        normalize: bool = True,
        cache: str | Path | None = None,
        states: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Self:
        """A model for a training part of a shop's data.

        Args:
            data: what `tfmm.load` returned; for a `Graph` with the column of event types among
                `extra_event_columns` where these are to have edges of their own.
            train: the pairs that it is to learn from, such as `tfmm.split(data).train`.
            normalize, cache, states: see `tfmm.tasks.retrieval.build.two_tower`.
            **config: keys of a run file. Of its section `items`: `encoders`, `fusion`, `dim`, `id`,
                `id_dropout`, `modality_dropout`, `budget`; of `users`: `history`, `history_size`,
                `depth`, `attention_heads`, `dropout`, `user_id`, `user_id_dropout`,
                `user_features`; of `train`: `temperature`, `log_q`, `hard_negatives`,
                `negatives`; of `search`: `queries`, `heads`, `hide`, `contrast`
                (its `loss`), `search_temperature`, `search_weight`; and for a `Graph` the mapping
                `graph`.

        Raises:
            ValueError: for a key, feature, encoder or fusion that does not exist, with the nearest
                one named.
        """
        from tfmm.tasks.retrieval.build import two_tower
        from tfmm.tasks.retrieval.config import KEYWORDS, TwoTowerConfig

        where = f"{cls.__name__}.from_data"
        found = from_keywords(TwoTowerConfig, KEYWORDS, cls._keywords(config), where)
        made = two_tower(data, train, found, normalize=normalize, cache=cache, states=states)
        assert isinstance(made, cls)
        return made

    @classmethod
    def _keywords(cls, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The keywords of `from_data`, with what this kind of model cannot do without."""
        return config

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {**super().saved_layers(), "user_tower": self.user_tower}

    def states(self) -> dict[str, Any]:
        return super().states() | states_of({"users": self.user_tower.content})

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        return [*super().row_names(tables), *tower_rows(self.user_tower, tables["users"])]

    def restored(self, missing: Mapping[str, np.ndarray], served: bool) -> None:
        if self.train is not None:
            # What it knows is said by the part that it was made for.
            self.item_tower.know(self.train.item)
        new = missing.get("user_tower/id_embedding")
        if served and new is not None and new.any():
            # The history of a shopper who was never trained on speaks alone.
            table = self.user_tower.id_embedding
            table.assign(np.where(new[:, None], 0, table.numpy()))

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        yield from super().encoders()
        yield from (self.user_tower.content.encoders if self.user_tower.content else {}).items()

    def batches(
        self,
        pairs: Pairs,
        batch_size: int = 2048,
        *,
        aligned: tf.data.Dataset | None = None,
        **options: Any,
    ) -> tf.data.Dataset:
        """Batches for `fit`, see `tfmm.data.batches.pipeline.training_batches` for the options.

        They may be made of any part, and leave the model as it is: histories hold what the part
        that the model was made for says of a shopper, less the item that is to be predicted.

        Where `history` is causal, the pairs that the model was made for come as whole histories,
        see `tfmm.data.batches.sequences.sequence_batches`; other pairs come as from any tower.

        Args:
            pairs: the pairs to learn from, or to measure the loss on.
            batch_size: pairs a batch.
            aligned: `tfmm.data.batches.aligned.aligned_batches`, one of which joins each batch.
            **options: see above.

        Raises:
            ValueError: the model was made for no part; or whole histories are to be drawn by a
                `balance`.
        """
        self._check_made_for_a_part()
        tower = self.user_tower
        if tower.history == "causal" and _same(pairs, self.train):
            batches = sequence_batches(
                pairs,
                self.items,
                self.users,
                batch_size=batch_size,
                history_size=tower.history_size,
                negatives=self.negatives,
                **sequence_options(options),
            )
        else:
            batches = training_batches(
                pairs,
                self.items,
                self.users,
                known=self.train,
                batch_size=batch_size,
                history_size=tower.history_size if tower.history != "none" else 0,
                negatives=self.negatives,
                **options,
            )
        if aligned is None:
            return batches
        both = tf.data.Dataset.zip((batches, aligned))
        return both.map(lambda batch, other: {**batch, "aligned": other})

    def _check_made_for_a_part(self) -> None:
        if self.train is None and self.item_tower.id and not self.item_tower.known.numpy().any():
            raise ValueError(
                f"This {type(self).__name__} was made for no training part, so that it knows none "
                "of the items by their ids. Give the part when making it: "
                f"tfmm.{type(self).__name__}.from_data(shop, parts.train, …)."
            )

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `batches`, a scalar."""
        loss = tf.zeros([])
        if "aligned" in inputs:
            loss += self.search_weight * self.search_loss(inputs["aligned"], training)
        return loss + self._retrieval_loss(inputs, training)

    def _retrieval_loss(self, inputs: Mapping[str, Any], training: bool) -> tf.Tensor:
        items, _ = self.item_tower(inputs, training=training)
        whose = inputs["user"], self._user_features(inputs)
        if "read" in inputs:
            queries = self.user_tower.along(
                items, inputs["history"], inputs["read"], *whose, training=training
            )
        else:
            queries = self.user_tower(items, inputs["history"], *whose, training=training)
        target = inputs["target"]
        candidates = tf.concat([target, inputs["negatives"]], 0)
        return self.task(
            queries,
            tf.gather(items, candidates),
            candidates,
            sample_weight=inputs["weight"],
            candidate_sampling_probability=inputs["probability"] if self.log_q else None,
        )

    def _user_features(self, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        if self.users is None:
            return None
        return {
            "items": inputs["user"],
            "present": inputs["user_present"],
            "features": inputs["user_features"],
        }

    def user_vectors(
        self,
        pairs: Pairs,
        users: np.ndarray | None = None,
        items: np.ndarray | None = None,
        batch_size: int = 4096,
    ) -> np.ndarray:
        """The vectors of users with the histories that `pairs` gives them.

        Args:
            pairs: the histories, of which each user's latest `history_size` items count.
            users: int `[U]`, the user rows to compute, -1 for a shopper never seen; all rows by
                default.
            items: item vectors float32 `[n_items, dim]`, where they are at hand.
            batch_size: users computed at a time.

        Returns:
            float32 `[U, dim]`.
        """
        users = np.arange(self.user_tower.rows) if users is None else np.asarray(users)
        items = self.item_vectors() if items is None else items
        return self._each_user(self._user_step, pairs, users, items, batch_size)

    def user_lengths(self, pairs: Pairs, items: np.ndarray) -> np.ndarray | None:
        """How long users' vectors are before they are scaled, float32 `[n_users]`: what tells the
        history's part of them from what their features and ids add. None where these add nothing.

        Args:
            pairs, items: as of `user_vectors`.
        """
        tower = self.user_tower
        if not tower.id and tower.content is None:
            return None
        step = tf.function(tower.unscaled, reduce_retracing=True)
        vectors = self._each_user(step, pairs, np.arange(tower.rows), items, 4096)
        return np.linalg.norm(vectors, axis=1) if tower.normalize else np.ones(len(vectors), "f")

    def _each_user(
        self, step: Any, pairs: Pairs, users: np.ndarray, items: np.ndarray, batch_size: int
    ) -> np.ndarray:
        """What a function of the user tower's gives for users, float32 `[U, dim]`."""
        vectors = tf.constant(items)
        out = np.empty((len(users), self.user_tower.dim), np.float32)
        starts = range(0, len(users), batch_size)
        for start in progress(starts, len(starts), "encoding users", unit="batches"):
            part = users[start : start + batch_size]
            known, rows = part >= 0, np.maximum(part, 0)
            features = None
            if self.users is not None:
                features = next(row_batches(rows, self.users, list(self.users.columns), len(part)))
                features["present"] = tf.constant(self.users.present[rows] & known[:, None])
            history = pairs.latest(rows, self.user_tower.history_size)
            history[~known] = -1
            out[start : start + len(part)] = step(
                vectors, tf.constant(history), tf.constant(part, tf.int32), features
            ).numpy()
        return out

    @property
    def linear(self) -> LinearPart | None:
        """What is blended with it: nothing."""
        return None

    @property
    def priors(self) -> tuple[Prior, ...]:
        """What is popular now: nothing joins it of that."""
        return ()

    @property
    def width(self) -> int:
        """Length of the vectors."""
        return self.user_tower.dim

    def as_of(self, pairs: Pairs) -> TwoTower:
        """The same model by the time of other events, see `Blend.as_of`: it knows no time."""
        return self

    def join(self, learned: np.ndarray) -> np.ndarray:
        """Candidate vectors of items whose learned ones are at hand: the same."""
        return learned

    def history_vectors(self, items: np.ndarray) -> np.ndarray | None:
        """What stands for items in a history, where that is not what they are ranked by."""
        return None

    def score(self, users: np.ndarray, pairs: Pairs) -> np.ndarray:
        """Scores float32 `[b, n_items]` of all items for user rows int `[b]`."""
        items = self.item_vectors()
        return self.user_vectors(pairs, users, items) @ items.T

    def session_module(self) -> tf.Module:
        """The user tower alone, as a callable that export saves.

        Returns:
            A module to call as `module(history float32 [B, T, dim], mask bool [B, T])`, which gives
            float32 `[B, dim]`; a row of `mask` without any item gives the newcomer's vector.
        """
        return _Session(self.user_tower)

    def knowledge_shares(self, edges: KnowledgeEdges) -> np.ndarray:
        """What each of the edges of a shop's triples weighs among those into its node, float32
        `[edges]`: here, what they weigh before anything is learned."""
        return edges.prior

    def _create_users(self) -> None:
        """Runs one user through the tower, so that all of its variables exist."""
        row = np.zeros(1, np.int32)
        features = None
        if self.users is not None:
            features = next(row_batches(row, self.users, list(self.users.columns), 1))
        vectors = tf.zeros([1, self.item_tower.dim])
        self.user_tower(vectors, row[:, None], row if self.user_tower.rows else None, features)


def _same(one: Pairs, other: Pairs | None) -> bool:
    """Whether both hold the same pairs in the same order."""
    if one is other or other is None:
        return one is other
    return np.array_equal(one.user, other.user) and np.array_equal(one.item, other.item)


class _Session(tf.Module):
    def __init__(self, tower: UserTower) -> None:
        super().__init__(name="session")
        self.tower = tower

    @tf.function
    def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return self.tower.session(history, mask)
