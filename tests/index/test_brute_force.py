"""BruteForce: exact answers, exclusions, filters, padding, refusals, SavedModel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.index import LOWEST_SCORE, BruteForce
from tfmm.index import base as module

RNG = np.random.default_rng(1)


def vectors(n: int, d: int = 8) -> np.ndarray:
    return RNG.normal(size=(n, d)).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"item {i:03}" for i in range(n)]


def naive(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Best k columns of each row, lower column first among equals; -inf becomes padding."""
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
    best = np.take_along_axis(scores, rows, axis=1)
    rows = np.where(best > -np.inf, rows, -1)
    best = np.where(best > -np.inf, best, np.float32(LOWEST_SCORE))
    missing = ((0, 0), (0, k - rows.shape[1]))
    return np.pad(best, missing, constant_values=LOWEST_SCORE), np.pad(
        rows, missing, constant_values=-1
    )


def test_answers_are_those_of_a_full_sort() -> None:
    candidates, queries = vectors(50), vectors(7)
    index = BruteForce(k=5).index(candidates, names(50))
    scores, ids = index(queries)
    expected_scores, expected_rows = naive(queries @ candidates.T, 5)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    assert ids.numpy().tolist() == [[names(50)[r].encode() for r in rs] for rs in expected_rows]


@pytest.mark.parametrize("k", [1, 7, 100])
def test_wide_catalogues_are_ranked_exactly_with_ties_in_stable_order(k: int) -> None:
    candidates = RNG.integers(-2, 3, size=(20_011, 4)).astype(np.float32)  # many equal scores
    queries = RNG.integers(-2, 3, size=(6, 4)).astype(np.float32)
    scores, rows = BruteForce(k=k).index(candidates).search(queries)
    expected_scores, expected_rows = naive(queries @ candidates.T, k)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(scores, expected_scores)


def test_blocks_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, queries = vectors(40), vectors(11)
    seen = tf.ragged.constant([[i, (i * 7) % 40] if i % 2 else [] for i in range(11)], tf.int32)
    mask = RNG.random((11, 40)) < 0.5
    index = BruteForce(k=6).index(candidates)
    whole = index.search(queries, excluded_rows=seen, allowed=tf.constant(mask))
    monkeypatch.setattr(module, "_BLOCK_SCORES", 120)
    monkeypatch.setattr(module, "_FILTERED_BLOCK_SCORES", 120)
    blocked = index.search(queries, excluded_rows=seen, allowed=tf.constant(mask))
    np.testing.assert_array_equal(whole[1], blocked[1])
    expected = queries @ candidates.T
    expected[~mask] = -np.inf
    for i in range(11):
        expected[i, seen[i].numpy()] = -np.inf
    np.testing.assert_array_equal(whole[1], naive(expected, 6)[1])


def test_dense_and_ragged_exclusions_agree_and_ignore_rows_outside() -> None:
    index = BruteForce(k=4).index(vectors(9))
    queries = vectors(2)
    dense = index.search(queries, excluded_rows=tf.constant([[3, -1, 99], [-1, 0, 0]]))
    ragged = index.search(queries, excluded_rows=tf.ragged.constant([[3, -1, 99], [0]]))
    np.testing.assert_array_equal(dense[1], ragged[1])
    assert 3 not in dense[1].numpy()[0]
    assert 0 not in dense[1].numpy()[1]


def test_k_above_what_is_left_pads() -> None:
    index = BruteForce(k=5).index(vectors(3), names(3))
    scores, ids = index(vectors(2))
    assert ids.shape == (2, 5)
    assert (ids.numpy()[:, 3:] == b"").all()
    assert (ids.numpy()[:, :3] != b"").all()
    assert (scores.numpy()[:, 3:] == np.finfo(np.float32).min).all()
    assert np.isfinite(scores).all()
    _, rows = index.search(vectors(1), allowed=tf.constant([[False, True, False]]))
    assert rows.numpy().tolist() == [[1, -1, -1, -1, -1]]


