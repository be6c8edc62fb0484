"""Forecasts of what will sell, measured."""

from __future__ import annotations

from tfmm.evaluation.demand.calibration import Calibration, units
from tfmm.evaluation.demand.forecast import Forecast
from tfmm.evaluation.demand.metrics import LOWER, Outcome, demand_metrics

__all__ = ["LOWER", "Calibration", "Forecast", "Outcome", "demand_metrics", "units"]
