"""Categories, tags, numbers and vectors: statistics, unknown values and odd columns."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data.columns import CategoryColumn, NumberColumn, TagsColumn, VectorColumn
from tfmm.encoders import CategoryEmbedding, PiecewiseNumber, TagsEmbedding, VectorProjection


def category(values: list[str]) -> CategoryColumn:
    vocabulary = sorted({value for value in values if value})
    codes = [vocabulary.index(value) if value else -1 for value in values]
    return CategoryColumn(np.array(codes, np.int32), np.array(vocabulary, object))


def tags(rows: list[list[str]]) -> TagsColumn:
    vocabulary = sorted({tag for row in rows for tag in row})
    values = [vocabulary.index(tag) for row in rows for tag in row]
    offsets = np.cumsum([0, *map(len, rows)])
    return TagsColumn(np.array(values, np.int32), offsets, np.array(vocabulary, object))


def numbers(*values: float) -> NumberColumn:
    return NumberColumn(np.array(values, np.float32))


def test_category_ids_follow_the_adapted_vocabulary() -> None:
    encoder = CategoryEmbedding(4)
    encoder.adapt(category(["b", "a", "", "b"]))
    assert encoder.prepare(category(["b", "a", ""])).tolist() == [2, 1, 0]
    assert encoder.prepare(category(["new", "b", "zzz"])).tolist() == [0, 2, 0]
    assert encoder.prepare(category(["", ""])).tolist() == [0, 0]


def test_category_vocabulary_leaves_out_values_nobody_has() -> None:
    column = category(["a", "b", "c"]).take([0, 2])
    encoder = CategoryEmbedding(4)
    encoder.adapt(column)
    assert encoder.state() == {"vocabulary": ["a", "c"]}


def test_unknown_category_is_trained_by_hiding_known_ones() -> None:
    encoder = CategoryEmbedding(4, unknown_rate=0.5)
    encoder.adapt(category(["a", "b"]))
    ids = np.ones(100, np.int32)
    assert not np.any(encoder(np.zeros(1, np.int32)))
    shares = np.all(encoder(ids, training=True).numpy() == 0, axis=1).mean()
    assert 0.3 < shares < 0.7
    assert np.all(encoder(ids).numpy() != 0)


def test_tags_are_the_mean_of_those_present() -> None:
    encoder = TagsEmbedding(4)
    encoder.adapt(tags([["a", "b"], ["c"], []]))
    ids = encoder.prepare(tags([["a", "c"], [], ["b"], ["new", "a"]]))
    assert ids.tolist() == [[2, 4], [0, 0], [3, 0], [1, 2]]
    vectors, table = encoder(ids).numpy(), encoder.embeddings.numpy()
    np.testing.assert_allclose(vectors[0], (table[2] + table[4]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(vectors[1], np.zeros(4))
    np.testing.assert_allclose(vectors[2], table[3], rtol=1e-5)
    np.testing.assert_allclose(vectors[3], table[2] / 2, rtol=1e-5)


def test_tags_past_max_tags_are_left_out() -> None:
    encoder = TagsEmbedding(4, max_tags=2)
    column = tags([["a", "b", "c"], ["d"]])
    encoder.adapt(column)
    assert encoder.prepare(column).tolist() == [[2, 3], [5, 0]]


def test_tags_column_without_any_tag_gives_zeros() -> None:
    encoder = TagsEmbedding(4)
    encoder.adapt(tags([[], []]))
    inputs = encoder.prepare(tags([[], []]))
    assert inputs.shape == (2, 1)
    assert not np.any(encoder(inputs))


def test_numbers_are_standardised_with_a_missing_flag() -> None:
    encoder = PiecewiseNumber(4)
    encoder.adapt(numbers(1, 2, 3, np.nan))
    inputs = encoder.prepare(numbers(2, np.nan, 3, 1e9))
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs, [[0, 0], [0, 1], [1.2247, 0], [6, 0]], atol=1e-3)


def test_skewed_positive_numbers_are_taken_by_logarithm() -> None:
    skewed, even = np.exp(np.linspace(0, 9, 50)), np.linspace(0, 9, 50)
    for values, expected in ((skewed, True), (even, False), (-skewed, False)):
        encoder = PiecewiseNumber(4)
        encoder.adapt(numbers(*values))
        assert encoder.state()["log"] is expected
    encoder = PiecewiseNumber(4)
    encoder.adapt(numbers(*skewed))
    assert np.isfinite(encoder.prepare(numbers(-5.0, 0.0, 1e30))).all()


@pytest.mark.parametrize("values", [(5.0, 5.0, 5.0), (np.nan, np.nan), (1e8, 1e8 + 8), ()])
def test_constant_and_empty_columns_give_finite_vectors(values: tuple[float, ...]) -> None:
    encoder = PiecewiseNumber(4)
    encoder.adapt(numbers(*values))
    vectors = encoder(encoder.prepare(numbers(5.0, np.nan, -7.0))).numpy()
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert np.any(vectors[0] != vectors[1])


def test_numbers_beyond_the_bins_still_differ() -> None:
    encoder = PiecewiseNumber(4)
    encoder.adapt(numbers(*range(20)))
    vectors = encoder(encoder.prepare(numbers(19, 21, 25))).numpy()
    assert len(np.unique(vectors[:, 0])) == 3


def test_one_number_can_bend_where_the_data_are() -> None:
    tf.keras.utils.set_random_seed(0)
    values = np.linspace(-3, 3, 200, dtype=np.float32)
    encoder = PiecewiseNumber(1)
    encoder.adapt(numbers(*values))
    inputs = tf.constant(encoder.prepare(numbers(*values)))
    encoder(inputs)
    goal = tf.constant(np.sin(2 * values)[:, None])
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.build(encoder.trainable_variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(encoder(inputs) - goal))
        gradients = tape.gradient(loss, encoder.trainable_variables)
        optimizer.apply_gradients(zip(gradients, encoder.trainable_variables, strict=True))
        return loss

    losses = [float(step()) for _ in range(300)]
    assert losses[-1] < 0.05


def test_vectors_are_passed_on_without_a_copy() -> None:
    values = np.ones((3, 2), np.float32)
    column = VectorColumn(values, np.ones(3, bool))
    encoder = VectorProjection(4)
    encoder.adapt(column)
    assert encoder.prepare(column) is values


def test_vector_scale_and_offset_do_not_matter() -> None:
    values = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    present = np.ones(50, bool)
    results = []
    for column in (VectorColumn(values, present), VectorColumn(values * 1000 + 500, present)):
        tf.keras.utils.set_random_seed(0)
        encoder = VectorProjection(4)
        encoder.adapt(column)
        results.append(encoder(encoder.prepare(column)).numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-2, atol=1e-2)


def test_statistics_of_vectors_leave_out_missing_rows() -> None:
    values = np.array([[1, 2], [3, 4], [1e6, 1e6], [np.nan, 0]], np.float32)
    encoder = VectorProjection(4)
    encoder.adapt(VectorColumn(values, np.array([True, True, False, True])))
    assert encoder.state()["mean"] == [2.0, 3.0]
    assert np.isfinite(encoder(values)).all()


def test_vectors_of_another_length_are_refused() -> None:
    encoder = VectorProjection(4)
    encoder.adapt(VectorColumn(np.ones((3, 2), np.float32), np.ones(3, bool)))
    with pytest.raises(ValueError, match=r"vectors of length 2 but got an array of shape \(3, 5\)"):
        encoder.prepare(VectorColumn(np.ones((3, 5), np.float32), np.ones(3, bool)))


def test_rates_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown_rate must be a number in \[0, 1\), but got 1.0"):
        CategoryEmbedding(unknown_rate=1.0)
    with pytest.raises(ValueError, match="hidden must be 0 or a positive integer, but got -1"):
        VectorProjection(hidden=-1)
    with pytest.raises(ValueError, match=r"bins must be an integer of 1 or more, but got 2.5"):
        PiecewiseNumber(bins=2.5)  # type: ignore[arg-type]
