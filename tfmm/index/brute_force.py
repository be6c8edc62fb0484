"""BruteForce: exact retrieval by scoring every candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index.base import Index
from tfmm.index.options import check_name
from tfmm.index.tables import STORAGES, VectorTable


@tf.keras.utils.register_keras_serializable(package="tfmm")
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
        storage: how candidates are stored: "float32"; "bfloat16" or "int8", half or a quarter of
            the memory, with which the order is that of the rounded vectors and scoring is slower.
        name: the layer's name.

    Raises:
        ValueError: `k` is not a positive integer, or a storage that there is not.

    Example:

    ```python
    index = BruteForce(k=2).index([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], ["hat", "shoe", "both"])
    scores, ids = index(tf.constant([[1.0, 0.5]]))               # [[1.5, 1.0]], [["both", "hat"]]
    scores, ids = index.query_with_exclusions(tf.constant([[1.0, 0.5]]), tf.constant([["both"]]))
    ```
    """

    def __init__(
        self,
        query_model: tf.keras.Model | None = None,
        k: int = 100,
        storage: str = "float32",
        name: str | None = None,
    ) -> None:
        super().__init__(query_model, k, name=name)
        self.storage = check_name("storage", storage, STORAGES)

    def is_exact(self) -> bool:
        """True: every candidate is scored."""
        return True

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the indexed candidates are weights, not config."""
        return {**super().get_config(), "storage": self.storage}

    def _store(self, vectors: NDArray[np.float32], queries: NDArray[np.float32] | None) -> None:
        self._candidates = VectorTable(vectors, self.storage, "candidates")

    def _all_scores(self, queries: tf.Tensor) -> tf.Tensor:
        return self._candidates.products(queries)

    def _stored(self, rows: tf.Tensor) -> tf.Tensor:
        return self._candidates.rows(rows)
