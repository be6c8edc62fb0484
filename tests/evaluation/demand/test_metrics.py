"""Metrics of forecasts beside ones that are written out, and intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.evaluation.demand import Calibration, Forecast, Outcome, demand_metrics, units

LEVELS = (0.1, 0.5, 0.9)
RNG = np.random.default_rng(0)


def forecast(mean, low=None, high=None) -> Forecast:
    mean = np.asarray(mean, np.float64)
    low, high = (mean if end is None else np.asarray(end) for end in (low, high))
    return Forecast(mean, LEVELS, np.stack([low, mean, high], -1), low, high)


def test_metrics_are_those_written_out():
    values = np.array([[2, 4, 0, 6, 3, 5], [0, 0, 1, 1, 0, 2]], np.float64)
    start = np.array([0, 2])
    outcome = Outcome.of(values, start, np.array([0, 1]), np.array([4, 4]), 3)
    assert outcome.there.tolist() == [[True, True, False]] * 2
    found = demand_metrics(forecast([[4, 4, 9], [1, 1, 9]]), outcome)
    assert found["wape"] == pytest.approx((1 + 1 + 1 + 1) / 10)
    assert found["bias"] == pytest.approx(0.0)
    # The first series changed by 2, 4 and 6 before the origin; the second, on sale since its third
    # period, by nothing.
    assert found["mase"] == pytest.approx(1 / 4)
    assert found["rmsse"] == pytest.approx(np.sqrt(1 / (56 / 3)))
    assert found["coverage"] == 0.0
    errors = np.array([-1, 1, -1, 1], np.float64)
    losses = [2 * np.maximum(p * errors, (p - 1) * errors).sum() for p in LEVELS]
    assert found["pinball"] == pytest.approx(np.mean(losses) / 10)


def test_nothing_sold_is_no_number_rather_than_an_error():
    outcome = Outcome.of(np.zeros((1, 5)), np.zeros(1, int), np.zeros(1, int), np.array([3]), 2)
    found = demand_metrics(forecast([[0, 0]]), outcome)
    assert np.isnan(found["wape"])
    assert np.isnan(found["rmsse"])
    assert found["coverage"] == 1.0


@pytest.mark.parametrize("pace", [0.3, 3.0, 80.0])
def test_calibrated_intervals_hold_what_they_promise_on_other_sales(pace):
    mean = np.full((3000, 2), pace)
    actual = RNG.poisson(pace, (6000, 2)).astype(np.float64)
    there, warm = np.ones((3000, 2), bool), np.zeros(3000, bool)
    raw = forecast(mean, mean * 0.9, mean * 1.1)
    made = Calibration.fitted(raw, actual[:3000], there, warm, 1.0)
    found = made(raw, warm)
    share = ((actual[3000:] >= found.low) & (actual[3000:] <= found.high)).mean()
    # Of counts no interval holds exactly so many.
    assert share >= 0.78
    assert share < 0.8 + np.exp(-pace) + 0.12
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()
    for at, level in enumerate(LEVELS):
        below = (actual[3000:] < found.quantiles[..., at]).mean()
        upto = (actual[3000:] <= found.quantiles[..., at]).mean()
        assert below - 0.02 <= level <= upto + 0.02
    assert Calibration.of_json(made.as_json()) == made
    assert units(mean, 1.0).min() > 0
