"""ScaNN: approximate retrieval by the ops of the scann package."""

from __future__ import annotations

import math
import uuid
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.progress import progress
from tfmm.index.approximate import Approximate
from tfmm.index.padding import NO_ROW
from tfmm.index.request import Found, Request, among
from tfmm.index.tables import gather
from tfmm.index.tuning import depths_to_tune, nearest, recall_of, recall_reached, sample_rows

# The smallest catalogue that ScaNN's tree and hashes can be learned from with any use.
_SMALLEST = 4096
_DIMENSIONS_A_BLOCK = 2
# Variables of a ScaNN searcher.
_STATE_VARIABLES = 9
# What is tried: shares of the leaves to search, and how many times the depth to score exactly.
_LEAF_SHARES = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08, 0.15)
_REORDERED = (1.5, 3, 6, 12, 24)
# A hash is scored in about this share of the time that a row takes to be fetched and scored.
_HASH_COST = 0.05
# Every how manieth of the depths that IVF tunes for is tuned for, by searching.
_DEPTH_STEP = 3
_QUERY_BLOCK, _LIMITED_QUERY_BLOCK = 256, 32


@tf.keras.utils.register_keras_serializable(package="tfmm")
class ScaNN(Approximate):
    """Approximate retrieval by ScaNN's TensorFlow ops, from the scann package.

    It takes the place of `tfrs.layers.factorized_top_k.ScaNN` and adds a recall to ask for,
    exclusions, filters and padding as in `IVF`. Candidates stand in about sqrt(N) leaves, are
    scored by their quantised residuals, and the best again exactly. The number of leaves to search
    and of candidates to score again is the cheapest that gives the recall on sampled queries.

    Its ops are not in the stock TensorFlow Serving image: a SavedModel of it loads where scann is
    imported, and must be saved with
    `tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])`. After Guo et al., Accelerating
    Large-Scale Inference with Anisotropic Vector Quantization, 2020.

    Catalogues below 4,096 candidates are searched exactly, as are cosines of vectors whose lengths
    differ, because ScaNN's tree is learned for inner products. Padding is as in `BruteForce`.

    ```python
    index = ScaNN(k=10).index(item_vectors, item_ids)
    scores, ids = index(user_vectors[:8])
    ```

    Args:
        query_model: a Keras model from raw queries to query vectors `[B, D]`. Without one the
            queries are the vectors.
        k: how many candidates to return unless a call says otherwise.
        recall: the share of the k best candidates to find, on average, in (0, 1].
        seed: of the sampled queries; ScaNN's own training draws anew each time.
        name: the layer's name.

    Raises:
        ModuleNotFoundError: scann is not installed.
        ValueError: an option out of its range.
    """

    def __init__(
        self,
        query_model: tf.keras.Model | None = None,
        k: int = 100,
        *,
        recall: float = 0.95,
        seed: int = 1,
        name: str | None = None,
    ) -> None:
        self._ops = _scann_ops()
        super().__init__(query_model, k, recall=recall, seed=seed, name=name)

    def save_options(self) -> tf.saved_model.SaveOptions:
        """How a model that holds this index must be saved: with the namespace of ScaNN's ops."""
        return tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])

    def _store(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        self._efforts, self._most_effort = (), -1
        self._hold(None)
        if self._n >= max(_SMALLEST, 4 * self._k) and self.recall < 1:
            self._hold(self._learned(vectors))
            self._tune(vectors, queries)
        if not self._efforts:
            self._hold(None)
            self._candidates = tf.Variable(vectors, trainable=False, name="candidates")

    def _hold(self, state: tf.Module | None) -> None:
        """Keeps what `_learned` gives, or drops it."""
        # A module cannot be taken back from a Keras layer, its variables can.
        self._searcher = lambda: self._ops.searcher_from_module(state)
        for i in range(_STATE_VARIABLES):
            setattr(self, f"_state_{i}", None if state is None else state.variables[i])
        self._candidates = None if state is None else state.dataset

    def _learned(self, vectors: NDArray[np.float32]) -> tf.Module:
        """ScaNN's tree and hashes as variables, the candidates among them as `dataset`."""
        leaves = round(self._n**0.5)
        builder = (
            self._ops.builder(vectors, self._k, "dot_product")
            .tree(leaves, max(1, leaves // 100), training_sample_size=min(self._n, 100 * leaves))
            .score_ah(_DIMENSIONS_A_BLOCK, anisotropic_quantization_threshold=0.2)
            .reorder(4 * self._k)
        )
        searcher = builder.build(shared_name=f"{self.name}/{uuid.uuid4()}")
        return searcher.serialize_to_module()

    def _tune(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        """Finds the cheapest setting for some depths; deeper searches than those are exact."""
        own = sample_rows(self._n, self._samples(), self.seed) if queries is None else None
        if queries is None:
            asked = vectors[own]
        else:
            asked = queries[sample_rows(len(queries), self._samples(), self.seed)]
        depths = depths_to_tune(self._n, self._k)
        depths = np.append(depths[::-_DEPTH_STEP][::-1], self._k)
        depths = np.unique(depths[(depths >= self._k) & (depths <= depths.max())])
        true = nearest(asked, vectors, int(depths[-1]), own)
        settings: list[tuple[int, int]] = []
        for depth in progress(depths, len(depths), "tuning the index", unit="depths"):
            setting = self._cheapest(asked, true[:, :depth], own is not None)
            if setting is None:
                break
            settings.append(setting)
        if settings:
            self._depths = depths[: len(settings)].astype(np.int32)
            self._most_effort = len(settings) - 1
            # The effort is the place of a setting.
            inner = np.arange(len(settings), dtype=np.int32)
            self._efforts = (inner, inner)
            self._leaves, self._reordered = np.array(settings, np.int32).T

    def _cheapest(
        self, queries: NDArray[np.float32], neighbours: NDArray[np.int64], themselves: bool
    ) -> tuple[int, int] | None:
        """Leaves to search and candidates to reorder that find true neighbours `[Q, depth]`.

        Queries that find themselves, which does not count, get one result more.
        """
        depth, leaves = neighbours.shape[1], round(self._n**0.5)
        settings = {
            (max(1, round(share * leaves)), min(self._n, math.ceil(times * depth)))
            for share in _LEAF_SHARES
            for times in _REORDERED
        }

        def cost(setting: tuple[int, int]) -> float:
            return setting[0] * self._n / leaves * _HASH_COST + setting[1]

        poor: list[tuple[int, int]] = []
        for setting in sorted(settings, key=cost):
            if any(setting[0] <= less[0] and setting[1] <= less[1] for less in poor):
                continue
            _, rows = self._ask(tf.constant(queries), depth + themselves, *setting)
            found = recall_of(rows.numpy(), neighbours)
            if recall_reached(found, self.recall):
                return setting
            poor.append(setting)
        return None

    def _ask(
        self,
        queries: tf.Tensor,
        count: int | tf.Tensor,
        leaves: int | tf.Tensor,
        reordered: int | tf.Tensor,
    ) -> Found:
        """The best rows that ScaNN finds; -inf and -1 where it finds fewer."""
        # ScaNN refuses a batch without queries and one with a query that is not finite.
        finite = tf.reduce_all(tf.math.is_finite(queries), axis=1, keepdims=True)
        asked = tf.where(finite, queries, 0.0)
        asked = tf.pad(asked, [[0, tf.maximum(0, 1 - tf.shape(queries)[0])], [0, 0]])
        found = self._searcher().search_batched_parallel(asked, count, reordered, leaves)
        batch = tf.shape(queries)[0]
        scores, rows = found.distances[:batch], found.indices[:batch]
        real = finite & ~tf.math.is_nan(scores)
        return tf.where(real, scores, -np.inf), tf.where(real, rows, NO_ROW)

    def _find(self, request: Request) -> Found:
        if request.cosine and self._inverse_norms is not None:
            return self._find_exactly(request)
        return super()._find(request)

    def _query_block(self, effort: int) -> int:
        return _QUERY_BLOCK if effort < self._most_effort else _LIMITED_QUERY_BLOCK

    def _scan(
        self, request: Request, effort: int | tf.Tensor, depth: int | tf.Tensor, one: bool
    ) -> Found:
        leaves, reordered = tf.gather(self._leaves, effort), tf.gather(self._reordered, effort)
        scores, rows = self._ask(request.queries, depth, leaves, tf.maximum(reordered, depth))
        if request.excluded is not None:
            scores = tf.where(among(rows, request.excluded, self._n), -np.inf, scores)
        return scores, rows

    def _all_scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, self._candidates, transpose_b=True)

    def _stored(self, rows: tf.Tensor) -> tf.Tensor:
        return gather(self._candidates, rows)


def _scann_ops() -> Any:
    try:
        from scann.scann_ops.py import scann_ops
    except ImportError as error:
        raise ModuleNotFoundError(
            "The ScaNN index needs the package scann, which could not be imported "
            f"({error}). To resolve this, pip install 'tfmm[scann]', or take the index 'ivf', "
            "which needs nothing and serves on the stock TensorFlow Serving image.",
            name="scann",
        ) from error
    return scann_ops