def test_query_with_exclusions_still_gives_k() -> None:
    candidates, queries = vectors(30), vectors(4)
    index = BruteForce(k=5).index(candidates, names(30))
    _, best = index(queries)
    exclusions = tf.concat([best[:, :3], tf.constant([[""], ["nobody"], [""], [""]])], axis=1)
    scores, ids = index.query_with_exclusions(queries, exclusions)
    _, expected = index(queries, k=8)
    np.testing.assert_array_equal(ids, expected[:, 3:])
    assert (np.diff(scores.numpy(), axis=1) <= 0).all()
    scores, ids = index.query_with_exclusions(queries, tf.constant([names(30)] * 4), k=2)
    assert (ids.numpy() == b"").all()
    assert (scores.numpy() == LOWEST_SCORE).all()


def test_integer_identifiers_and_rows() -> None:
    candidates, queries = vectors(6), vectors(2)
    index = BruteForce(k=8).index(candidates, np.arange(6) * 10)
    _, ids = index(queries)
    assert ids.dtype == tf.int64
    assert (ids.numpy()[:, 6:] == -1).all()
    _, left = index.query_with_exclusions(queries, ids[:, :2], k=3)
    np.testing.assert_array_equal(left, ids[:, 2:5])
    _, rows = BruteForce(k=8).index(candidates)(queries)
    np.testing.assert_array_equal(rows.numpy()[:, :6] * 10, ids.numpy()[:, :6])


