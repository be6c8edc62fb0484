"""Simple forecasts beside ones that are written out."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.baselines.demand import History, available, names, tuned
from tfmm.baselines.demand.averages import CategoryMean, LastValue, MovingAverage, SeasonalNaive
from tfmm.baselines.demand.boosted import Boosted
from tfmm.baselines.demand.smoothing import Croston, Ets, Tsb

VALUES = np.array([[0, 0, 4, 2, 6, 8], [1, 1, 1, 1, 1, 1], [9, 0, 9, 0, 9, 0]], np.float64)


def history(values=VALUES, season=2, cut=6, start=(2, 0, 0)) -> History:
    rows = np.arange(len(values))
    groups = {"kind": np.array([0, 0, -1])[: len(values)]}
    return History(values, np.array(start), season, groups, rows, cut)


def test_simple_forecasts_are_those_written_out():
    rows, at = np.array([0, 0, 2]), np.array([5, 3, 4])
    told = history()
    np.testing.assert_array_equal(LastValue().forecast(told, rows, at, 2)[:, 0], [6, 4, 0])
    both = MovingAverage(window=2).forecast(told, rows, at, 2)
    np.testing.assert_array_equal(both[:, 1], [4, 4, 4.5])
    season = SeasonalNaive().forecast(told, rows, at, 3)
    # What was not on sale a season ago has the mean; and a season is met again and again.
    np.testing.assert_array_equal(season, [[2, 6, 2], [4, 4, 4], [9, 0, 9]])
    mean = CategoryMean(feature="kind").forecast(told, np.array([0, 2]), np.array([4, 4]), 1)
    np.testing.assert_allclose(mean[:, 0], [(3 + 1) / 2, (3 + 1 + 4.5) / 3])


def test_nothing_after_an_origin_is_read():
    later = VALUES.copy()
    later[:, 4:] = 99
    rows, at = np.arange(3), np.full(3, 4)
    for kind in (LastValue, SeasonalNaive, CategoryMean, Ets, Croston, Tsb):
        setting = dict(kind.choices(history())[0])
        told, changed = (
            kind(**setting).forecast(history(values, cut=4), rows, at, 2)
            for values in (VALUES, later)
        )
        np.testing.assert_array_equal(told, changed)


def test_settings_are_chosen_on_validation():
    rng = np.random.default_rng(1)
    values = rng.poisson(5, (40, 60)).astype(np.float64)
    told = history(values[:3], cut=50, start=(0, 0, 0))
    rows = np.repeat(np.arange(3), 8)
    at = np.tile(np.arange(48, 56), 3)

    def judge(said):
        return float(np.abs(said[:, 0] - values[rows, at]).mean())

    _, setting, said = tuned(MovingAverage, told, rows, at, 1, judge)
    assert setting["window"] is None or setting["window"] > 8
    assert judge(said) <= judge(LastValue().forecast(told, rows, at, 1))


def test_trees_learn_a_season_that_averages_miss():
    season = np.tile([0.0, 0, 0, 12], 15)
    values = np.random.default_rng(2).poisson(season, (30, 60)).astype(np.float64)
    rows = np.arange(30)
    groups = {"kind": np.zeros(30, np.int64)}
    told = History(values, np.zeros(30, np.int64), 4, groups, rows, 52)
    found = Boosted(objective="poisson").forecast(told, rows, np.full(30, 55), 2)
    assert found[:, 0].mean() > 8 * found[:, 1].mean()


def test_what_cannot_be_told_says_why():
    kinds, left = available(None, history(season=52))
    assert left["seasonal_naive"].startswith("the log holds no whole season of 52")
    assert {kind.name for kind in kinds} | set(left) == set(names())


def test_a_series_that_never_sold_is_zero():
    told = history(np.zeros((3, 6)))
    for kind in (Ets, Croston):
        assert not kind().forecast(told, np.arange(3), np.full(3, 5), 2).any()
    with pytest.raises(KeyError):
        available(["nobody"], told)
