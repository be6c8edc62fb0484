"""Sparse products against plain ones, with their gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm.layers.sparse import SparseMatrix, gathered, mean_of_rows, weighted_product

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("entries", [0, 30])
def test_a_product_and_its_gradient_are_those_of_the_dense_matrix(transposed, entries):
    # Columns in any order, and some places more than once.
    row = np.sort(RNG.integers(0, 6, entries))
    column = RNG.integers(0, 5, entries)
    values = RNG.normal(size=entries).astype(np.float32)
    plain = np.zeros((6, 5), np.float32)
    np.add.at(plain, (row, column), values)
    matrix = SparseMatrix.of(np.stack([row, column], 1).astype(np.int64), values, (6, 5))
    if transposed:
        matrix, plain = matrix.T, plain.T
    dense = tf.constant(RNG.normal(size=(plain.shape[1], 3)).astype(np.float32))
    weights = RNG.normal(size=(plain.shape[0], 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(dense)
        product = matrix.times(dense)
        loss = tf.reduce_sum(product * weights)
    np.testing.assert_allclose(product, plain @ dense.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, dense), plain.T @ weights, rtol=1e-5, atol=1e-6)


def test_means_leave_padding_out():
    table = RNG.normal(size=(7, 4)).astype(np.float32)
    rows = np.array([[3, 0, 3], [-1, -1, -1], [6, -1, -1], [2, 5, -1]], np.int32)
    plain = [table[[3, 0, 3]].mean(0), np.zeros(4), table[6], table[[2, 5]].mean(0)]
    made = tf.function(mean_of_rows)(tf.constant(table), tf.constant(rows))
    np.testing.assert_allclose(made, plain, rtol=1e-5, atol=1e-6)
    assert not mean_of_rows(tf.constant(table), tf.constant(rows[1:2])).numpy().any()
    half = mean_of_rows(tf.constant(table, tf.float16), tf.constant(rows))
    assert half.dtype == tf.float16
    np.testing.assert_allclose(half, plain, rtol=1e-2, atol=1e-2)


def test_a_weighted_product_has_gradients_into_both():
    indices = np.array([[0, 4], [0, 1], [2, 1], [2, 1], [5, 0]], np.int64)
    values, dense = tf.constant(RNG.normal(size=5)), tf.constant(RNG.normal(size=(5, 3)))
    values, dense = tf.cast(values, tf.float32), tf.cast(dense, tf.float32)
    weights = RNG.normal(size=(6, 3)).astype(np.float32)

    def plain(values, dense):
        whole = tf.scatter_nd(indices, values, (6, 5))
        return tf.matmul(whole, dense)

    found = []
    for product in (lambda v, d: weighted_product(indices, v, tf.constant([6, 5]), d), plain):
        with tf.GradientTape() as tape:
            tape.watch([values, dense])
            made = product(values, dense)
            loss = tf.reduce_sum(made * weights)
        found.append([made, *tape.gradient(loss, [values, dense])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [[3, 0, 3, 6], []])
def test_gathered_rows_have_the_gradient_of_a_gather(rows):
    table = tf.constant(RNG.normal(size=(7, 4)).astype(np.float32))
    rows = tf.constant(rows, tf.int32)
    found = []
    for gather in (gathered, tf.gather):
        with tf.GradientTape() as tape:
            tape.watch(table)
            made = gather(table, rows)
            loss = tf.reduce_sum(made**2)
        found.append([made, tf.convert_to_tensor(tape.gradient(loss, table))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