def test_empty_batch() -> None:
    index = BruteForce(k=5).index(vectors(20_000), None)
    scores, rows = index(tf.zeros([0, 8]))
    assert scores.shape == (0, 5)
    assert rows.shape == (0, 5)
    scores, _ = index.query_with_exclusions(tf.zeros([0, 8]), tf.zeros([0, 2], tf.int32))
    assert scores.shape == (0, 5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_floats_of_any_width_are_stored_as_float32(dtype: str) -> None:
    candidates = tf.cast(vectors(10), dtype)
    index = BruteForce(k=3).index(candidates)
    assert index.vectors(tf.constant([2])).dtype == tf.float32
    scores, _ = index(tf.cast(vectors(2), dtype))
    assert scores.dtype == tf.float32


def test_cosine_ranks_by_angle() -> None:
    candidates, queries = vectors(30) * RNG.uniform(0.1, 9, (30, 1)).astype("f"), vectors(3)
    candidates[4] = 0
    index = BruteForce(k=30).index(candidates)
    scores, rows = index.search(queries, cosine=True)
    lengths = np.linalg.norm(candidates, axis=1)
    cosines = queries @ candidates.T / np.linalg.norm(queries, axis=1)[:, None]
    cosines /= np.where(lengths > 0, lengths, 1)
    np.testing.assert_array_equal(rows, naive(cosines, 30)[1])
    np.testing.assert_allclose(scores, naive(cosines, 30)[0], atol=1e-5)


def test_overflow_stays_finite_and_a_nan_query_gets_padding() -> None:
    index = BruteForce(k=2).index(np.full((3, 1), 1e30))
    scores, rows = index(tf.constant([[1e30], [np.nan]]))
    assert np.isfinite(scores).all()
    assert rows.numpy().tolist() == [[0, 1], [-1, -1]]


def test_works_in_a_graph_of_unknown_batch_size() -> None:
    index = BruteForce(k=3).index(vectors(12), names(12))

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def ask(queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores, ids = index(queries)
        assert scores.shape.as_list() == [None, 3]
        return scores, ids

    queries = vectors(5)
    np.testing.assert_array_equal(ask(queries)[1], index(queries)[1])


def test_saved_model_with_query_model_answers_the_same(tmp_path) -> None:
    lookup = tf.keras.layers.StringLookup(vocabulary=["ann", "bob"])
    query_model = tf.keras.Sequential([lookup, tf.keras.layers.Embedding(3, 8)])
    index = BruteForce(query_model, k=4).index(vectors(10), names(10))
    scores, ids = index(tf.constant(["ann", "bob"]))
    tf.saved_model.save(index, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded(tf.constant(["ann", "bob"]))[1], ids)
    np.testing.assert_allclose(loaded(tf.constant(["ann", "bob"]))[0], scores, rtol=1e-5)


def test_config_round_trips() -> None:
    query_model = tf.keras.Sequential([tf.keras.layers.Dense(8, input_shape=(3,))])
    for index in (BruteForce(k=7, name="mine"), BruteForce(query_model, k=2)):
        again = BruteForce.from_config(index.get_config())
        assert again.get_config() == index.get_config()


def test_indexing_again_drops_the_old_index() -> None:
    index = BruteForce(k=2).index(vectors(5), names(5))
    index.query_with_exclusions(vectors(1), tf.constant([["x"]]))
    index.index(vectors(4, 3), ["a", "b", "c", "d"])
    _, ids = index.query_with_exclusions(vectors(1, 3), tf.constant([["a"]]))
    assert set(ids.numpy().ravel()) <= {b"b", b"c", b"d"}
    assert len(index.variables) == 3  # candidates, their norms, identifiers


def test_index_from_dataset() -> None:
    candidates = vectors(10)
    pairs = tf.data.Dataset.from_tensor_slices((names(10), candidates)).batch(4)
    alone = tf.data.Dataset.from_tensor_slices(candidates).batch(4)
    _, ids = BruteForce(k=3).index_from_dataset(pairs)(candidates[:2])
    _, rows = BruteForce(k=3).index_from_dataset(alone)(candidates[:2])
    assert ids.numpy().tolist() == [[names(10)[r].encode() for r in rs] for rs in rows.numpy()]
    with pytest.raises(ValueError, match="batch the dataset"):
        BruteForce().index_from_dataset(pairs.unbatch())
    with pytest.raises(ValueError, match="empty dataset"):
        BruteForce().index_from_dataset(alone.take(0))


def broken(n: int, rows: list[int], value: float) -> np.ndarray:
    candidates = vectors(n).astype(np.float64)
    candidates[rows, 1] = value
    return candidates


@pytest.mark.parametrize(
    ("candidates", "identifiers", "error", "message"),
    [
        (broken(20, [3, 9], np.nan), None, ValueError, "2 of 20 rows .* first rows are 3, 9"),
        (broken(20, [5], np.inf), None, ValueError, "1 of 20 rows"),
        (broken(20, [5], 1e300), None, ValueError, "past float32"),
        (vectors(3)[0], None, ValueError, r"matrix \[N, D\].*\[8\]"),
        (np.zeros((0, 4), "f"), None, ValueError, "empty"),
        (np.zeros((3, 4), int), None, TypeError, "float16 to float64.*int64"),
        (vectors(3), ["a", "b"], ValueError, "3 candidates and 2 identifiers"),
        (vectors(3), [["a"], ["b"], ["c"]], ValueError, r"shape \[N\]"),
        (vectors(4), ["a", "b", "a", "b"], ValueError, "2 occur more than once: 'a', 'b'"),
        (vectors(2), ["a", ""], ValueError, 'Row 1 .* is "".*padding'),
        (vectors(2), [4, -1], ValueError, "Row 1 .* is -1"),
        (vectors(2), [1.5, 2.5], TypeError, "strings or integers.*1.5"),
    ],
)
def test_bad_input_is_refused(candidates, identifiers, error, message) -> None:
    with pytest.raises(error, match=message):
        BruteForce().index(candidates, identifiers)


def test_wrong_use_is_explained() -> None:
    with pytest.raises(ValueError, match="Nothing is indexed yet"):
        BruteForce()(vectors(1))
    with pytest.raises(ValueError, match=r"vectors \[B, 8\].*\(2, 5\)"):
        BruteForce().index(vectors(3)).search(vectors(2, 5))
    for k in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="positive integer"):
            BruteForce(k=k)
