"""Vectors stored as bfloat16 and int8: precision, products, and the exact index over them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.index import BruteForce, tables
from tfmm.index.tables import VectorTable

SMALL = ("bfloat16", "int8")


def clustered(n: int = 3000, d: int = 32, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, d))
    vectors = centres[rng.integers(0, 20, n)] + 0.5 * rng.normal(size=(n, d))
    return vectors.astype("f")


@pytest.mark.parametrize(
    ("storage", "worst"), [("float32", 0), ("bfloat16", 2**-8), ("int8", 1 / 254)]
)
def test_a_table_gives_its_rows_back_within_its_precision(storage: str, worst: float) -> None:
    vectors = clustered() * np.logspace(-20, 20, 3000, dtype="f")[:, None]
    vectors[7] = 0
    table = VectorTable(vectors, storage)
    error = np.abs(table.rows(tf.range(3000)).numpy() - vectors)
    assert (error <= worst * np.abs(vectors).max(axis=1, keepdims=True) * 1.01).all()
    assert not table.rows(tf.constant([[7]])).numpy().any()


@pytest.mark.parametrize("storage", SMALL)
@pytest.mark.parametrize("block", [3000, 700])
def test_products_by_blocks_are_those_with_the_rows(storage: str, block: int, monkeypatch) -> None:
    monkeypatch.setattr(tables, "_BLOCK", block)
    table = VectorTable(clustered(), storage)
    queries = clustered(5, seed=1)
    expected = queries @ table.decoded().T
    np.testing.assert_allclose(table.products(tf.constant(queries)), expected, rtol=1e-3, atol=1e-4)
    assert table.products(tf.zeros([0, 32])).shape == (0, 3000)


def test_reading_rows_does_not_make_later_reads_copy_the_table() -> None:
    """A gather from a variable itself switches it to copying at every read."""
    table = VectorTable(clustered(), "int8")
    table.rows(tf.constant([1]))
    first, second = (memoryview(table._stored.read_value()) for _ in range(2))
    assert np.shares_memory(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("storage", SMALL)
def test_an_index_in_fewer_bits_ranks_as_an_exact_one_over_the_same_vectors(storage: str) -> None:
    small = BruteForce(k=20, storage=storage).index(clustered())
    exact = BruteForce(k=20).index(small.vectors(tf.range(3000)).numpy())
    queries = tf.constant(clustered(40, seed=1))
    excluded = tf.tile([[0, 5, -1, 17]], [40, 1])
    for options in ({}, {"excluded_rows": excluded}, {"k": 3500}):
        (scores, rows), (expected, right) = (i.search(queries, **options) for i in (small, exact))
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
        assert (rows.numpy() == right.numpy()).mean() > 0.98  # near ties may swap
        assert rows.shape == right.shape
    with pytest.raises(ValueError, match="Nothing is indexed yet"):
        BruteForce(storage=storage).search(queries)


@pytest.mark.parametrize("storage", SMALL)
def test_cosines_are_those_of_the_given_vectors_but_for_rounding(storage: str) -> None:
    vectors, queries = clustered(), tf.constant(clustered(40, seed=1))
    found, right = (
        BruteForce(k=20, storage=each).index(vectors).search(queries, cosine=True)
        for each in (storage, "float32")
    )
    np.testing.assert_allclose(found[0], right[0], atol=0.01)
    again = [len(set(a) & set(b)) for a, b in zip(found[1].numpy(), right[1].numpy(), strict=True)]
    assert np.mean(again) > 0.9 * 20
