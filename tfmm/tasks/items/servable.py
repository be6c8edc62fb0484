"""ItemServable: a catalogue as arrays, with the signatures that ask it for items."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index import LOWEST_SCORE, BruteForce, Index, TermFilter
from tfmm.index.candidates import check_vectors
from tfmm.index.lookup import row_table
from tfmm.index.tables import stored_bytes
from tfmm.tasks.base import Export, Signature
from tfmm.tasks.items.answers import check_answer
from tfmm.tasks.items.arrays import check_shapes, check_sizes, distinct_ids

if TYPE_CHECKING:
    from tfmm.data.catalog import Variants
    from tfmm.tasks.search.signatures import Search

Answer = dict[str, tf.Tensor]

#: What sample requests ask for beside ids that exist.
UNKNOWN = "no such id"
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "similar_items": ("item_id", "exclude", "allow"),
    "embed_item": ("item_id",),
}


class ItemServable(tf.Module):
    """What a catalogue answers, without the code of the model that made its vectors.

    Signatures (`signatures()`), all ids strings, B free, K, E, F and D fixed:

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `search_text` | `text` [B], `exclude` [B, E], `allow` [B, F] | `item_id`, `score` [B, K] |
    | `search_image` | `image` [B], encoded files, `exclude`, `allow` | same |
    | `search_audio` | `audio` [B], WAV files, `exclude`, `allow` | same |
    | `similar_items` | `item_id` [B], `exclude`, `allow` | same |
    | `search_mixed` | `text`, `image`, "" for a part left out, `exclude`, `allow` | same |
    | `embed_item` | `item_id` [B] | `embedding` float32 [B, D] |

    - Unknown items in `exclude` are ignored; the id of a variant stands for its product, in
      `item_id` and `history` too.
    - `similar_items` ranks by the cosine of item vectors, whatever their lengths, and leaves the
      item itself out; an unknown item gets padding only.
    - `embed_item` gives zeros for an unknown item.
    - Where fewer than K items are left, "" and the lowest finite float32 fill up.
    - The searches are there as far as `search` reads what they are asked by; a query that says
      nothing gets padding only, see `tfmm.tasks.search.signatures.Search`.

    `item_ids`, an object array, says which ids it knows.

    Every array is a variable and every vocabulary an asset file, so that size is bounded by
    memory, not by what a graph may hold.

    Args:
        item_ids: `[N]` distinct strings.
        item_vectors: `[N, D]`, finite.
        filters: made over the same N items.
        index: an index to fill with the item vectors; exact if None.
        weights: how the tables of vectors are stored: "float32", "bfloat16" or "int8". An index
            that is given stores its candidates in its own way.
        k: items in an answer.
        exclude_size: E, ids in `exclude`.
        allow_size: F, terms in `allow`.
        search: what the items can be searched by, if they can.
        search_bias: float `[N]`, joins the scores of searches: a correction for hubs, see
            `tfmm.tasks.search.hubness`.
        item_priors: float `[N, P]`, join the scores of queries that have weights for them after
            their D components: how popular items are now.
        queries: vectors `[Q, D]` that are like those asked, for tuning the index.
        variants: ids that are no items, and the rows of those that they stand for.

    Raises:
        ValueError: arrays that do not fit together, ids that are repeated, empty or hold line
            breaks, vectors that are not finite.
        TypeError: ids that are not strings.
    """

    def __init__(
        self,
        item_ids: Sequence[str] | NDArray[Any],
        item_vectors: Any,
        *,
        filters: TermFilter,
        index: Index | None = None,
        weights: str = "float32",
        k: int = 100,
        exclude_size: int = 64,
        allow_size: int = 16,
        search: Search | None = None,
        search_bias: NDArray[np.float32] | None = None,
        item_priors: NDArray[np.float32] | None = None,
        queries: NDArray[np.float32] | None = None,
        variants: Variants | None = None,
    ) -> None:
        super().__init__(name="servable")
        check_sizes(k=k, exclude_size=exclude_size, allow_size=allow_size)
        items = distinct_ids(item_ids, "item_ids")
        self.n_items, self.n_users, self.dim = len(items), 0, int(item_vectors.shape[1])
        self.k, self.exclude_size, self.allow_size = k, exclude_size, allow_size
        check_shapes(
            {
                "item_vectors": (item_vectors.shape, (self.n_items, self.dim)),
                "filters' items": (filters.n_items, self.n_items),
            },
            f"{len(items)} item ids",
        )
        index = BruteForce(k=k, storage=weights) if index is None else index
        priors = np.empty((len(items), 0), np.float32) if item_priors is None else item_priors
        biases = priors if search_bias is None else np.c_[priors, search_bias]
        index.index(
            check_vectors(item_vectors, "item_vectors"),
            queries=queries,
            bias=biases if biases.size else None,
        )
        # Priors have no weight in a search, the correction for hubs one of 1.
        self._search_weights: list[float] = []
        if search_bias is not None:
            self._search_weights = [*[0.0] * priors.shape[1], 1.0]
        #: The kind of index, and whether it scores all items for every query.
        self.index_kind, self.scores_all = type(index).__name__, index.scores_all
        #: How this must be saved: with which namespaces of ops that TensorFlow lacks.
        self.save_options = index.save_options()

        # The layers are hidden behind their methods and their variables listed: a Keras layer
        # that is tracked brings its own functions and metadata into the SavedModel.
        self._search, self._vectors = index.search, index.vectors
        self._index_variables = list(index.variables)
        self.filters, self.search = filters, search
        self._folder = tempfile.TemporaryDirectory(prefix="tfmm-ids-")
        self._item_table = self._rows_of(items, "item_ids")
        self.n_variants = 0 if variants is None else len(variants)
        if variants is not None and len(variants):
            distinct_ids([*items, *variants.ids], "item_ids and the ids of variants")
            self._variant_table = self._rows_of(variants.ids.tolist(), "variant_ids")
            # Behind the last variant stands what is unknown.
            rows = np.append(variants.rows, -1).astype(np.int32)
            self._variant_rows = tf.Variable(rows, trainable=False, name="variant_rows")
        self._item_ids = tf.Variable([*items, ""], trainable=False, name="item_ids")
        # Arrays, because TensorFlow would track tuples and save them.
        self.item_ids = np.array(items, object)

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables of vectors."""
        return stored_bytes(self._index_variables)

    def similar_items(self, item_id: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> Answer:
        """The items most like an item, by cosine, without the item itself."""
        rows = self.item_rows(item_id)
        excluded = tf.concat([rows[:, None], self.item_rows(exclude)], axis=1)
        scores, found = self._search(
            self._vectors(rows), self.k, excluded, self.filters.bind(allow), cosine=True
        )
        known = (rows >= 0)[:, None]
        return self._answer(tf.where(known, scores, LOWEST_SCORE), tf.where(known, found, -1))

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

    def arguments(self) -> dict[str, tuple[str, ...]]:
        """The inputs of each signature, by name."""
        searches = self.search.arguments() if self.search else {}
        asked = {name: (*kinds, "exclude", "allow") for name, kinds in searches.items()}
        return _ARGUMENTS | asked

    def signatures(self) -> list[Signature]:
        """Every signature, with static widths."""
        widths = self.widths()

        def made(name: str, arguments: tuple[str, ...]) -> Signature:
            function = getattr(self, name)
            return Signature(
                name,
                function,
                {at: tf.TensorSpec([None, *widths.get(at, ())], tf.string) for at in arguments},
                lambda batch: self._samples(arguments, batch),
                (function.__doc__ or "").strip().splitlines()[0],
                check=partial(check_answer, self),
            )

        return [made(name, arguments) for name, arguments in self.arguments().items()]

    def export(self) -> Export:
        """What is written of it."""
        sizes = {"items": self.n_items, "users": self.n_users, "dimensions": self.dim}
        sizes |= {"variants": self.n_variants} if self.n_variants else {}
        return Export(self.signatures(), holder=self, sizes=sizes, options=self.save_options)

    def widths(self) -> dict[str, list[int]]:
        """How many ids or terms a row of an input holds, where that is not one."""
        return {"exclude": [self.exclude_size], "allow": [self.allow_size]}

    def samples(self, batch: int) -> dict[str, NDArray[np.object_]]:
        """Every input of a request of `batch` rows: known and unknown ids, some filters."""
        items = cycled([*self.item_ids[:8], UNKNOWN], batch)
        terms = cycled([*self.filters.examples, ""], batch)
        inputs = {
            "item_id": np.array(items, object),
            "exclude": first_column(items[::-1], self.exclude_size),
            "allow": first_column(terms[::-1], self.allow_size),
        }
        return inputs if self.search is None else inputs | self.search.examples(batch)

    def item_rows(self, item_id: tf.Tensor) -> tf.Tensor:
        """The rows of item ids, int32 of the same shape; -1 for unknown ones and ""; that of its
        product for a variant."""
        rows = tf.cast(self._item_table.lookup(item_id), tf.int32)
        if not self.n_variants:
            return rows
        variant = self._variant_table.lookup(item_id)
        variant = tf.where(variant >= 0, variant, self.n_variants)
        return tf.where(rows >= 0, rows, tf.gather(self._variant_rows, variant))

    def _samples(self, arguments: Sequence[str], batch: int) -> dict[str, NDArray[np.object_]]:
        inputs = self.samples(batch)
        return {argument: inputs[argument] for argument in arguments}

    def _searched(self, exclude: tf.Tensor, allow: tf.Tensor, **queries: tf.Tensor) -> Answer:
        assert self.search is not None
        vectors, known = self.search.vectors(**queries)
        more = tf.ones_like(vectors[:, :1]) * tf.constant([self._search_weights], tf.float32)
        queries = tf.concat([vectors, more], axis=1) if self._search_weights else vectors
        scores, rows = self._search(
            queries, self.k, self.item_rows(exclude), self.filters.bind(allow)
        )
        said = known[:, None]
        return self._answer(tf.where(said, scores, LOWEST_SCORE), tf.where(said, rows, -1))

    def _answer(self, scores: tf.Tensor, rows: tf.Tensor) -> Answer:
        ids = tf.gather(self._item_ids, tf.where(rows >= 0, rows, self.n_items))
        return {"item_id": ids, "score": scores}

    def _rows_of(self, ids: Sequence[str], name: str) -> Any:
        return row_table(ids, Path(self._folder.name) / f"{name}.txt")


#: Makes an `ItemServable` as some settings say.
Make = Callable[[Any], ItemServable]


def cycled(values: list[str], n: int) -> list[str]:
    """The values over and over, `n` of them."""
    return [values[i % len(values)] for i in range(n)]


def first_column(values: list[str], width: int) -> NDArray[np.object_]:
    """Rows `[n, width]` of one value each, padded by ""."""
    padded = np.full((len(values), width), "", object)
    padded[:, 0] = values
    return padded
