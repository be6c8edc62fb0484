"""Simple forecasts of what will sell."""

from __future__ import annotations

from tfmm.baselines.demand.base import Baseline, History
from tfmm.baselines.demand.tuned import available, names, tuned

__all__ = ["Baseline", "History", "available", "names", "tuned"]
