"""Servable: a recommender as arrays, with the signatures that TensorFlow Serving serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index import Index, TermFilter
from tfmm.index.candidates import check_vectors
from tfmm.index.tables import VectorTable, stored_bytes
from tfmm.tasks.items.arrays import check_seen, check_shapes, check_sizes, distinct_ids
from tfmm.tasks.items.servable import UNKNOWN, Answer, ItemServable, cycled, first_column

if TYPE_CHECKING:
    from tfmm.data.catalog import Variants
    from tfmm.tasks.retrieval.reasons.explainer import Explainer
    from tfmm.tasks.search.signatures import Search

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "serving_default": ("user_id",),
    "recommend": ("user_id", "exclude", "allow"),
    "recommend_session": ("history", "exclude", "allow"),
    "embed_user": ("user_id",),
}
_EXPLAINED: dict[str, tuple[str, ...]] = {
    "explain": ("user_id", "item_id"),
    "explain_session": ("history", "item_id"),
}


class Servable(ItemServable):
    """What a recommender answers, without the code of the model that made its vectors.

    To what an `ItemServable` answers it adds the signatures of shoppers.

    Signatures (`signatures()`), all ids strings, B free, K, E, F, T, D and R fixed:

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `serving_default` | `user_id` [B] | `item_id` [B, K], `score` [B, K] |
    | `recommend` | `user_id` [B], `exclude` [B, E], `allow` [B, F] | same |
    | `recommend_session` | `history` [B, T], `exclude`, `allow` | same |
    | `embed_user` | `user_id` [B] | `embedding` float32 [B, D] |
    | `explain` | `user_id` [B], `item_id` [B] | `reason_item_id` [B, R], … |
    | `explain_session` | `history` [B, T], `item_id` [B] | same |

    - An unknown user gets what an unseen shopper gets: the session's answer to no history.
    - `history` is oldest first; unknown items and repeats in it are ignored, as are unknown items
      in `exclude`. `recommend_session` leaves the history's items out.
    - `recommend` and `recommend_session` rank by inner product, which for item vectors that are
      not normalised favours long ones.

    - `explain` and `explain_session`, which are there with an `explainer`, say why an item is
      recommended. Reasons are items of the history, that without which the `score` [B] would fall
      the most first: `reason_item_id`, by how much it would, `reason_drop`, and `reason_share`,
      what of the score is the item's, [B, R], "" and 0 where there are no more. A share, of 1, is
      of all parts of the score, negative ones counted by size; `history_share`, `shopper_share`
      (id and features) and `prior_share` (popular now), [B], are those of the whole, see
      `Attribution`. `reason_relation` and `reason_value` [B, R] are what the item has in common
      with the reason, see `Facts`. `modality` and `modality_weight` [B, M] say what the item's
      content is made of, by fusion weights. An unknown item has no reasons, and a score of 0.

    `user_ids`, an object array, says which users it knows.

    Args:
        item_ids: `[N]` distinct strings.
        item_vectors: `[N, D]`, finite.
        user_ids: `[U]` distinct strings; U may be 0.
        user_vectors: `[U, D]`, finite; `[U, D + P]` with `item_priors`, whose weights come last.
        seen_offsets: int64 `[U + 1]`; the items that user u was trained on are
            `seen_rows[seen_offsets[u]:seen_offsets[u + 1]]`.
        seen_rows: int32 item rows.
        session: called with `history` float32 `[B, T, H]`, the vectors of a shopper's items with
            the known ones first, oldest first, and `mask` bool `[B, T]`; gives the shopper's
            vector float32 `[B, D]`, or `[B, D + P]` as the users'. Must be callable in a graph and
            accept a mask of all False.
        filters: made over the same N items.
        history_vectors: `[N, H]`, finite; what stands for the items in a session's history, where
            that is not what they are ranked by; `item_vectors` if None.
        index: an index to fill with the item vectors, tuned on the user vectors; exact if None.
        weights: how the tables of vectors are stored: "float32", "bfloat16" or "int8". An index
            that is given stores its candidates in its own way.
        k: items in an answer.
        exclude_size: E, ids in `exclude`.
        allow_size: F, terms in `allow`.
        history_size: T, ids in `history`.
        exclude_seen: whether `serving_default` and `recommend` leave out seen items.
        search: what the items can be searched by, if they can.
        search_bias: float `[N]`, joins the scores of searches: a correction for hubs, see
            `tfmm.tasks.search.hubness`.
        item_priors: float `[N, P]`, join the scores of recommendations, weighed by the shopper:
            how popular items are now.
        variants: ids that are no items, and the rows of those that they stand for.
        explainer: says why an item is recommended, over the same items and users.

    Raises:
        ValueError: arrays that do not fit together, ids that are repeated, empty or hold line
            breaks, vectors that are not finite, a session that answers in another shape.
        TypeError: ids that are not strings.
    """

    def __init__(
        self,
        item_ids: Sequence[str] | NDArray[Any],
        item_vectors: Any,
        *,
        user_ids: Sequence[str] | NDArray[Any],
        user_vectors: Any,
        seen_offsets: NDArray[np.int64],
        seen_rows: NDArray[np.int32],
        session: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        filters: TermFilter,
        history_vectors: Any = None,
        index: Index | None = None,
        weights: str = "float32",
        k: int = 100,
        exclude_size: int = 64,
        allow_size: int = 16,
        history_size: int = 50,
        exclude_seen: bool = True,
        search: Search | None = None,
        search_bias: NDArray[np.float32] | None = None,
        item_priors: NDArray[np.float32] | None = None,
        variants: Variants | None = None,
        explainer: Explainer | None = None,
    ) -> None:
        check_sizes(history_size=history_size)
        users = distinct_ids(user_ids, "user_ids")
        width = int(item_vectors.shape[1])
        if item_priors is not None:
            width += item_priors.shape[1]
        self._user_dim = width
        wanted = {"user_vectors": (user_vectors.shape, (len(users), width))}
        if history_vectors is not None:
            wide = (len(item_ids), *history_vectors.shape[1:2])
            wanted["history_vectors"] = (history_vectors.shape, wide)
        check_shapes(wanted, f"{len(item_ids)} item ids and {len(users)} user ids")
        check_seen(seen_offsets, seen_rows, len(users), len(item_ids))
        asked = check_vectors(user_vectors, "user_vectors") if users else None
        super().__init__(
            item_ids,
            item_vectors,
            filters=filters,
            index=index,
            weights=weights,
            k=k,
            exclude_size=exclude_size,
            allow_size=allow_size,
            search=search,
            search_bias=search_bias,
            item_priors=item_priors,
            queries=asked,
            variants=variants,
        )
        self.n_users, self.history_size, self.exclude_seen = len(users), history_size, exclude_seen
        self._history: VectorTable | None = None
        self._history_dim = self.dim
        if history_vectors is not None:
            checked = check_vectors(history_vectors, "history_vectors")
            self._history = VectorTable(checked, weights, "history_vectors")
            self._history_dim = int(checked.shape[1])
        answer = tf.function(session)
        self._session = lambda history, mask: answer(history, mask)
        unseen = self._unseen_shopper()
        traced = answer.get_concrete_function(
            tf.TensorSpec([None, history_size, self._history_dim]),
            tf.TensorSpec([None, history_size], tf.bool),
        )
        # Only what a session reads: a user tower may hold a row for every user besides.
        self._session_variables = list(traced.variables)
        self._user_table = self._rows_of(users, "user_ids") if users else None
        # Row U, after the last user, is the unseen shopper; to whom nothing is a repetition.
        vectors = np.empty((0, width)) if asked is None else asked
        vectors = np.concatenate([vectors, unseen]).astype(np.float32, copy=False)
        self._user_vectors = VectorTable(vectors, weights, "user_vectors")
        if exclude_seen:
            offsets = np.append(seen_offsets, seen_offsets[-1]).astype(np.int64)
            rows = np.asarray(seen_rows, np.int32)
            self._seen_offsets = tf.Variable(offsets, trainable=False, name="seen_offsets")
            self._seen_rows = tf.Variable(rows, trainable=False, name="seen_rows")
        self.user_ids = np.array(users, object)
        self.explainer = explainer

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables of vectors: the index, the users and, where apart, the histories."""
        history = () if self._history is None else self._history.variables
        return stored_bytes([*self._index_variables, *self._user_vectors.variables, *history])

    def serving_default(self, user_id: tf.Tensor) -> Answer:
        """The best items for users: `user_id` string [B] -> `item_id`, `score` [B, K]."""
        users = self._users(user_id)
        queries = self._user_vectors.rows(users)
        return self._answer(*self._search(queries, self.k, self._excluded(None, users)))

    def recommend(self, user_id: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """As `serving_default`, without the items of `exclude`, of those that `allow` allows."""
        users = self._users(user_id)
        excluded = self._excluded(self.item_rows(exclude), users)
        queries = self._user_vectors.rows(users)
        return self._answer(*self._search(queries, self.k, excluded, self.filters.bind(allow)))

    def recommend_session(self, history: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The best items after a history of item ids, for shoppers never seen."""
        rows = distinct_first(self.item_rows(history))
        answer = self._session(self._history_vectors(rows), rows >= 0)
        queries = tf.ensure_shape(answer, [None, self._user_dim])
        excluded = self._excluded(tf.concat([rows, self.item_rows(exclude)], axis=1))
        return self._answer(*self._search(queries, self.k, excluded, self.filters.bind(allow)))

    def embed_user(self, user_id: tf.Tensor) -> Answer:
        """User vectors, without the priors' weights; the unseen shopper's for an unknown user."""
        return {"embedding": self._user_vectors.rows(self._users(user_id))[:, : self.dim]}

    def explain(self, user_id: tf.Tensor, item_id: tf.Tensor) -> Answer:
        """Why an item is recommended to a user: `user_id`, `item_id` string [B]."""
        assert self.explainer is not None
        users = self._users(user_id)
        rows = self.explainer.history(users)
        whole = self.explainer.whole(users, self._user_vectors.rows(users))
        return self._explained(item_id, rows, whole)

    def explain_session(self, history: tf.Tensor, item_id: tf.Tensor) -> Answer:
        """Why an item is recommended after a history of item ids."""
        rows = distinct_first(self.item_rows(history))
        return self._explained(item_id, rows, window=self.history_size)

    def arguments(self) -> dict[str, tuple[str, ...]]:
        explained = {} if self.explainer is None else _EXPLAINED
        return _ARGUMENTS | explained | super().arguments()

    def widths(self) -> dict[str, list[int]]:
        return super().widths() | {"history": [self.history_size]}

    def samples(self, batch: int) -> dict[str, NDArray[np.object_]]:
        asked = cycled([*self.item_ids[:8], UNKNOWN], batch)
        return super().samples(batch) | {
            "user_id": np.array(cycled([*self.user_ids[:8], UNKNOWN], batch), object),
            "history": first_column(asked, self.history_size),
        }

    def seen_items(self, user_id: tf.Tensor) -> tf.RaggedTensor:
        """The ids that `recommend` leaves out as seen, string `[B, None]`."""
        users = self._users(tf.convert_to_tensor(user_id))
        none = tf.RaggedTensor.from_row_lengths(
            tf.zeros([0], tf.int32), tf.zeros_like(users, tf.int64)
        )
        return tf.gather(self._item_ids, self._excluded(None, users) if self.exclude_seen else none)

    def _explained(
        self,
        item_id: tf.Tensor,
        rows: tf.Tensor,
        whole: tf.Tensor | None = None,
        window: int | None = None,
    ) -> Answer:
        assert self.explainer is not None
        items, history = self.item_rows(item_id), self._history_vectors(rows)
        candidates = self._vectors(items)
        return self.explainer.explain(
            items, candidates, rows, history, self._item_ids, whole, window
        )

    def _history_vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """What stands for items in a history, zeros for the row -1."""
        if self._history is None:
            return self._vectors(rows)
        known = tf.cast(rows >= 0, tf.float32)[..., tf.newaxis]
        return self._history.rows(tf.maximum(rows, 0)) * known

    def _users(self, user_id: tf.Tensor) -> tf.Tensor:
        if self._user_table is None:
            return tf.zeros_like(user_id, tf.int64)
        rows = self._user_table.lookup(user_id)
        return tf.where(rows >= 0, rows, self.n_users)

    def _excluded(
        self, rows: tf.Tensor | None, users: tf.Tensor | None = None
    ) -> tf.Tensor | tf.RaggedTensor | None:
        """Joins the rows of a request, int32 `[B, E]`, and those that users have seen."""
        if users is None or not self.exclude_seen:
            return rows
        starts = tf.gather(self._seen_offsets, users)
        spans = tf.ragged.range(starts, tf.gather(self._seen_offsets, users + 1))
        seen = spans.with_flat_values(tf.gather(self._seen_rows, spans.flat_values))
        if rows is None:
            return seen
        return tf.concat([seen, tf.ragged.boolean_mask(rows, rows >= 0)], axis=1)

    def _unseen_shopper(self) -> NDArray[np.float32]:
        history = tf.zeros([1, self.history_size, self._history_dim])
        vector = np.asarray(self._session(history, tf.zeros([1, self.history_size], tf.bool)))
        if vector.shape != (1, self._user_dim) or not np.isfinite(vector).all():
            raise ValueError(
                f"`session` must answer a history without items with finite vectors "
                f"[1, {self._user_dim}], but it gave shape {list(vector.shape)}: {vector}. To "
                "resolve this, let it handle a mask of all False, for instance by a learned vector."
            )
        return vector


def distinct_first(rows: tf.Tensor) -> tf.Tensor:
    """Moves the known rows of `[B, T]` to the front in their order, each once; -1 fills up."""
    place = tf.range(tf.shape(rows)[1])
    earlier = place[:, None] > place[None, :]
    repeated = tf.reduce_any((rows[:, :, None] == rows[:, None, :]) & earlier, axis=2)
    rows = tf.where(repeated, -1, rows)
    order = tf.argsort(tf.where(rows >= 0, place, place + tf.size(place)), axis=1)
    return tf.gather(rows, order, batch_dims=1)
