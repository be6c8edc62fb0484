"""BruteForce: exact retrieval by scoring every candidate."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.retrieval.base import Index


class BruteForce(Index):
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

    Raises:
        ValueError: `k` is not a positive integer.

    Example:

    ```python
    index = BruteForce(k=2).index([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], ["hat", "shoe", "both"])
    scores, ids = index(tf.constant([[1.0, 0.5]]))               # [[1.5, 1.0]], [["both", "hat"]]
    scores, ids = index.query_with_exclusions(tf.constant([[1.0, 0.5]]), tf.constant([["both"]]))
    ```
    """

    def is_exact(self) -> bool:
        """True: every candidate is scored."""
        return True

    def _store(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        self._candidates = tf.Variable(vectors, trainable=False, name="candidates")

    def _all_scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, self._candidates, transpose_b=True)

    def _stored(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._candidates, rows)
