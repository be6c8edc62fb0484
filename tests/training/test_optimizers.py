"""The row-sparse Adam: like Adam where every row is met, still where it is not."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfmm


def test_dense_and_fully_met_sparse_gradients_take_the_step_of_adam():
    start = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    dense, lazy = tf.Variable(start), tf.Variable(start)
    adam, sparse = tf.keras.optimizers.Adam(0.1), tfmm.LazyAdam(0.1)
    for step in range(5):
        gradient = tf.constant(np.random.default_rng(step).normal(size=(6, 3)), tf.float32)
        adam.apply_gradients([(gradient, dense)])
        sparse.apply_gradients([(tf.IndexedSlices(gradient, tf.range(6), (6, 3)), lazy)])
    np.testing.assert_allclose(lazy, dense, rtol=1e-4, atol=1e-5)


def test_rows_outside_the_batch_and_their_moments_stay_as_they_are():
    table = tf.Variable(tf.ones((5, 2)))
    optimizer = tfmm.LazyAdam(0.1)
    for _ in range(3):
        rows = tf.constant([1, 3])
        optimizer.apply_gradients([(tf.IndexedSlices(tf.ones((2, 2)), rows, (5, 2)), table)])
    moved = np.any(table.numpy() != 1.0, axis=1)
    np.testing.assert_array_equal(moved, [False, True, False, True, False])
    for slot in (optimizer._momentums[0], optimizer._velocities[0]):
        np.testing.assert_array_equal(np.any(slot.numpy() != 0, axis=1), moved)


def test_repeated_rows_of_a_gradient_are_summed_first():
    once, twice = tf.Variable(tf.ones((3, 1))), tf.Variable(tf.ones((3, 1)))
    tfmm.LazyAdam(0.1).apply_gradients([(tf.IndexedSlices([[2.0]], [1], (3, 1)), once)])
    tfmm.LazyAdam(0.1).apply_gradients([(tf.IndexedSlices([[1.0], [1.0]], [1, 1], (3, 1)), twice)])
    np.testing.assert_allclose(once, twice)


def test_config_round_trips_with_a_schedule():
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizer = tfmm.LazyAdam(schedule, beta_1=0.8)
    again = tfmm.LazyAdam.from_config(optimizer.get_config())
    assert again.beta_1 == 0.8
    assert float(again.learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "rate", [0.03, tf.keras.optimizers.schedules.CosineDecay(0.1, 10)], ids=["number", "schedule"]
)
def test_keras_makes_the_optimizer_anew_from_its_config_as_json(rate):
    optimizer = tfmm.LazyAdam(rate, dense_rate=0.25, beta_2=0.9, clipnorm=1.0)
    config = json.loads(json.dumps(tf.keras.optimizers.serialize(optimizer)))
    again = tf.keras.optimizers.deserialize(config)
    assert type(again) is tfmm.LazyAdam
    assert again.get_config() == optimizer.get_config()
    gradients = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    one, other = tf.Variable(tf.ones((6, 3))), tf.Variable(tf.ones((6, 3)))
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), one)])
        again.apply_gradients([(tf.constant(gradient), other)])
    np.testing.assert_array_equal(other, one)
    assert not np.allclose(one, 1.0)


def test_rates_of_variables_are_no_config_and_are_given_anew():
    optimizer, variable = tfmm.LazyAdam(0.1), tf.Variable([0.0])
    optimizer.give_rate([variable], 0.01)
    copy = tfmm.LazyAdam.from_config(optimizer.get_config())
    for one, rate in ((copy, 0.1), (optimizer, 0.01)):
        variable.assign([0.0])
        one.build([variable])
        one.apply_gradients([(tf.constant([1.0]), variable)])
        assert float(variable[0]) == pytest.approx(-rate, rel=1e-3)


def test_given_rates_fall_when_a_callback_lowers_the_rate():
    optimizer, own = tfmm.LazyAdam(0.1), tf.Variable([0.0])
    optimizer.build([own])
    optimizer.give_rate([own], 0.01)
    optimizer.learning_rate.assign(0.05)
    optimizer.apply_gradients([(tf.constant([1.0]), own)])
    assert float(own[0]) == pytest.approx(-0.005, rel=1e-3)


def test_a_rate_that_begins_at_zero_cannot_carry_other_rates():
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.0, 9, warmup_target=0.1, warmup_steps=3)
    with pytest.raises(ValueError, match="begins at 0"):
        tfmm.LazyAdam(schedule).give_rate([tf.Variable([0.0])], 0.01)


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="no amsgrad variant"):
        tfmm.LazyAdam(amsgrad=True)


def test_given_rates_rise_and_then_fall_with_the_schedule():
    schedule = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)
    optimizer = tfmm.LazyAdam(schedule, dense_rate=0.5)
    own, other = tf.Variable([0.0]), tf.Variable([0.0])
    optimizer.build([own, other])
    optimizer.give_rate([own], 0.01, warmup=4)
    steps = []
    for _ in range(8):
        before = [float(variable[0]) for variable in (own, other)]
        optimizer.apply_gradients([(tf.constant([1.0]), own), (tf.constant([1.0]), other)])
        steps.append((before[0] - float(own[0]), before[1] - float(other[0])))
    # A constant gradient makes Adam's step the rate itself.
    fallen = 1 - np.arange(8) / 10
    risen = np.minimum(np.arange(1, 9) / 4, 1)
    np.testing.assert_allclose([s[0] for s in steps], 0.01 * fallen * risen, rtol=1e-3)
    np.testing.assert_allclose([s[1] for s in steps], 0.05 * fallen, rtol=1e-3)
