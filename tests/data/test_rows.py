"""Rows of a matrix in an order of their own: several a row, and their mean."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmm.data.batches.pipeline import Gather
from tfmm.data.rows import MappedRows, MeanRows, RaggedRows

VALUES = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], np.float32)
ROWS = np.array([[0, -1, -1], [1, 2, 1], [-1, -1, -1], [3, 1, -1]])


def test_ragged_rows_are_as_wide_as_the_widest_that_is_asked_for() -> None:
    ragged = RaggedRows(VALUES, ROWS)
    assert (len(ragged), ragged.shape) == (4, (4, None, 2))
    assert ragged[:].shape == (4, 3, 2)
    assert ragged[np.array([3, 0])].shape == (2, 2, 2)
    assert ragged[np.array([2, 0])].shape == (2, 1, 2)
    assert ragged[np.array([], int)].shape == (0, 1, 2)
    np.testing.assert_array_equal(ragged[1:2][0], VALUES[[1, 2, 1]])
    assert not ragged[2:3].any()


def test_ragged_rows_are_gathered_in_a_graph() -> None:
    gather = tf.function(Gather(RaggedRows(VALUES, ROWS)))
    found = gather(tf.constant([3, 0]))
    assert gather.get_concrete_function(tf.constant([0])).structured_outputs.shape == (
        tf.TensorShape([None, None, 2])
    )
    np.testing.assert_array_equal(found, [[[0, 0], [1, 0]], [[3, 4], [0, 0]]])


def test_means_leave_out_what_is_zero_and_one_alone_as_it_is() -> None:
    mean = MeanRows(VALUES, ROWS)
    assert mean.shape == (4, 2)
    found = mean[:]
    np.testing.assert_array_equal(found[0], VALUES[0])
    np.testing.assert_allclose(found[1], np.array([2, 1]) / 5**0.5, rtol=1e-6)
    np.testing.assert_array_equal(found[2:], [[0, 0], [1, 0]])
    np.testing.assert_array_equal(mean[np.array([1, 1])], found[[1, 1]])


def test_rows_of_rows_are_found_in_what_they_are_of() -> None:
    mapped = MappedRows(VALUES, np.array([2, -1, 0]))
    np.testing.assert_array_equal(mapped.again(np.array([[0, 1], [2, -1]])), [[2, -1], [0, -1]])
    assert MappedRows(VALUES, np.array([], int)).again(np.array([[-1]])).tolist() == [[-1]]
