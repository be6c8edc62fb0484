"""Servable: a recommender as arrays, with the signatures that TensorFlow Serving serves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index import LOWEST_SCORE, BruteForce, Index, TermFilter
from tfmm.index.candidates import check_vectors
from tfmm.index.lookup import row_table
from tfmm.index.tables import VectorTable, stored_bytes
from tfmm.tasks.base import Export, Signature
from tfmm.tasks.retrieval.answers import check_answer
from tfmm.tasks.retrieval.arrays import check_seen, check_shapes, distinct_ids
from tfmm.tasks.search.signatures import Search

Answer = dict[str, tf.Tensor]

_UNKNOWN = "no such id"  # what sample requests ask for beside ids that exist


class Servable(tf.Module):
    """What a recommender answers, without the code of the model that made its vectors.

    Signatures (`signatures()`), all ids strings, B free, K, E, F, T and D fixed:

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `serving_default` | `user_id` [B] | `item_id` [B, K], `score` [B, K] |
    | `recommend` | `user_id` [B], `exclude` [B, E], `allow` [B, F] | same |
    | `recommend_session` | `history` [B, T], `exclude`, `allow` | same |
    | `similar_items` | `item_id` [B], `exclude`, `allow` | same |
    | `search_text` | `text` [B], `exclude`, `allow` | same |
    | `search_image` | `image` [B], encoded files, `exclude`, `allow` | same |
    | `search_audio` | `audio` [B], WAV files, `exclude`, `allow` | same |
    | `search_mixed` | `text`, `image`, "" for a part left out, `exclude`, `allow` | same |
    | `embed_user` | `user_id` [B] | `embedding` float32 [B, D] |
    | `embed_item` | `item_id` [B] | `embedding` float32 [B, D] |

    - An unknown user gets what an unseen shopper gets: the session's answer to no history.
    - `history` is oldest first; unknown items and repeats in it are ignored, as are unknown items
      in `exclude`. `recommend_session` leaves the history's items out.
    - `similar_items` ranks by the cosine of item vectors, whatever their lengths, and leaves the
      item itself out; an unknown item gets padding only. `recommend` and `recommend_session` rank
      by inner product, which for item vectors that are not normalised favours long ones.
    - `embed_item` gives zeros for an unknown item.
    - Where fewer than K items are left, "" and the lowest finite float32 fill up.
    - The searches are there as far as `search` reads what they are asked by; a query that says
      nothing gets padding only, see `tfmm.tasks.search.signatures.Search`.
    - Without a session there are no shoppers: `similar_items`, `embed_item` and searches alone.

    `item_ids` and `user_ids`, object arrays, say which ids it knows.

    Every array is a variable and every vocabulary an asset file, so that size is bounded by
    memory, not by what a graph may hold.

    Args:
        item_ids: `[N]` distinct strings.
        item_vectors: `[N, D]`, finite.
        user_ids: `[U]` distinct strings; U may be 0.
        user_vectors: `[U, D]`, finite.
        seen_offsets: int64 `[U + 1]`; the items that user u was trained on are
            `seen_rows[seen_offsets[u]:seen_offsets[u + 1]]`.
        seen_rows: int32 item rows.
        session: called with `history` float32 `[B, T, H]`, the vectors of a shopper's items with
            the known ones first, oldest first, and `mask` bool `[B, T]`; gives the shopper's
            vector float32 `[B, D]`. Must be callable in a graph and accept a mask of all False.
            None for a catalogue without shoppers.
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
        session: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None,
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
    ) -> None:
        super().__init__(name="servable")
        sizes = {
            "k": k,
            "exclude_size": exclude_size,
            "allow_size": allow_size,
            "history_size": history_size,
        }
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"`{name}` must be at least 1, but it is {size}.")
        items, users = distinct_ids(item_ids, "item_ids"), distinct_ids(user_ids, "user_ids")
        self.n_items, self.n_users, self.dim = len(items), len(users), int(item_vectors.shape[1])
        self.k, self.exclude_size, self.allow_size = k, exclude_size, allow_size
        self.history_size, self.exclude_seen = history_size, exclude_seen
        expected = {
            "item_vectors": (item_vectors.shape, (self.n_items, self.dim)),
            "user_vectors": (user_vectors.shape, (self.n_users, self.dim)),
            "filters' items": (filters.n_items, self.n_items),
        }
        if history_vectors is not None:
            wide = (self.n_items, *history_vectors.shape[1:2])
            expected["history_vectors"] = (history_vectors.shape, wide)
        check_shapes(expected, f"{len(items)} item ids and {len(users)} user ids")
        check_seen(seen_offsets, seen_rows, self.n_users, self.n_items)
        if session is None and users:
            raise ValueError(f"There are {len(users)} users, but no `session` to answer them by.")
        asked = check_vectors(user_vectors, "user_vectors") if users else None
        index = BruteForce(k=k, storage=weights) if index is None else index
        index.index(check_vectors(item_vectors, "item_vectors"), queries=asked, bias=search_bias)
        #: The kind of index, and whether it scores all items for every query.
        self.index_kind, self.scores_all = type(index).__name__, index.scores_all
        #: How this must be saved: with which namespaces of ops that TensorFlow lacks.
        self.save_options = index.save_options()

        # The layers are hidden behind their methods and their variables listed: a Keras layer
        # that is tracked brings its own functions and metadata into the SavedModel.
        self._search, self._vectors = index.search, index.vectors
        self._index_variables = list(index.variables)
        self._history: VectorTable | None = None
        self._history_dim = self.dim
        if history_vectors is not None:
            checked = check_vectors(history_vectors, "history_vectors")
            self._history = VectorTable(checked, weights, "history_vectors")
            self._history_dim = int(checked.shape[1])
        unseen = np.empty((0, self.dim), np.float32)
        if session is not None:
            answer = tf.function(session)
            self._session = lambda history, mask: answer(history, mask)
            unseen = self._unseen_shopper()
            traced = answer.get_concrete_function(
                tf.TensorSpec([None, history_size, self._history_dim]),
                tf.TensorSpec([None, history_size], tf.bool),
            )
            # Only what a session reads: a user tower may hold a row for every user besides.
            self._session_variables = list(traced.variables)

        self.filters, self.search = filters, search
        self._arguments = _arguments(session is not None, search)
        self._folder = tempfile.TemporaryDirectory(prefix="tfmm-ids-")
        folder = Path(self._folder.name)
        self._item_table = row_table(items, folder / "item_ids.txt")
        self._user_table = row_table(users, folder / "user_ids.txt") if users else None
        self._item_ids = tf.Variable([*items, ""], trainable=False, name="item_ids")
        # Row U, after the last user, is the unseen shopper; to whom nothing is a repetition.
        vectors = np.empty((0, self.dim)) if asked is None else asked
        vectors = np.concatenate([vectors, unseen]).astype(np.float32, copy=False)
        self._user_vectors = VectorTable(vectors, weights, "user_vectors")
        if exclude_seen:
            offsets = np.append(seen_offsets, seen_offsets[-1]).astype(np.int64)
            rows = np.asarray(seen_rows, np.int32)
            self._seen_offsets = tf.Variable(offsets, trainable=False, name="seen_offsets")
            self._seen_rows = tf.Variable(rows, trainable=False, name="seen_rows")
        # Arrays, because TensorFlow would track tuples and save them.
        self.item_ids, self.user_ids = np.array(items, object), np.array(users, object)

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
        rows = _distinct_first(self.item_rows(history))
        queries = self._session(self._history_vectors(rows), rows >= 0)
        excluded = self._excluded(tf.concat([rows, self.item_rows(exclude)], axis=1))
        return self._answer(*self._search(queries, self.k, excluded, self.filters.bind(allow)))

    def similar_items(self, item_id: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The items most like an item, by cosine, without the item itself."""
        rows = self.item_rows(item_id)
        excluded = self._excluded(tf.concat([rows[:, None], self.item_rows(exclude)], axis=1))
        scores, found = self._search(
            self._vectors(rows), self.k, excluded, self.filters.bind(allow), cosine=True
        )
        known = (rows >= 0)[:, None]
        return self._answer(tf.where(known, scores, LOWEST_SCORE), tf.where(known, found, -1))

    def embed_user(self, user_id: tf.Tensor) -> Answer:
        """User vectors; the unseen shopper's for an unknown user."""
        return {"embedding": self._user_vectors.rows(self._users(user_id))}

    def embed_item(self, item_id: tf.Tensor) -> Answer:
        """Item vectors; zeros for an unknown item."""
        return {"embedding": self._vectors(self.item_rows(item_id))}

    def search_text(self, text: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The items that a text asks for."""
        return self._searched(exclude, allow, text=text)

    def search_image(self, image: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The items that a picture, an encoded file, asks for."""
        return self._searched(exclude, allow, image=image)

    def search_audio(self, audio: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The items that a sound, a WAV file, asks for."""
        return self._searched(exclude, allow, audio=audio)

    def search_mixed(
        self, text: tf.Tensor, image: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor
    ) -> Answer:
        """The items that a text and a picture together ask for; "" leaves a part out."""
        return self._searched(exclude, allow, text=text, image=image)

    def _searched(self, exclude: tf.Tensor, allow: tf.Tensor, **queries: tf.Tensor) -> Answer:
        assert self.search is not None
        vectors, known = self.search.vectors(**queries)
        scores, rows = self._search(
            vectors, self.k, self.item_rows(exclude), self.filters.bind(allow), biased=True
        )
        said = known[:, None]
        return self._answer(tf.where(said, scores, LOWEST_SCORE), tf.where(said, rows, -1))

    def signatures(self) -> list[Signature]:
        """Every signature, with static E, F and T."""
        widths: dict[str, list[int]] = {
            "user_id": [],
            "item_id": [],
            "exclude": [self.exclude_size],
            "allow": [self.allow_size],
            "history": [self.history_size],
            "text": [],
            "image": [],
            "audio": [],
        }

        def made(name: str, arguments: tuple[str, ...]) -> Signature:
            function = getattr(self, name)
            return Signature(
                name,
                function,
                {at: tf.TensorSpec([None, *widths[at]], tf.string) for at in arguments},
                lambda batch: self._samples(arguments, batch),
                (function.__doc__ or "").strip().splitlines()[0],
                check=partial(check_answer, self),
            )

        return [made(name, arguments) for name, arguments in self._arguments().items()]

    def export(self) -> Export:
        """What is written of it."""
        sizes = {"items": self.n_items, "users": self.n_users, "dimensions": self.dim}
        return Export(self.signatures(), holder=self, sizes=sizes, options=self.save_options)

    def _samples(self, arguments: Sequence[str], batch: int) -> dict[str, NDArray[np.object_]]:
        """A request of `batch` rows: known and unknown ids, some filters."""
        items, users = self.item_ids[:8], self.user_ids[:8]
        asked_items = _cycled([*items, _UNKNOWN], batch)
        terms = _cycled([*self.filters.examples, ""], batch)
        inputs = {
            "user_id": np.array(_cycled([*users, _UNKNOWN], batch), object),
            "item_id": np.array(asked_items, object),
            "exclude": _first_column(asked_items[::-1], self.exclude_size),
            "allow": _first_column(terms[::-1], self.allow_size),
            "history": _first_column(asked_items, self.history_size),
        }
        if self.search is not None:
            inputs |= self.search.examples(batch)
        return {argument: inputs[argument] for argument in arguments}

    def item_rows(self, item_id: tf.Tensor) -> tf.Tensor:
        """The rows of item ids, int32 of the same shape; -1 for unknown ones and ""."""
        return tf.cast(self._item_table.lookup(item_id), tf.int32)

    def seen_items(self, user_id: tf.Tensor) -> tf.RaggedTensor:
        """The ids that `recommend` leaves out as seen, string `[B, None]`."""
        users = self._users(tf.convert_to_tensor(user_id))
        none = tf.RaggedTensor.from_row_lengths(
            tf.zeros([0], tf.int32), tf.zeros_like(users, tf.int64)
        )
        return tf.gather(self._item_ids, self._excluded(None, users) if self.exclude_seen else none)

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

    def _answer(self, scores: tf.Tensor, rows: tf.Tensor) -> Answer:
        ids = tf.gather(self._item_ids, tf.where(rows >= 0, rows, self.n_items))
        return {"item_id": ids, "score": scores}

    def _unseen_shopper(self) -> NDArray[np.float32]:
        history = tf.zeros([1, self.history_size, self._history_dim])
        vector = np.asarray(self._session(history, tf.zeros([1, self.history_size], tf.bool)))
        if vector.shape != (1, self.dim) or not np.isfinite(vector).all():
            raise ValueError(
                f"`session` must answer a history without items with finite vectors "
                f"[1, {self.dim}], but it gave shape {list(vector.shape)}: {vector}. To resolve "
                "this, let it handle a mask of all False, for instance by a learned vector."
            )
        return vector


_OF_SHOPPERS: dict[str, tuple[str, ...]] = {
    "serving_default": ("user_id",),
    "recommend": ("user_id", "exclude", "allow"),
    "recommend_session": ("history", "exclude", "allow"),
    "embed_user": ("user_id",),
}
_OF_ITEMS: dict[str, tuple[str, ...]] = {
    "similar_items": ("item_id", "exclude", "allow"),
    "embed_item": ("item_id",),
}


def _arguments(shoppers: bool, search: Search | None) -> Callable[[], dict[str, tuple[str, ...]]]:
    """Gives the inputs of each signature, by name."""
    found = {**(_OF_SHOPPERS if shoppers else {}), **_OF_ITEMS}
    for name, kinds in (search.arguments() if search else {}).items():
        found[name] = (*kinds, "exclude", "allow")
    # A function, because TensorFlow would track a dictionary.
    return lambda: found


def _distinct_first(rows: tf.Tensor) -> tf.Tensor:
    """Moves the known rows of `[B, T]` to the front in their order, each once; -1 fills up."""
    place = tf.range(tf.shape(rows)[1])
    earlier = place[:, None] > place[None, :]
    repeated = tf.reduce_any((rows[:, :, None] == rows[:, None, :]) & earlier, axis=2)
    rows = tf.where(repeated, -1, rows)
    order = tf.argsort(tf.where(rows >= 0, place, place + tf.size(place)), axis=1)
    return tf.gather(rows, order, batch_dims=1)


def _cycled(values: list[str], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


def _first_column(values: list[str], width: int) -> NDArray[np.object_]:
    padded = np.full((len(values), width), "", object)
    padded[:, 0] = values
    return padded
