"""What to order, by distributions of which the answer is known."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from tfmm.evaluation.demand import Forecast
from tfmm.tasks.demand.orders import drawn

LEVELS = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)


def normal(mean: float, spread: float, periods: int) -> Forecast:
    ranks = norm.ppf(LEVELS, mean, spread)
    quantiles = np.tile(ranks, (1, periods, 1))
    level = np.full((1, periods), mean)
    return Forecast(level, LEVELS, quantiles, quantiles[..., 1], quantiles[..., -2])


def test_the_sum_of_periods_has_the_spread_of_its_correlation():
    found = normal(100.0, 10.0, 4)
    for together, spread in ((0.0, 20.0), (0.95, 39.2)):
        (sums,) = drawn(found, 4, together, seed=1)
        assert abs(sums.mean() - 400) < 4
        upper = np.quantile(sums, 0.95)
        assert abs(upper - (400 + 1.645 * spread)) < 0.25 * 1.645 * spread


def test_one_period_gives_its_own_quantiles():
    (sums,) = drawn(normal(100.0, 10.0, 1), 1, 0.0, seed=1)
    for level in (0.3, 0.5, 0.9):
        assert abs(np.quantile(sums, level) - norm.ppf(level, 100, 10)) < 1.5
    assert np.quantile(sums, 0.99) > norm.ppf(0.95, 100, 10)
