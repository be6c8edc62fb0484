"""Log loss against scikit-learn's, and calibration in bins of equal counts."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tfmm.evaluation.labels import calibration_error, log_loss, reliability


@pytest.fixture
def clicks():
    rng = np.random.default_rng(1)
    said = rng.beta(1, 30, 6000)
    return said, (rng.random(6000) < said).astype(np.float32)


def test_log_loss_is_that_of_scikit_learn(clicks):
    said, true = clicks
    weight = np.random.default_rng(2).random(len(said))
    assert log_loss(said, true) == pytest.approx(metrics.log_loss(true, said))
    wanted = metrics.log_loss(true, said, sample_weight=weight)
    assert log_loss(said, true, weight) == pytest.approx(wanted)


def test_one_wrong_zero_is_not_infinite_and_one_class_is_enough():
    assert log_loss(np.array([0.0]), np.array([1])) == pytest.approx(-np.log(1e-7))
    assert log_loss(np.array([1.0, 1.0]), np.array([1, 1])) == pytest.approx(0, abs=1e-6)
    assert np.isnan(log_loss(np.zeros(0), np.zeros(0)))


def test_bins_have_as_many_examples_each(clicks):
    """Of a rare label bins of equal width would hold nearly all in the first."""
    said, true = clicks
    rows = reliability(said, true, bins=10)
    assert [row["items"] for row in rows] == [600] * 10
    right, confidence = calibration_curve(true, said, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([row["right"] for row in rows], right, atol=0.004)
    np.testing.assert_allclose([row["confidence"] for row in rows], confidence, atol=0.001)


def test_the_error_is_the_mean_distance(clicks):
    said, true = clicks
    assert calibration_error(said, true) < 0.01
    assert calibration_error(np.minimum(said + 0.2, 1), true) == pytest.approx(0.2, abs=0.01)


def test_equal_predictions_stay_together():
    said, true = np.r_[np.full(80, 0.5), np.full(20, 0.9)], np.r_[np.tile([0, 1], 40), np.ones(20)]
    rows = reliability(said, true, bins=10)
    assert [row["items"] for row in rows] == [80, 20]
    assert calibration_error(said, true, bins=10) == pytest.approx(0.02)
    assert len(reliability(np.full(9, 0.3), np.zeros(9))) == 1


def test_nothing_has_no_error():
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0)))
    assert reliability(np.zeros(0), np.zeros(0)) == []


@pytest.mark.parametrize("measure", [log_loss, calibration_error, reliability])
def test_what_is_no_probability_is_refused(measure):
    with pytest.raises(ValueError, match=r"from 0 to 1, but goes from -0.5 to 2"):
        measure(np.array([-0.5, 2.0]), np.array([0, 1]))
    with pytest.raises(ValueError, match="must be 0 or 1"):
        measure(np.array([0.5, 0.5]), np.array([0, 0.5]))
