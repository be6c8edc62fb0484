"""Approximate: what indices do alike that look at some of the candidates only."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index import base
from tfmm.index.options import check_recall
from tfmm.index.padding import pad_columns
from tfmm.index.request import Found, Request, over_blocks
from tfmm.index.top_k import best_rows

# Queries that an index tunes on: the fewer, the more candidates their neighbours are sought among.
_FEWEST_SAMPLES, _MOST_SAMPLES = 512, 1024
_SAMPLE_SCORES = 2**30
# A filter that leaves a query less than this share of what it leaves of the whole catalogue has
# its candidates elsewhere.
_LEAST_ALLOWED = 0.5


class Approximate(base.Index):
    """An index that looks at some candidates only, and at all of them where those are too few.

    How much a search must do, its effort, is tuned when candidates are indexed, as a table over
    its depth: the number of best candidates that it must find. Exclusions and filters make a
    search deeper than k: of the best (k + excluded) / (share that is allowed), k are left.

    A subclass fills `_depths` and `_efforts` in its `_store`, and looks in `_scan`.

    Args:
        query_model: as for `Index`.
        k: as for `Index`.
        recall: the share of the k best candidates to find, on average.
        seed: of whatever is drawn while indexing.
        name: the layer's name.

    Raises:
        ValueError: `k` or `recall` out of range.
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
        super().__init__(query_model, k, name=name)
        self.recall, self.seed = check_recall(recall), int(seed)
        # Depths that were tuned for, ascending, and the effort each takes, for inner products and
        # for cosines; no efforts where all searches are exact.
        self._depths = np.empty(0, np.int32)
        self._efforts: tuple[NDArray[np.int32], ...] = ()
        self._most_effort = 0

    def is_exact(self) -> bool:
        """False: only the likely candidates are scored."""
        return False

    @property
    def scores_all(self) -> bool:
        return not self._efforts

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the indexed candidates are weights, not config."""
        return {**super().get_config(), "recall": self.recall, "seed": self.seed}

    def _scan(
        self, request: Request, effort: int | tf.Tensor, depth: int | tf.Tensor, one: bool
    ) -> Found:
        """The candidates that an effort finds, `[b, M]`, -inf where excluded or none.

        Args:
            request: the queries of a block.
            effort: what `_efforts` says for the depth.
            depth: the number of best candidates that matter.
            one: whether it is certain that there is one query.
        """
        raise NotImplementedError

    def _refine(self, request: Request, scores: tf.Tensor, rows: tf.Tensor) -> Found:
        """Makes the scores of what was found exact, where a scan's are not."""
        return scores, rows

    def _surely_enough(self, effort: int, k: int) -> bool:
        """Whether the effort finds k candidates for any query."""
        return False

    def _query_block(self, effort: int) -> int:
        """How many queries may be scanned at once with an effort."""
        raise NotImplementedError

    def _exact_from(self, effort: int) -> int | None:
        """The size of a batch from which scoring all candidates is faster; None if none is."""
        return None

    def _samples(self) -> int:
        """How many queries to tune on."""
        return min(_MOST_SAMPLES, max(_FEWEST_SAMPLES, _SAMPLE_SCORES // self._n))

    def _effort(self, depth: int, cosine: bool = False) -> int:
        """The effort for a depth; above `_most_effort` where only an exact search will do."""
        if not self._efforts:
            return self._most_effort + 1
        efforts = self._efforts[cosine]
        place = int(np.searchsorted(self._depths, depth))
        return int(efforts[place]) if place < len(efforts) else self._most_effort + 1

    def _find(self, request: Request) -> Found:
        k, limited = request.k, request.excluded is not None or request.allowed is not None
        if not self._efforts:
            return self._find_exactly(request)
        plain = isinstance(k, int) and not limited
        effort, exact_from = self._most_effort, None
        if isinstance(k, int):
            effort = self._effort(k, request.cosine)
            if effort > self._most_effort:
                return self._find_exactly(request)
            exact_from = self._exact_from(effort)
        block = self._query_block(effort if plain else self._most_effort)
        if request.allowed is not None:
            block = min(block, max(1, base._FILTERED_BLOCK_SCORES // self._n))

        answer = self._answer_plainly if plain else self._answer_limited

        def alone() -> Found:
            return answer(request, True)

        def scanned() -> Found:
            return over_blocks(
                lambda start, stop: answer(request.part(start, stop), False), request.batch, block
            )

        def in_blocks() -> Found:
            if exact_from is None:
                return scanned()
            many = request.batch >= exact_from
            return tf.cond(many, lambda: self._exactly(request), scanned)

        # One query spares the loop, whose turn takes as long as a small scan.
        known = request.queries.shape[0]
        if known is not None:
            return alone() if known == 1 else in_blocks()
        return tf.cond(tf.equal(request.batch, 1), alone, in_blocks)

    def _exactly(self, request: Request) -> Found:
        return pad_columns(*self._find_exactly(request), request.k)

    def _answer_plainly(self, request: Request, one: bool) -> Found:
        """The answer to queries without exclusions and filters."""
        k = request.k
        effort = self._effort(k, request.cosine)
        scores, rows = self._refine(request, *self._scan(request, effort, k, one))
        scores, rows = pad_columns(*best_rows(scores, rows, k), k)
        if self._surely_enough(effort, k):
            return scores, rows
        return self._complete(request, scores, rows, ~(scores[:, -1] > -np.inf))

    def _answer_limited(self, request: Request, one: bool) -> Found:
        """The answer to queries that exclude or filter, or that ask for a k known when run."""
        k, batch = request.k, request.batch
        deep = tf.fill([batch], tf.cast(k, tf.float32))
        if request.excluded is not None:
            deep += tf.cast(request.excluded.row_lengths(), tf.float32)
        active = tf.constant(False) if request.allowed is None else request.allowed.active
        mask = (
            tf.zeros([batch, 0], tf.bool)
            if request.allowed is None
            else tf.cond(active, request.mask, lambda: tf.zeros([batch, 0], tf.bool))
        )
        left = tf.math.count_nonzero(mask, axis=1, dtype=tf.float32)
        share = tf.where(active, left / self._n, 1.0)
        possible = share > 0
        deep = tf.minimum(tf.math.ceil(deep / tf.maximum(share, 1e-9)), float(self._n + 1))
        depth = tf.cast(deep, tf.int32)

        beyond = self._most_effort + 1
        table = tf.constant(np.append(self._efforts[request.cosine], beyond), tf.int32)
        efforts = tf.gather(table, tf.searchsorted(self._depths, depth))
        hopeless = efforts > self._most_effort
        fewest = int(self._efforts[request.cosine][0])
        effort = tf.reduce_max(tf.where(hopeless, 0, efforts))
        effort = tf.minimum(tf.maximum(effort, fewest), self._most_effort)
        reach = tf.maximum(tf.reduce_max(tf.where(hopeless, 0, depth)), k)

        scores, rows = self._scan(request, effort, reach, one)
        looked = tf.math.count_nonzero(scores > -np.inf, axis=1, dtype=tf.float32)
        scores = tf.cond(
            active,
            lambda: tf.where(tf.gather(mask, tf.maximum(rows, 0), batch_dims=1), scores, -np.inf),
            lambda: scores,
        )
        met = tf.math.count_nonzero(scores > -np.inf, axis=1, dtype=tf.float32)
        elsewhere = met < _LEAST_ALLOWED * share * looked
        scores, rows = self._refine(request, scores, rows)
        scores, rows = pad_columns(*best_rows(scores, rows, k), k)
        lacking = (hopeless | elsewhere | ~(scores[:, -1] > -np.inf)) & possible
        return self._complete(request, scores, rows, lacking)

    def _complete(
        self, request: Request, scores: tf.Tensor, rows: tf.Tensor, lacking: tf.Tensor
    ) -> Found:
        """Answers the queries that are lacking exactly, one at a time."""
        places = tf.where(lacking)
        asked = tf.cast(places[:, 0], tf.int32)

        def one_query(i: tf.Tensor, scores: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
            part = request.part(asked[i], asked[i] + 1)
            found = self._exactly(part)
            place = places[i : i + 1]
            return (
                i + 1,
                tf.tensor_scatter_nd_update(scores, place, found[0]),
                tf.tensor_scatter_nd_update(rows, place, found[1]),
            )

        _, scores, rows = tf.while_loop(
            lambda i, *_: i < tf.size(asked),
            one_query,
            [tf.constant(0), scores, rows],
            shape_invariants=[
                tf.TensorShape([]),
                tf.TensorShape([None, None]),
                tf.TensorShape([None, None]),
            ],
            parallel_iterations=1,
        )
        return scores, rows
