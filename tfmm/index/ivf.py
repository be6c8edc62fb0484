"""IVF: approximate retrieval out of standard TensorFlow ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.progress import Bar
from tfmm.index.approximate import Approximate
from tfmm.index.options import check_name, check_positive
from tfmm.index.partition import partition
from tfmm.index.request import Found, Request, close
from tfmm.index.tables import STORAGES, gather
from tfmm.index.top_k import best_rows, exact_top_k
from tfmm.index.tuning import depths_to_tune, nearest, probes_for_recall, sample_rows

# Floats of gathered rows held at once: what fits the last-level cache is fastest by far.
_GATHERED = 2**22
# Past one row in so many a scan of blocks is slower, or no longer much faster, than scoring all.
_LARGEST_SHARE = 8
# Scoring all, b queries at once read the rows together: for each it takes as long as a scan of one
# row in 18 and, divided by b, one in 4. Measured on 10^6 vectors of 64 and 128 dimensions.
_BATCH_SHARE, _READING_SHARE = 18, 4
# Rows of compressed storage that are scored again exactly, as a multiple of k.
_RESCORED = 3
_TINY = np.finfo(np.float32).tiny


@tf.keras.utils.register_keras_serializable(package="tfmm")
class IVF(Approximate):
    """Approximate retrieval from an inverted file (IVF) of standard TensorFlow ops.

    Candidates stand in small blocks of neighbours (`partition`). A search scores the blocks'
    means, gathers the rows of the best `n_probe` blocks and ranks them by their exact scores. How
    many blocks that takes is measured when candidates are indexed: as few as give the recall asked
    for on sampled queries, for every number of results, so that exclusions and filters, which
    make a search reach deeper, widen it by as much as they need. A query that still finds fewer
    than k, or whose filter leaves too little to search by blocks, is answered exactly.

    Where blocks do not help, because the vectors do not cluster, the catalogue is small or the
    recall is 1, every search is exact.

    A SavedModel of it serves on the stock TensorFlow Serving image. After Jégou, Douze and Schmid,
    Product Quantization for Nearest Neighbor Search, 2011, section 4.

    Ties go to the candidate that was indexed first, as far as they were looked at. Padding is as
    in `BruteForce`.

    Args:
        query_model: a Keras model from raw queries to query vectors `[B, D]`. Without one the
            queries are the vectors.
        k: how many candidates to return unless a call says otherwise.
        recall: the share of the k best candidates to find, on average, in (0, 1].
        storage: of the scanned rows: "float32", "bfloat16" or "int8". The latter two read less
            memory in a search; the best 3 k are scored again exactly, which needs the float32 rows
            beside them, so that memory is 1.5 or 1.25 times that of "float32".
        block_size: rows in a block; a power of two near sqrt(N) / 8 if None.
        seed: of the k-means partition and the sampled queries.
        name: the layer's name.

    Raises:
        ValueError: an option out of its range; the message names the nearest that there is.

    Example:

    ```python
    index = IVF(k=100, recall=0.95).index(item_vectors, item_ids, queries=user_vectors)
    scores, ids = index(user_vectors[:8])
    ```
    """

    def __init__(
        self,
        query_model: tf.keras.Model | None = None,
        k: int = 100,
        *,
        recall: float = 0.95,
        storage: str = "float32",
        block_size: int | None = None,
        seed: int = 1,
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, recall=recall, seed=seed, name=name)
        self.storage = check_name("storage", storage, STORAGES)
        self.block_size = None if block_size is None else check_positive("block_size", block_size)
        self._size = self._n_blocks = 0

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the indexed candidates are weights, not config."""
        return {**super().get_config(), "storage": self.storage, "block_size": self.block_size}

    def n_probe(self, k: int | None = None) -> int:
        """Blocks that a search for k results looks into, unless it excludes or filters.

        All of them where a search by blocks does not pay.

        Raises:
            ValueError: nothing is indexed yet.
        """
        self._check_indexed()
        effort = self._effort(self._k if k is None else k)
        return effort if effort <= self._most_effort else self._n_blocks

    def _store(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        self._blocks = self._candidates = self._slot_offsets = None
        self._slot_rows = self._places = None
        self._means = self._cosine_means = self._factors = self._cosine_factors = None
        with Bar(3, "indexing", unit="steps") as bar:
            divided = self._partition(vectors, queries, bar.advance)
        if not divided:
            # A scan of the blocks would be slower than scoring every row, which wants them plain.
            self._efforts = ()
        if self._blocks is None or self.storage != "float32":
            self._candidates = _constant(vectors, "candidates")

    def _partition(
        self,
        vectors: NDArray[np.float32],
        queries: NDArray[np.float32] | None,
        done: Callable[[], None],
    ) -> bool:
        """Stores vectors in blocks; False if a search for k results had to look into too many.
        `done` is called after each of three steps."""
        self._size = self.block_size or _block_size(self._n)
        slots = partition(vectors, self._size, self.seed)
        done()
        filled = slots >= 0
        held = filled.sum(axis=1, dtype=np.float32)
        self._n_blocks, self._most_effort = len(slots), len(slots) // _LARGEST_SHARE
        self._fewest_rows = np.cumsum(np.sort(held))
        blocks = vectors[np.maximum(slots, 0)]
        blocks[~filled] = 0
        places = np.empty(self._n, np.int32)
        places[slots[filled]] = np.flatnonzero(filled)

        # Score factors of every slot and means of every block, by cosine or not.
        scales = np.ones(slots.shape, np.float32)
        stored = blocks
        if self.storage == "int8":
            scales = np.maximum(np.abs(blocks).max(axis=2), _TINY) / np.float32(127)
            stored = np.rint(blocks / scales[:, :, np.newaxis])
        factors = (scales, scales)
        means = (blocks.sum(axis=1) / held[:, np.newaxis],) * 2
        if self._inverse_norms is not None:
            inverse = self._inverse_norms.numpy()[np.maximum(slots, 0)]
            factors = scales, scales * inverse
            directions = np.einsum("nbd,nb->nd", blocks, inverse)
            means = means[0], directions / held[:, np.newaxis]
        done()
        self._tune(vectors, queries, places // self._size, means)
        done()
        if self._effort(self._k) > self._most_effort:
            return False

        closed = np.where(filled, 0, -np.inf).astype(np.float32)
        self._slot_offsets = None if filled.all() else _constant(closed, "slot_offsets")
        self._slot_rows = _constant(slots, "slot_rows")
        self._places = _constant(places, "places")
        self._blocks = _constant(tf.cast(stored, self.storage), "blocks")
        self._means, self._cosine_means = _pair(means, "means")
        self._factors, self._cosine_factors = _pair(factors, "slot_factors")
        return True

    def _tune(
        self,
        vectors: NDArray[np.float32],
        queries: NDArray[np.float32] | None,
        block_of: NDArray[np.int32],
        means: tuple[NDArray[np.float32], ...],
    ) -> None:
        """Measures how many blocks each depth takes, for inner products and for cosines."""
        self._depths = depths_to_tune(self._n, self._k)
        items = sample_rows(self._n, self._samples(), self.seed)

        def efforts(
            asked: NDArray[np.float32], own: NDArray[np.int64] | None, cosine: bool
        ) -> NDArray[np.int32]:
            scored = vectors
            if cosine and self._inverse_norms is not None:
                scored = vectors * self._inverse_norms.numpy()[:, np.newaxis]
            neighbours = nearest(asked, scored, int(self._depths[-1]), own)
            scores = asked @ means[cosine].T
            return probes_for_recall(neighbours, block_of, scores, self._depths, self.recall)

        if queries is None:
            inner = efforts(vectors[items], items, False)
        else:
            inner = efforts(
                queries[sample_rows(len(queries), self._samples(), self.seed)], None, False
            )
        alike = queries is None and self._inverse_norms is None
        self._efforts = inner, inner if alike else efforts(vectors[items], items, True)

    def _query_block(self, effort: int) -> int:
        return max(1, _GATHERED // (effort * self._size * self._dim))

    def _exact_from(self, effort: int) -> int | None:
        beyond = effort * self._size / self._n - 1 / _BATCH_SHARE
        return math.ceil(1 / _READING_SHARE / beyond) if beyond > 0 else None

    def _surely_enough(self, effort: int, k: int) -> bool:
        return bool(self._fewest_rows[effort - 1] >= k)

    def _scan(
        self, request: Request, effort: int | tf.Tensor, depth: int | tf.Tensor, one: bool
    ) -> Found:
        queries, size = request.queries, self._size
        means = tf.matmul(
            queries, self._cosine_means if request.cosine else self._means, transpose_b=True
        )
        _, chosen = exact_top_k(means, effort, self._n_blocks)
        shape = [request.batch, effort * size]
        near = tf.cast(gather(self._blocks, chosen[0] if one else chosen), tf.float32)
        if one:
            # A product of matrices is faster than a batch of one.
            near = tf.reshape(near, [effort * size, self._dim])
            scores = tf.matmul(queries, near, transpose_b=True)
        else:
            near = tf.reshape(near, [*shape, self._dim])
            scores = tf.matmul(near, queries[:, :, tf.newaxis])[:, :, 0]
        factors = self._cosine_factors if request.cosine else self._factors
        if factors is not None:
            scores *= tf.reshape(gather(factors, chosen), shape)
        if self._slot_offsets is not None:
            scores += tf.reshape(gather(self._slot_offsets, chosen), shape)
        if request.excluded is not None:
            scores = close(scores, self._places_in(chosen, request.excluded))
        return scores, tf.reshape(gather(self._slot_rows, chosen), shape)

    def _places_in(self, chosen: tf.Tensor, excluded: tf.RaggedTensor) -> tf.Tensor:
        """Where excluded rows stand among the slots of chosen blocks `[b, P]`: int32 `[n, 2]`."""
        query, place = self._excluded_places(excluded)
        hit = tf.gather(chosen, query) == (place // self._size)[:, tf.newaxis]
        which, probe = tf.unstack(tf.cast(tf.where(hit), tf.int32), 2, axis=1)
        slot = probe * self._size + tf.gather(place, which) % self._size
        return tf.stack([tf.gather(query, which), slot], axis=1)

    def _excluded_places(self, excluded: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The query and the slot of every excluded row that there is, int32 `[n]` each."""
        inside = (excluded.values >= 0) & (excluded.values < self._n)
        query = tf.boolean_mask(tf.cast(excluded.value_rowids(), tf.int32), inside)
        return query, gather(self._places, tf.boolean_mask(excluded.values, inside))

    def _refine(self, request: Request, scores: tf.Tensor, rows: tf.Tensor) -> Found:
        if self._candidates is None:
            return scores, rows
        best = tf.math.top_k(scores, tf.minimum(_RESCORED * request.k, tf.shape(scores)[1]))
        rows = tf.gather(rows, best.indices, batch_dims=1)
        near = gather(self._candidates, tf.maximum(rows, 0))
        exact = tf.matmul(near, request.queries[:, :, tf.newaxis])[:, :, 0]
        if request.cosine and self._inverse_norms is not None:
            exact *= gather(self._inverse_norms, tf.maximum(rows, 0))
        return tf.where(best.values > -np.inf, exact, -np.inf), rows

    def _all_scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, self._candidates, transpose_b=True)

    def _exact_block(self, request: Request) -> Found:
        if self._candidates is not None:
            return super()._exact_block(request)
        # In the order of slots: to put every score where its row belongs takes longer than ranking.
        count = self._n_blocks * self._size
        rows = tf.reshape(self._slot_rows, [count])
        scores = tf.matmul(request.queries, self._slots(), transpose_b=True)
        factors = self._cosine_factors if request.cosine else self._factors
        if factors is not None:
            scores *= tf.reshape(factors, [count])
        if self._slot_offsets is not None:
            scores += tf.reshape(self._slot_offsets, [count])
        if request.excluded is not None:
            query, place = self._excluded_places(request.excluded)
            scores = close(scores, tf.stack([query, place], axis=1))
        if request.allowed is not None:
            scores = tf.cond(
                request.allowed.active,
                lambda: tf.where(
                    tf.gather(request.mask(), tf.maximum(rows, 0), axis=1), scores, -np.inf
                ),
                lambda: scores,
            )
        k = request.k
        best, slots = exact_top_k(scores, k + 1, count)
        # Equal scores past the last place: only all rows in their order tell who comes first.
        cut = (best[:, k:] == best[:, k - 1 : -1]) & (best[:, k:] > -np.inf)
        return tf.cond(
            tf.reduce_any(cut),
            lambda: exact_top_k(tf.gather(scores, self._places, axis=1), k, self._n),
            lambda: best_rows(best, tf.gather(rows, slots), k),
        )

    def _stored(self, rows: tf.Tensor) -> tf.Tensor:
        if self._candidates is not None:
            return gather(self._candidates, rows)
        return tf.gather(self._slots(), gather(self._places, rows))

    def _slots(self) -> tf.Tensor:
        """The blocks' rows one below the other, `[blocks * size, D]`."""
        return tf.reshape(self._blocks, [self._n_blocks * self._size, self._dim])


def _block_size(n: int) -> int:
    return 2 ** min(9, max(5, round(math.log2(n**0.5 / 8))))


def _pair(values: tuple[NDArray[np.float32], ...], name: str) -> tuple[tf.Variable | None, ...]:
    """Variables of values for inner products and for cosines: one if equal, None if all 1."""
    first = None if (values[0] == 1).all() else _constant(values[0], name)
    if np.array_equal(values[0], values[1]):
        return first, first
    return first, _constant(values[1], f"cosine_{name}")


def _constant(values: Any, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
