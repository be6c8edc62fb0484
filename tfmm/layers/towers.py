"""The two towers: an item tower over modalities and an id, a user tower over history, id and
features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.configured import Configured, no_config
from tfmm.encoders.projection import check_heads
from tfmm.layers.causal import CausalAttention
from tfmm.layers.content import Content
from tfmm.layers.modalities import LEARNED
from tfmm.layers.self_attention import SelfAttention
from tfmm.layers.sparse import mean_of_rows

HISTORIES = ("mean", "self_attention", "gru", "causal", "none")


@tf.keras.utils.register_keras_serializable(package="tfmm")
class ItemTower(Configured):
    """The vector of an item: fused content plus an id embedding that cold items do without.

    The id embedding is dropped at random in training (`id_dropout`), so that content learns to
    stand alone, and is zero for items that were never trained on: `known` says which were.

    ```python
    tower = ItemTower(rows=100, dim=16)  # by ids alone
    tower.know(np.arange(90))
    vectors, _ = tower({"items": tf.constant([0, 95])})  # float32 [2, 16]; item 95 has none yet
    ```

    Args:
        rows: the number of items.
        dim: length of the vectors.
        content: the modalities, or None for an id-only tower.
        id: whether items have an id embedding.
        id_dropout: share of the items of a batch whose id embedding is left out in training.
        normalize: whether vectors are scaled to length one.
        heads: independent parts of the vector that are scaled each for itself, see `unit`.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: for a tower that reads neither content nor id, or `heads` that do not divide
            `dim`.
    """

    def __init__(
        self,
        rows: int,
        dim: int = 64,
        *,
        content: Content | None = None,
        id: bool = True,
        id_dropout: float = 0.5,
        normalize: bool = True,
        heads: int = 1,
        name: str = "item_tower",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.heads = check_heads(heads, dim=dim)
        if content is None and not id:
            raise ValueError(
                "The item tower reads nothing: give it `content` (the shop's item features) or "
                "`id: true`."
            )
        if not 0.0 <= id_dropout < 1.0:
            raise ValueError(f"id_dropout must lie in [0, 1), got {id_dropout}.")
        self.rows, self.dim, self.content = rows, dim, content
        self.id, self.id_dropout, self.normalize = id, id_dropout, normalize
        self.known = self.add_weight(
            "known", (rows,), dtype=tf.bool, initializer="zeros", trainable=False
        )
        if id:
            self.id_embedding = self.add_weight("id_embedding", (rows, dim), initializer=_small())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, of a tower without content.

        Raises:
            NotImplementedError: the tower has content.
        """
        if self.content is not None:
            no_config(self, LEARNED)
        return super().get_config()

    def know(self, rows: np.ndarray) -> None:
        """Marks the items int `[n]` as trained on, and no others."""
        known = np.zeros(self.rows, bool)
        known[rows] = True
        self.known.assign(known)

    def call(self, batch: Mapping[str, Any], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Item vectors of a batch of rows, see `Content.call`.

        Returns:
            Vectors float32 `[n, dim]` and modality weights float32 `[n, M]` (M = 0 without
            content).
        """
        rows = batch["items"]
        vectors = tf.zeros((tf.shape(rows)[0], self.dim))
        weights = tf.zeros((tf.shape(rows)[0], 0))
        if self.content is not None:
            vectors, weights = self.content(batch, training=training)
        if self.id:
            keep = tf.gather(self.known, rows)
            if training and self.content is not None and self.id_dropout > 0:
                keep &= tf.random.uniform(tf.shape(rows)) >= self.id_dropout
            own = tf.nn.embedding_lookup(self.id_embedding, rows)
            vectors += own * tf.cast(keep, own.dtype)[:, None]
        if self.normalize:
            vectors = unit(vectors, self.heads)
        return vectors, weights


@tf.keras.utils.register_keras_serializable(package="tfmm")
class UserTower(Configured):
    """The vector of a user: pooled item vectors of the history, user features, and an id embedding.

    The history is made of the item tower's own vectors, so a shopper who was never seen in training
    gets an answer from the items alone; one without any history gets a learned vector.

    ```python
    tower = UserTower(rows=100, dim=16, history="mean")
    items = tf.random.normal([5, 16])
    history = tf.constant([[0, 3], [4, -1]])  # places in `items`, oldest first
    users = tower(items, history)  # float32 [2, 16]
    ```

    Args:
        rows: the number of users.
        dim: length of the vectors, that of the items.
        history: "mean"; "self_attention" (one block of Kang and McAuley's SASRec, arXiv:1808.09781,
            without the causal mask, added to the mean); "gru" (a GRU over the history, oldest
            first, added to the mean); "causal" (`CausalAttention`, SASRec itself, whose state after
            the latest item is the user); or "none".
        history_size: the most items of a history that are read, the latest ones.
        depth, attention_heads, dropout: of `CausalAttention`.
        id: whether users have an id embedding.
        id_dropout: share of the users of a batch whose id embedding is left out in training.
        content: user features, or None.
        normalize: whether vectors are scaled to length one.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        ValueError: for an unknown `history`, or a tower that reads nothing.
    """

    def __init__(
        self,
        rows: int,
        dim: int = 64,
        *,
        history: str = "mean",
        history_size: int = 50,
        depth: int = 2,
        attention_heads: int = 2,
        dropout: float = 0.5,
        id: bool = False,
        id_dropout: float = 0.5,
        content: Content | None = None,
        normalize: bool = True,
        name: str = "user_tower",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if history not in HISTORIES:
            raise ValueError(f"history must be one of {', '.join(HISTORIES)}, got {history!r}.")
        if history == "none" and not id and content is None:
            raise ValueError(
                "The user tower reads nothing: give it `history: mean`, `id: true` or features."
            )
        self.rows, self.dim, self.history, self.history_size = rows, dim, history, history_size
        self.depth, self.attention_heads, self.dropout = depth, attention_heads, dropout
        self.id, self.id_dropout, self.content, self.normalize = id, id_dropout, content, normalize
        self.newcomer = self.add_weight("newcomer", (dim,), initializer=_small())
        if id:
            self.id_embedding = self.add_weight("id_embedding", (rows, dim), initializer=_small())
        if history == "self_attention":
            self.pooling: tf.keras.layers.Layer | None = SelfAttention(dim, history_size)
        elif history == "gru":
            self.pooling = tf.keras.layers.GRU(dim, name="gru")
        elif history == "causal":
            self.pooling = CausalAttention(
                dim, length=history_size, depth=depth, heads=attention_heads, dropout=dropout
            )
        else:
            self.pooling = None

    def call(
        self,
        items: tf.Tensor,
        history: tf.Tensor,
        user: tf.Tensor | None = None,
        features: Mapping[str, Any] | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """User vectors.

        Args:
            items: item vectors float32 `[U, dim]`.
            history: positions in `items`, int32 `[B, T]`, oldest first, -1 where padded.
            user: user rows int32 `[B]`, -1 for users never seen; None where nobody is known.
            features: a `Content` batch of the users' features, or None.
            training: whether dropout is on.

        Returns:
            float32 `[B, dim]`.
        """
        return self.scaled(self.unscaled(items, history, user, features, training))

    def unscaled(
        self,
        items: tf.Tensor,
        history: tf.Tensor,
        user: tf.Tensor | None = None,
        features: Mapping[str, Any] | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """As `call`, before vectors are scaled."""
        vectors = self.pool(items, history, training)
        own = self._own(user, features, training)
        return vectors if own is None else vectors + own

    def scaled(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors `[..., dim]` as they are served: of length one, of a tower that normalises."""
        return tf.math.l2_normalize(vectors, axis=-1) if self.normalize else vectors

    def along(
        self,
        items: tf.Tensor,
        history: tf.Tensor,
        read: tf.Tensor,
        user: tf.Tensor | None = None,
        features: Mapping[str, Any] | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """User vectors at several places of their histories, of a tower whose history is causal.

        Args:
            items, history, user, features, training: as of `call`.
            read: int32 `[P, 2]`, whose vector it is, and after how many items of that history; 0
                for a newcomer's.

        Returns:
            float32 `[P, dim]`.
        """
        assert isinstance(self.pooling, CausalAttention)
        states = self.pooling(
            tf.gather(items, tf.maximum(history, 0)), mask=history >= 0, training=training
        )
        none = tf.zeros_like(states[:, :1]) + self.newcomer
        vectors = tf.gather_nd(tf.concat([none, states], 1), read)
        own = self._own(user, features, training)
        return self.scaled(vectors if own is None else vectors + tf.gather(own, read[:, 0]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, of a tower without content.

        Raises:
            NotImplementedError: the tower has content.
        """
        if self.content is not None:
            no_config(self, LEARNED)
        return super().get_config()

    def pool(self, items: tf.Tensor, history: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The history's vector `[B, dim]`, the newcomer's where there is none; see `call`."""
        sequence = None if self.pooling is None else tf.gather(items, tf.maximum(history, 0))
        mean = None if self.history == "causal" else mean_of_rows(items, history)
        return self._pooled(mean, sequence, history >= 0, training)

    def session(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Vectors of shoppers of whom only a history is known.

        Args:
            history: item vectors float32 `[B, T, dim]`, oldest first.
            mask: bool `[B, T]`, True where there is an item; a row without any is a newcomer.

        Returns:
            float32 `[B, dim]`.
        """
        return self.scaled(self.unscaled_session(history, mask))

    def unscaled_session(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """As `session`, before vectors are scaled."""
        present = tf.cast(mask, history.dtype)
        share = present / tf.maximum(tf.reduce_sum(present, 1, keepdims=True), 1.0)
        return self._pooled(tf.einsum("bt,btd->bd", share, history), history, mask, False)

    def _own(
        self, user: tf.Tensor | None, features: Mapping[str, Any] | None, training: bool
    ) -> tf.Tensor | None:
        """What features and id add to the vectors `[B, dim]`; None where neither is read."""
        vectors = None
        if self.content is not None and features is not None:
            vectors = self.content(features, training=training)[0]
        if self.id and user is not None:
            keep = user >= 0
            if training and self.history != "none" and self.id_dropout > 0:
                keep &= tf.random.uniform(tf.shape(user)) >= self.id_dropout
            own = tf.nn.embedding_lookup(self.id_embedding, tf.maximum(user, 0))
            own *= tf.cast(keep, own.dtype)[:, None]
            vectors = own if vectors is None else vectors + own
        return vectors

    def _pooled(
        self, mean: tf.Tensor | None, sequence: tf.Tensor | None, mask: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """The vector of histories `[B, T, dim]` of which the mean is known, where it is read."""
        if isinstance(self.pooling, CausalAttention):
            states = self.pooling(sequence, mask=mask, training=training)
            step = tf.range(tf.shape(mask)[1])
            vectors = tf.gather(states, tf.reduce_max(tf.where(mask, step, 0), 1), batch_dims=1)
            return tf.where(tf.reduce_any(mask, 1, keepdims=True), vectors, self.newcomer)
        if self.history == "none":
            return tf.zeros_like(mean) + self.newcomer
        if self.pooling is not None:
            mean += self.pooling(sequence, mask=mask, training=training)
        return tf.where(tf.reduce_any(mask, 1, keepdims=True), mean, self.newcomer)


def unit(vectors: tf.Tensor, heads: int = 1) -> tf.Tensor:
    """Vectors `[n, dim]` scaled to length one, zeros left as they are.

    With `heads`, each of as many equal parts is scaled for itself, and counts alike: the inner
    product is the mean of the parts' cosines, as of an ensemble whose members share an index.
    """
    if heads == 1:
        return tf.math.l2_normalize(vectors, axis=1)
    parts = tf.reshape(vectors, [-1, heads, vectors.shape[1] // heads])
    parts = tf.math.l2_normalize(parts, axis=2) * heads**-0.5
    return tf.reshape(parts, [-1, vectors.shape[1]])


def _small() -> tf.keras.initializers.Initializer:
    return tf.keras.initializers.RandomNormal(stddev=0.05)
