"""Exponential smoothing and its kin for slow sellers, by statsforecast."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmm.baselines.demand.base import Baseline, Floats, History, Rows
from tfmm.data.progress import progress

#: Periods below which a mean says as much.
_LEAST = 10


class _Smoothed(Baseline):
    """A model of statsforecast, fitted to each series before each origin."""

    needs = ("statsforecast", "forecast")

    def _model(self, history: History) -> Any:
        raise NotImplementedError

    def forecast(self, history: History, series: Rows, origin: Rows, horizon: int) -> Floats:
        found = np.empty((len(series), horizon))
        model = self._model(history)
        pairs = zip(series.tolist(), origin.tolist(), strict=True)
        for row, (one, at) in enumerate(progress(pairs, len(series), self.name, unit="series")):
            past = np.asarray(history.values[one, history.start[one] : at], np.float64)
            if len(past) < _LEAST or not past.any():
                found[row] = past.mean() if len(past) else 0.0
                continue
            found[row] = model.forecast(y=past, h=horizon)["mean"]
        return np.maximum(np.nan_to_num(found), 0.0)


class Ets(_Smoothed):
    """Exponential smoothing, its errors and trend (and the season of days) chosen by AICc.

    Source: Hyndman, Koehler, Ord and Snyder, Forecasting with exponential smoothing, 2008.
    """

    name = "ets"

    def _model(self, history: History) -> Any:
        from statsforecast.models import AutoETS

        if history.season == 7:
            return AutoETS(season_length=7, model="ZZZ")
        # A year of weeks is too long a season for it, and zeros allow additive errors alone.
        return AutoETS(model="AZN")


class Croston(_Smoothed):
    """Sizes and gaps smoothed apart, with Syntetos and Boylan's correction.

    Source: Syntetos and Boylan, International Journal of Forecasting 2005.
    """

    name = "croston"

    def _model(self, history: History) -> Any:
        from statsforecast.models import CrostonSBA

        return CrostonSBA()


class Tsb(_Smoothed):
    """The chance of a sale and its size smoothed apart, so that what stops selling fades.

    Source: Teunter, Syntetos and Babai, European Journal of Operational Research 2011.
    """

    name = "tsb"
    settings = tuple(
        {"alpha_d": size, "alpha_p": chance} for size in (0.1, 0.2) for chance in (0.05, 0.1, 0.2)
    )

    def _model(self, history: History) -> Any:
        from statsforecast.models import TSB

        return TSB(**self.setting)
