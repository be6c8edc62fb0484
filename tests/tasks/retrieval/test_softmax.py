"""The in-batch softmax beside TFRS's own task."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm.tasks.retrieval.softmax import InBatchSoftmax  # before TFRS: it chooses Keras 2

import tensorflow_recommenders as tfrs  # isort: skip

BATCH, EXTRA, ITEMS, DIM = 40, 15, 12, 8


def batch(scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, ITEMS, BATCH + EXTRA).astype(np.int32)
    items = tf.Variable(scale * rng.normal(size=(ITEMS, DIM)).astype(np.float32))
    queries = tf.Variable(scale * rng.normal(size=(BATCH, DIM)).astype(np.float32))
    weight = tf.constant(rng.uniform(0.1, 2, BATCH).astype(np.float32))
    drawn = tf.constant(rng.uniform(1e-4, 0.1, ITEMS).astype(np.float32)[ids])
    return tf.constant(ids), items, queries, weight, drawn


def tfrs_loss(ids, items, queries, weight, drawn, temperature, hard=None):
    task = tfrs.tasks.Retrieval(
        loss=tf.keras.losses.CategoricalCrossentropy(
            from_logits=True, reduction=tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE
        ),
        temperature=temperature,
        num_hard_negatives=hard,
    )
    own = tf.eye(BATCH, BATCH + EXTRA, dtype=tf.bool)
    return task(
        queries,
        tf.gather(items, ids),
        sample_weight=weight,
        candidate_sampling_probability=drawn,
        score_mask=own | (ids[:BATCH, None] != ids[None, :]),
        compute_metrics=False,
    )


def value_and_gradients(loss, *variables):
    with tf.GradientTape() as tape:
        value = loss()
    return [value, *(tf.convert_to_tensor(g) for g in tape.gradient(value, variables))]


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_value_and_gradients_are_those_of_tfrs(scale):
    ids, items, queries, weight, drawn = batch(scale)
    task = InBatchSoftmax(0.2)
    ours = value_and_gradients(
        lambda: task(queries, tf.gather(items, ids), ids, weight, drawn), queries, items
    )
    theirs = value_and_gradients(
        lambda: tfrs_loss(ids, items, queries, weight, drawn, 0.2), queries, items
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_string_ids_count_as_numbers_do():
    ids, items, queries, _, _ = batch()
    task, vectors = InBatchSoftmax(0.2), tf.gather(items, ids)
    np.testing.assert_allclose(
        task(queries, vectors, tf.strings.as_string(ids)), task(queries, vectors, ids)
    )


def test_hard_negatives_are_the_highest_scored_distinct_ones():
    ids, items, queries, _, _ = batch()
    queries, own = queries[:1], int(ids[0])
    scores = (queries @ tf.transpose(items)).numpy()[0].astype(float) / 0.5
    copies = np.bincount(ids.numpy(), minlength=ITEMS).astype(float)
    logits = scores + np.log(np.maximum(copies, 1e-30))
    logits[own] = -np.inf
    kept = np.sort(logits)[-3:]
    expected = -scores[own] + np.log(np.exp(scores[own]) + np.exp(kept).sum())
    loss = InBatchSoftmax(0.5, num_hard_negatives=3)(queries, tf.gather(items, ids), ids)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_hard_negatives_of_a_batch_of_distinct_items_are_those_of_tfrs():
    _, items, queries, _, drawn = batch()
    ids = tf.range(ITEMS)
    weight = tf.ones(ITEMS)
    queries = tf.Variable(queries[:ITEMS])

    def theirs():
        task = tfrs.tasks.Retrieval(temperature=0.3, num_hard_negatives=4)
        scaled = drawn[:ITEMS]
        return (
            task(queries, items * 1.0, candidate_sampling_probability=scaled, compute_metrics=False)
            / ITEMS
        )

    ours = InBatchSoftmax(0.3, num_hard_negatives=4)
    got = value_and_gradients(
        lambda: ours(queries, items * 1.0, ids, weight, drawn[:ITEMS]), queries, items
    )
    for one, other in zip(got, value_and_gradients(theirs, queries, items), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_more_hard_negatives_than_there_are_changes_nothing():
    ids, items, queries, weight, drawn = batch()
    vectors = tf.gather(items, ids)
    some = InBatchSoftmax(0.2, num_hard_negatives=1000)(queries, vectors, ids, weight, drawn)
    every = InBatchSoftmax(0.2)(queries, vectors, ids, weight, drawn)
    np.testing.assert_allclose(some, every, rtol=1e-5)


def test_far_scores_stay_finite():
    ids, items, queries, weight, drawn = batch(scale=60.0)
    task = InBatchSoftmax(0.01)
    for part in value_and_gradients(
        lambda: task(queries, tf.gather(items, ids), ids, weight, drawn), queries, items
    ):
        assert np.isfinite(part).all()


def test_a_batch_of_one_item_has_no_negatives():
    ids, vectors = tf.zeros(6, tf.int32), tf.ones((6, DIM))
    assert abs(float(InBatchSoftmax(0.1)(vectors, vectors, ids))) < 1e-5
