"""Products of sparse and dense matrices, at a tenth of the time of `tf.sparse` on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A matrix of compressed sparse rows, and its transpose.

    TensorFlow's kernels for it go row by row over memory, where `tf.sparse.sparse_dense_matmul`
    and segment sums go entry by entry. Gradients flow into the dense factor, not into the entries.

    Attributes:
        forth, back: the matrix and its transpose, variants of `tf.raw_ops`' CSR operations.
    """

    forth: tf.Tensor
    back: tf.Tensor

    @classmethod
    def of(cls, indices: tf.Tensor, values: tf.Tensor, shape: Any) -> SparseMatrix:
        """A matrix of its entries; entries at the same place add up.

        Args:
            indices: int64 `[entries, 2]`, ascending by row.
            values: float32 `[entries]`.
            shape: rows and columns.
        """
        forth = tf.raw_ops.SparseTensorToCSRSparseMatrix(
            indices=indices, values=values, dense_shape=tf.cast(shape, tf.int64)
        )
        return cls(forth, tf.raw_ops.SparseMatrixTranspose(input=forth, type=tf.float32))

    @property
    def T(self) -> SparseMatrix:
        """The transpose."""
        return SparseMatrix(self.back, self.forth)

    def times(self, dense: tf.Tensor) -> tf.Tensor:
        """The product with a dense matrix: `[columns, d]` to `[rows, d]` of its dtype."""

        @tf.custom_gradient
        def product(dense: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            return _product(self.forth, dense), lambda upstream: _product(self.back, upstream)

        return tf.cast(product(tf.cast(dense, tf.float32)), dense.dtype)


def _product(matrix: tf.Tensor, dense: tf.Tensor) -> tf.Tensor:
    made = tf.raw_ops.SparseMatrixMatMul(a=matrix, b=dense)
    return tf.ensure_shape(made, (None, dense.shape[1]))


def mean_of_rows(table: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """The means of some of a table's rows, zeros for none.

    Args:
        table: float `[n, d]`.
        rows: int32 `[B, T]`, -1 for padding.

    Returns:
        `[B, d]` of the table's dtype.
    """
    inside = tf.where(rows >= 0)
    count = tf.reduce_sum(tf.cast(rows >= 0, tf.float32), 1)
    column = tf.cast(tf.gather_nd(rows, inside), tf.int64)
    shape = tf.stack([tf.shape(rows)[0], tf.shape(table)[0]])
    share = tf.gather(tf.math.reciprocal_no_nan(count), inside[:, 0])
    return SparseMatrix.of(tf.stack([inside[:, 0], column], 1), share, shape).times(table)


def weighted_product(
    indices: tf.Tensor, values: tf.Tensor, shape: tf.Tensor, dense: tf.Tensor
) -> tf.Tensor:
    """The product of a sparse matrix with a dense one, with gradients into both.

    Args:
        indices: int64 `[entries, 2]`, ascending by row; entries at the same place add up.
        values: float32 `[entries]`.
        shape: rows and columns.
        dense: float32 `[columns, d]`.

    Returns:
        float32 `[rows, d]`.
    """
    matrix = SparseMatrix.of(indices, tf.stop_gradient(values), shape)

    @tf.custom_gradient
    def product(values: tf.Tensor, dense: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            into, out_of = tf.gather(upstream, indices[:, 0]), tf.gather(dense, indices[:, 1])
            return tf.reduce_sum(into * out_of, 1), _product(matrix.back, upstream)

        return _product(matrix.forth, dense), gradient

    return product(values, dense)


def gathered(table: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """`tf.gather` of many rows, whose gradient is a sparse product.

    Args:
        table: float32 `[n, d]`.
        rows: int32 `[m]`.

    Returns:
        float32 `[m, d]`.
    """
    m, n = tf.size(rows, tf.int64), tf.shape(table, tf.int64)[0]
    places = tf.stack([tf.range(m), tf.cast(rows, tf.int64)], 1)
    matrix = SparseMatrix.of(places, tf.ones_like(rows, tf.float32), tf.stack([m, n]))

    @tf.custom_gradient
    def gather(table: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return tf.gather(table, rows), lambda upstream: _product(matrix.back, upstream)

    return gather(tf.convert_to_tensor(table))
