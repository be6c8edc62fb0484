"""Nearest rows: dense, sparse and by faiss, against comparing everything with everything."""

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.tasks.retrieval.graph.nearest import nearest


def naive(vectors, k):
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit.T
    out = np.zeros_like(cosine)
    for row, values in enumerate(cosine):
        others = [c for c in np.argsort(-values, kind="stable") if c != row and values[c] > 1e-9]
        out[row, others[:k]] = values[others[:k]]
    return out


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_dense_and_sparse_rows_find_the_k_nearest(kind):
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    found = nearest(kind(vectors), 5)
    np.testing.assert_allclose(found.toarray(), naive(vectors, 5), atol=1e-5)


def test_blocks_give_what_one_product_gives(monkeypatch):
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    whole = nearest(vectors, 7).toarray()
    monkeypatch.setattr("tfmm.tasks.retrieval.graph.nearest._BLOCK", 7)
    np.testing.assert_allclose(nearest(vectors, 7).toarray(), whole, atol=1e-6)


def test_faiss_finds_nearly_all_of_them():
    pytest.importorskip("faiss")
    vectors = np.random.default_rng(2).normal(size=(600, 16)).astype(np.float32)
    exact = nearest(vectors, 10).toarray() > 0
    found = nearest(vectors, 10, exact=100).toarray()
    assert not found.diagonal().any()
    assert ((found > 0) & exact).sum() > 0.95 * exact.sum()


def test_missing_and_empty_rows_have_no_neighbours_and_are_nobodys():
    vectors = np.ones((5, 3), np.float32)
    vectors[1] = 0
    found = nearest(vectors, 3, present=np.array([True, True, True, False, True])).toarray()
    assert not found[[1, 3]].any()
    assert not found[:, [1, 3]].any()
    assert (found[[0, 2, 4]] > 0).sum(1).tolist() == [2, 2, 2]


def test_one_row_has_no_neighbour():
    assert nearest(np.ones((1, 3), np.float32), 4).nnz == 0
    assert nearest(sp.csr_matrix(np.ones((1, 3))), 4).nnz == 0


def test_vectors_that_are_not_finite_and_no_neighbours_are_refused():
    with pytest.raises(ValueError, match="hold NaN or infinite numbers"):
        nearest(np.full((3, 2), np.nan, np.float32), 1)
    with pytest.raises(ValueError, match="must be 1 or more, got 0"):
        nearest(np.ones((3, 2), np.float32), 0)
