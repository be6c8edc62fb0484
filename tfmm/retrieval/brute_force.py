"""BruteForce: exact retrieval by scoring every candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfmm.retrieval.candidates import check_identifiers, check_vectors
from tfmm.retrieval.filters import RowFilter
from tfmm.retrieval.padding import NO_ROW, finish, pad_columns
from tfmm.retrieval.top_k import exact_top_k

# Scores held at once: 2^25 float32 are 128 MiB, 33 queries at 1,000,000 candidates.
_BLOCK_SCORES = 2**25
# A filter lists the rows of its terms beside the scores, so it gets smaller blocks.
_FILTERED_BLOCK_SCORES = 2**23
_UNIT = 1e-5


class BruteForce(tfrs.layers.factorized_top_k.TopK):
    """Exact retrieval of the k candidates with the highest inner products.

    It takes the place of `tfrs.layers.factorized_top_k.BruteForce` and adds exclusions that are
    exact for any number of excluded candidates, filters, padding where fewer than k candidates
    are left, checks of what is indexed, and bounded memory: queries go through in blocks, so that
    a batch of 1,024 against 1,000,000 candidates holds some 128 MiB of scores, not 4 GiB.

    Ties go to the candidate that was indexed first. Padding is "" (or -1 for integer identifiers)
    with the lowest finite float32 as its score.

    Args:
        query_model: a Keras model from raw queries to query vectors `[B, D]`. Without one the
            queries are the vectors.
        k: how many candidates to return unless a call says otherwise.
        name: the layer's name.

    Example:

    ```python
    index = BruteForce(k=2).index([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], ["hat", "shoe", "both"])
    scores, ids = index(tf.constant([[1.0, 0.5]]))               # [[1.5, 1.0]], [["both", "hat"]]
    scores, ids = index.query_with_exclusions(tf.constant([[1.0, 0.5]]), tf.constant([["both"]]))
    ```
    """

    def __init__(
        self, query_model: tf.keras.Model | None = None, k: int = 100, name: str | None = None
    ) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"`k` must be a positive integer, but it is {k!r}.")
        super().__init__(k=int(k), name=name)
        self.query_model = query_model
        self._candidates: tf.Variable | None = None
        self._inverse_norms: tf.Variable | None = None
        self._identifiers: tf.Variable | None = None

    def index(self, candidates: Any, identifiers: Any = None) -> BruteForce:
        """Indexes candidates; an earlier index is dropped.

        Args:
            candidates: `[N, D]`, float16 to float64, stored as float32.
            identifiers: `[N]` distinct strings or integers. Without them rows are returned.

        Raises:
            ValueError: wrong rank, unequal lengths, NaN or infinite candidates, identifiers that
                are repeated or kept for padding.
            TypeError: candidates that are not floating, identifiers neither strings nor integers.
        """
        vectors = check_vectors(candidates)
        ids = None if identifiers is None else check_identifiers(identifiers, len(vectors))
        norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        unit = bool(np.all(np.abs(norms - 1) < _UNIT))
        self._candidates = tf.Variable(vectors, trainable=False, name="candidates")
        self._inverse_norms = (
            None
            if unit
            else tf.Variable(inverse.astype(np.float32), trainable=False, name="inverse_norms")
        )
        self._identifiers = (
            None if ids is None else tf.Variable(ids, trainable=False, name="identifiers")
        )
        self._reset_tf_function_cache()
        return self

    def index_from_dataset(self, candidates: tf.data.Dataset) -> BruteForce:
        """Indexes a dataset of batches.

        Args:
            candidates: yields vectors `[b, D]`, or pairs of identifiers `[b]` and vectors.

        Raises:
            ValueError: the dataset is empty or yields something else, or as `index` does.
        """
        spec = candidates.element_spec
        paired = isinstance(spec, tuple)
        ranks = [part.shape.rank for part in spec] if paired else [spec.shape.rank]
        if ranks not in ([2], [1, 2]):
            raise ValueError(
                "`candidates` must yield vectors [b, D], or pairs (identifiers [b], vectors "
                f"[b, D]), but it yields {spec}. To resolve this, batch the dataset, identifiers "
                "first."
            )
        batches = list(candidates.as_numpy_iterator())
        if not batches:
            raise ValueError("`candidates` is an empty dataset: there is nothing to index.")
        if not paired:
            return self.index(np.concatenate(batches))
        identifiers, vectors = zip(*batches, strict=True)
        return self.index(np.concatenate(vectors), np.concatenate(identifiers))

    def call(self, queries: Any, k: int | tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Retrieves the best candidates.

        Args:
            queries: vectors `[B, D]`, or what the query model takes. B may be 0.
            k: how many; the constructor's k if None. More than there are candidates pads.

        Returns:
            Scores float32 `[B, k]`, highest first, and identifiers `[B, k]`.

        Raises:
            ValueError: nothing is indexed yet, or queries that are not `[B, D]`.
        """
        scores, rows = self.search(self._vectors(queries), k)
        return scores, self._identify(rows)

    @tf.function
    def query_with_exclusions(
        self, queries: Any, exclusions: tf.Tensor, k: int | tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Retrieves the best candidates that are not excluded.

        Args:
            queries: as for `call`.
            exclusions: identifiers `[B, E]` to leave out, of the type that was indexed; unknown
                ones and padding are ignored.
            k: how many; the constructor's k if None.

        Returns:
            Scores float32 `[B, k]` and identifiers `[B, k]`: k of them as long as k candidates
            remain.
        """
        k = self._k if k is None else k
        exclusions = tf.convert_to_tensor(exclusions)
        excludable = exclusions.shape[1]
        wide = k + (tf.shape(exclusions)[1] if excludable is None else excludable)
        scores, rows = self.search(self._vectors(queries), wide)
        identifiers = self._identify(rows)
        exclusions = (
            exclusions
            if exclusions.dtype == identifiers.dtype
            else tf.cast(exclusions, identifiers.dtype)
        )
        # At most E of the best k + E are excluded, so k of those that may be returned are there.
        excluded = tf.reduce_any(identifiers[:, :, None] == exclusions[:, None, :], axis=2)
        kept, place = tf.math.top_k(tf.where(excluded | (rows < 0), -np.inf, scores), k)
        kept, rows = finish(kept, tf.gather(rows, place, batch_dims=1))
        return kept, self._identify(rows)

    def search(
        self,
        queries: tf.Tensor,
        k: int | tf.Tensor | None = None,
        excluded_rows: tf.Tensor | tf.RaggedTensor | None = None,
        allowed: tf.Tensor | RowFilter | None = None,
        *,
        cosine: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Retrieves rows of the index by query vectors; what an exported signature is made of.

        Args:
            queries: float `[B, D]`.
            k: how many; the constructor's k if None.
            excluded_rows: rows to leave out, ragged `[B, None]` or dense `[B, E]`; those outside
                of the index, such as -1, are ignored.
            allowed: rows that may be returned: a bool mask `[B, N]`, or a filter such as
                `TermFilter.bind` returns, whose mask is made block by block.
            cosine: scores are cosines instead of inner products (0 for a vector of zeros).

        Returns:
            Scores float32 `[B, k]`, highest first, and rows int32 `[B, k]`; `LOWEST_SCORE` and -1
            where fewer than k are left.

        Raises:
            ValueError: nothing is indexed yet, or queries that are not `[B, D]`.
        """
        candidates = self._indexed()
        k = self._k if k is None else int(k) if isinstance(k, np.integer) else k
        queries = self._check_queries(tf.convert_to_tensor(queries))
        if cosine:
            queries = tf.math.l2_normalize(queries, axis=1, epsilon=1e-30)
        excluded = None if excluded_rows is None else _ragged_rows(excluded_rows)
        mask = _DenseFilter(allowed) if tf.is_tensor(allowed) else allowed
        n = candidates.shape[0]

        batch = tf.shape(queries)[0]
        block = tf.constant(max(1, _BLOCK_SCORES // n))
        if mask is not None:
            filtered = tf.constant(max(1, _FILTERED_BLOCK_SCORES // n))
            block = tf.where(mask.active, filtered, block)

        def one_block(start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scores = tf.matmul(queries[start:stop], candidates, transpose_b=True)
            if cosine and self._inverse_norms is not None:
                scores *= self._inverse_norms
            if excluded is not None:
                scores = _leave_out(scores, excluded[start:stop], n)
            if mask is not None:
                scores = tf.cond(
                    mask.active,
                    lambda: tf.where(mask.rows(start, stop), scores, -np.inf),
                    lambda: scores,
                )
            return exact_top_k(scores, k, n)

        scores, rows = _over_blocks(one_block, batch, block)
        scores, rows = finish(*pad_columns(scores, rows, k))
        if isinstance(k, int):
            scores, rows = tf.ensure_shape(scores, [None, k]), tf.ensure_shape(rows, [None, k])
        return scores, rows

    def vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """The indexed vectors of rows `[...]`, float32 `[..., D]`; zeros for negative rows."""
        found = tf.gather(self._indexed(), tf.maximum(rows, 0))
        return tf.where((rows >= 0)[..., tf.newaxis], found, 0.0)

    def is_exact(self) -> bool:
        """True: every candidate is scored."""
        return True

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the indexed candidates are weights, not config."""
        model = self.query_model
        return {
            "query_model": None if model is None else tf.keras.layers.serialize(model),
            "k": self._k,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> BruteForce:
        """The layer, with nothing indexed, that `get_config` describes."""
        model = config["query_model"]
        if model is not None:
            model = tf.keras.layers.deserialize(model, custom_objects=custom_objects)
        return cls(model, k=config["k"], name=config["name"])

    def _indexed(self) -> tf.Variable:
        if self._candidates is None:
            raise ValueError(
                "Nothing is indexed yet. To resolve this, call `index(candidates, identifiers)` "
                "or `index_from_dataset(dataset)` first."
            )
        return self._candidates

    def _vectors(self, queries: Any) -> tf.Tensor:
        return queries if self.query_model is None else self.query_model(queries)

    def _check_queries(self, queries: tf.Tensor) -> tf.Tensor:
        width = self._indexed().shape[1]
        shape = queries.shape
        if shape.rank != 2 or shape[1] not in (None, width):
            raise ValueError(
                f"Queries must be vectors [B, {width}], as wide as the candidates, but their "
                f"shape is {shape}."
            )
        return tf.cast(queries, tf.float32)

    def _identify(self, rows: tf.Tensor) -> tf.Tensor:
        if self._identifiers is None:
            return rows
        found = tf.gather(self._identifiers, tf.maximum(rows, 0))
        padding = tf.constant("") if found.dtype == tf.string else tf.constant(NO_ROW, found.dtype)
        return tf.where(rows >= 0, found, padding)


class _DenseFilter:
    """A bool mask `[B, N]` as a row filter."""

    def __init__(self, mask: tf.Tensor) -> None:
        self._mask = mask
        self.active = tf.constant(True)

    def rows(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        return self._mask[start:stop]


def _ragged_rows(rows: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    if isinstance(rows, tf.RaggedTensor):
        return tf.cast(rows.with_row_splits_dtype(tf.int64), tf.int32)
    rows = tf.cast(rows, tf.int32)
    return tf.ragged.boolean_mask(rows, rows >= 0)


def _leave_out(scores: tf.Tensor, excluded: tf.RaggedTensor, n: int) -> tf.Tensor:
    """Sets the scores of excluded rows to -inf; rows outside of `[0, n)` are ignored."""
    places = tf.stack([tf.cast(excluded.value_rowids(), tf.int32), excluded.values], axis=1)
    places = tf.boolean_mask(places, (excluded.values >= 0) & (excluded.values < n))
    lowest = tf.fill(tf.shape(places)[:1], tf.constant(-np.inf, tf.float32))
    return tf.tensor_scatter_nd_update(scores, places, lowest)


def _over_blocks(one_block: Any, batch: tf.Tensor, block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Concatenates `one_block(start, stop)` over consecutive blocks of the batch."""
    # An empty batch still takes one (empty) block, which gives the answer its width.
    count = tf.maximum(1, tf.cast(tf.math.ceil(batch / block), tf.int32))

    def more(i: tf.Tensor, *_: Any) -> tf.Tensor:
        return i < count

    def step(i: tf.Tensor, scores: tf.TensorArray, rows: tf.TensorArray) -> tuple[Any, ...]:
        found = one_block(i * block, tf.minimum(batch, (i + 1) * block))
        return i + 1, scores.write(i, found[0]), rows.write(i, found[1])

    blocks = [
        tf.TensorArray(dtype, size=count, infer_shape=False, element_shape=[None, None])
        for dtype in (tf.float32, tf.int32)
    ]
    # One block at a time: concurrent blocks would multiply the memory that blocks are there for.
    _, scores, rows = tf.while_loop(more, step, [tf.constant(0), *blocks], parallel_iterations=1)
    return scores.concat(), rows.concat()
