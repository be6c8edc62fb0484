"""Index: what every retrieval index does alike, whatever finds its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from numpy.typing import NDArray

from tfmm.index.candidates import check_identifiers, check_vectors
from tfmm.index.filters import RowFilter
from tfmm.index.options import check_positive
from tfmm.index.padding import NO_ROW, finish, pad_columns
from tfmm.index.request import (
    DenseFilter,
    Found,
    Request,
    leave_out,
    over_blocks,
    ragged_rows,
)
from tfmm.index.top_k import exact_top_k

# Scores held at once: 2^25 float32 are 128 MiB, 33 queries at 1,000,000 candidates.
_BLOCK_SCORES = 2**25
# A filter lists the rows of its terms beside the scores, so it gets smaller blocks.
_FILTERED_BLOCK_SCORES = 2**23
_UNIT = 1e-5


class Index(tfrs.layers.factorized_top_k.TopK):
    """A retrieval layer that checks what it indexes, excludes, filters and pads.

    An index stores its candidates in `_store`, scores all of them in `_all_scores` and gives
    single ones back in `_stored`. `_find` may look at fewer; as it stands it is exact.

    Ties go to the candidate that was indexed first. Padding is "" (or -1 for integer identifiers)
    with the lowest finite float32 as its score.

    Args:
        query_model: a Keras model from raw queries to query vectors `[B, D]`. Without one the
            queries are the vectors.
        k: how many candidates to return unless a call says otherwise.
        name: the layer's name.

    Raises:
        ValueError: `k` is not a positive integer.
    """

    def __init__(
        self, query_model: tf.keras.Model | None = None, k: int = 100, name: str | None = None
    ) -> None:
        super().__init__(k=check_positive("k", k), name=name)
        self.query_model = query_model
        self._n = self._dim = self._width = 0
        self._inverse_norms: tf.Variable | None = None
        self._identifiers: tf.Variable | None = None

    def index(
        self, candidates: Any, identifiers: Any = None, queries: Any = None, *, bias: Any = None
    ) -> Self:
        """Indexes candidates; an earlier index is dropped.

        Args:
            candidates: `[N, D]`, float16 to float64, scored as float32.
            identifiers: `[N]` distinct strings or integers. Without them rows are returned.
            queries: `[Q, D]` such as will be asked, which an approximate index tunes its recall
                on; some of the candidates if None. An exact index has no use for them.
            bias: `[N]` or `[N, b]`, what may join the candidates' inner products: how popular they
                are now, a correction for hubs. It is stored as further components of the vectors,
                which a query of `search` weighs with components of its own. Cosines and `vectors`
                leave them out.

        Raises:
            ValueError: wrong rank, unequal lengths, NaN or infinite vectors, identifiers that
                are repeated or kept for padding.
            TypeError: vectors that are not floating, identifiers neither strings nor integers.
        """
        vectors = check_vectors(candidates)
        ids = None if identifiers is None else check_identifiers(identifiers, len(vectors))
        asked = None if queries is None else check_vectors(queries, "queries")
        biases = _check_bias(bias, len(vectors))
        widest = vectors.shape[1] + biases.shape[1]
        if asked is not None and not vectors.shape[1] <= asked.shape[1] <= widest:
            raise ValueError(
                f"`queries` must be as wide as the candidates, {vectors.shape[1]}"
                + (f", or with weights of their biases {widest}" if bias is not None else "")
                + f", but their shape is {list(asked.shape)}."
            )
        norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        unit = bool(np.all(np.abs(norms - 1) < _UNIT))
        self._n, self._width = vectors.shape
        if biases.size:
            vectors = np.concatenate([vectors, biases], axis=1)
        if asked is not None:
            asked = np.pad(asked, ((0, 0), (0, widest - asked.shape[1])))
        self._dim = vectors.shape[1]
        self._inverse_norms = (
            None
            if unit
            else tf.Variable(inverse.astype(np.float32), trainable=False, name="inverse_norms")
        )
        self._identifiers = (
            None if ids is None else tf.Variable(ids, trainable=False, name="identifiers")
        )
        self._store(vectors, asked)
        self._reset_tf_function_cache()
        return self

    def index_from_dataset(self, candidates: tf.data.Dataset) -> Self:
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
            queries: float `[B, D]`, or up to `[B, D + b]` with the weights of the biases that were
                indexed; those left out weigh nothing.
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
            ValueError: nothing is indexed yet, queries of another width, or cosines with biases.
        """
        self._check_indexed()
        k = self._k if k is None else int(k) if isinstance(k, np.integer) else k
        queries = self._check_queries(tf.convert_to_tensor(queries))
        if cosine:
            if queries.shape[1] != self._width:
                raise ValueError("A cosine has no bias: leave the weights of biases out.")
            queries = tf.math.l2_normalize(queries, axis=1, epsilon=1e-30)
        queries = tf.pad(queries, [[0, 0], [0, self._dim - queries.shape[1]]])
        excluded = None if excluded_rows is None else ragged_rows(excluded_rows)
        mask = DenseFilter(allowed) if tf.is_tensor(allowed) else allowed
        scores, rows = self._find(Request(queries, k, excluded, mask, cosine))
        scores, rows = finish(*pad_columns(scores, rows, k))
        if isinstance(k, int):
            scores, rows = tf.ensure_shape(scores, [None, k]), tf.ensure_shape(rows, [None, k])
        return scores, rows

    def vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """The indexed vectors of rows `[...]`, float32 `[..., D]`; zeros for negative rows."""
        self._check_indexed()
        found = self._stored(tf.maximum(rows, 0))[..., : self._width]
        return tf.where((rows >= 0)[..., tf.newaxis], found, 0.0)

    def save_options(self) -> tf.saved_model.SaveOptions:
        """How a model that holds this index must be saved."""
        return tf.saved_model.SaveOptions()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the indexed candidates are weights, not config."""
        model = self.query_model
        return {
            "query_model": None if model is None else tf.keras.layers.serialize(model),
            "k": self._k,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """The layer, with nothing indexed, that `get_config` describes."""
        model = config["query_model"]
        if model is not None:
            model = tf.keras.layers.deserialize(model, custom_objects=custom_objects)
        return cls(**{**config, "query_model": model})

    def _store(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        """Takes candidates `[N, D]` in, and tunes on queries `[Q, D]` where that is of use."""
        raise NotImplementedError

    def _all_scores(self, queries: tf.Tensor) -> tf.Tensor:
        """The inner products of queries `[b, D]` with every candidate, `[b, N]`."""
        raise NotImplementedError

    def _stored(self, rows: tf.Tensor) -> tf.Tensor:
        """The vectors, float32 `[..., D]`, of rows `[...]` that lie in `[0, N)`."""
        raise NotImplementedError

    def _find(self, request: Request) -> Found:
        """Scores and rows `[B, at most k]`; -inf where a row may not be returned."""
        return self._find_exactly(request)

    @property
    def scores_all(self) -> bool:
        """Whether every search scores all that was indexed, so that nothing is missed.

        An approximate index does so where scanning a part would save less than it misses.
        """
        return True

    def _find_exactly(self, request: Request) -> Found:
        """As `_find`, by scoring every candidate, in blocks of queries."""
        block = tf.constant(max(1, _BLOCK_SCORES // self._n))
        if request.allowed is not None:
            filtered = tf.constant(max(1, _FILTERED_BLOCK_SCORES // self._n))
            block = tf.where(request.allowed.active, filtered, block)

        return over_blocks(
            lambda start, stop: self._exact_block(request.part(start, stop)),
            request.batch,
            block,
        )

    def _exact_block(self, request: Request) -> Found:
        """As `_find_exactly`, for all queries at once."""
        scores = self._all_scores(request.queries)
        if request.cosine and self._inverse_norms is not None:
            scores *= self._inverse_norms
        if request.excluded is not None:
            scores = leave_out(scores, request.excluded, self._n)
        if request.allowed is not None:
            scores = tf.cond(
                request.allowed.active,
                lambda: tf.where(request.mask(), scores, -np.inf),
                lambda: scores,
            )
        return exact_top_k(scores, request.k, self._n)

    def _check_indexed(self) -> None:
        if not self._n:
            raise ValueError(
                "Nothing is indexed yet. To resolve this, call `index(candidates, identifiers)` "
                "or `index_from_dataset(dataset)` first."
            )

    def _vectors(self, queries: Any) -> tf.Tensor:
        return queries if self.query_model is None else self.query_model(queries)

    def _check_queries(self, queries: tf.Tensor) -> tf.Tensor:
        shape = queries.shape
        if shape.rank == 2 and shape[1] is None:
            queries = tf.ensure_shape(queries, [None, self._width])
        elif shape.rank != 2 or not self._width <= shape[1] <= self._dim:
            more = "" if self._dim == self._width else f" to {self._dim}"
            raise ValueError(
                f"Queries must be vectors [B, {self._width}{more}], as wide as the candidates, but "
                f"their shape is {shape}."
            )
        return tf.cast(queries, tf.float32)

    def _identify(self, rows: tf.Tensor) -> tf.Tensor:
        if self._identifiers is None:
            return rows
        found = tf.gather(self._identifiers, tf.maximum(rows, 0))
        padding = tf.constant("") if found.dtype == tf.string else tf.constant(NO_ROW, found.dtype)
        return tf.where(rows >= 0, found, padding)


def _check_bias(bias: Any, n: int) -> NDArray[np.float32]:
    """The biases as columns float32 `[N, b]`, of which there may be none."""
    if bias is None:
        return np.zeros((n, 0), np.float32)
    values = np.asarray(bias, np.float32)
    columns = values[:, None] if values.ndim == 1 else values
    if columns.ndim != 2 or len(columns) != n or not np.isfinite(columns).all():
        raise ValueError(
            f"`bias` must be one finite number for each of the {n} candidates, or a row of them, "
            f"but its shape is {list(values.shape)}"
            + ("." if np.isfinite(values).all() else " and it holds NaN or infinite values.")
        )
    return columns
