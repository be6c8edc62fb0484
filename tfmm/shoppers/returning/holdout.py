"""How well forecasts of shoppers came true in a period that they had not met, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from tfmm.shoppers.intervals import Z
from tfmm.shoppers.returning.bgnbd import BgNbd, fit_bgnbd
from tfmm.shoppers.returning.gammagamma import GammaGamma, fit_gamma_gamma
from tfmm.shoppers.returning.history import Future, History, future_of, history_at
from tfmm.shoppers.returning.network import Forecast, ReturnNetwork, classic_forecast

#: Weight of a calibration's distance from none.
_HOLD = 5.0


@dataclass(frozen=True, eq=False)
class Measured:
    """Forecasts made at a cut, beside what happened.

    Attributes:
        history: the shoppers at the cut.
        future: what they did.
        forecasts: by name: `BG/NBD`, `Keras`, `rate alone`.
        bgnbd, money: as fitted at the cut.
    """

    history: History
    future: Future
    forecasts: dict[str, Forecast]
    bgnbd: BgNbd
    money: GammaGamma | None

    def table(self) -> pd.DataFrame:
        """A row a forecast: `forecast`, `auc` (of who comes back, by the expected orders), with
        `auc_low`, `auc_high` (95 %),
        `auc_probability` (by the probability), `log_loss`, `brier`, `mae` and `rmse` of the orders,
        `bias` (expected orders over those that were, less 1), `value_mae`, `value_bias`,
        `value_rank` (Spearman's)."""
        return pd.DataFrame([self._row(name, one) for name, one in self.forecasts.items()])

    def _row(self, name: str, said: Forecast) -> dict[str, Any]:
        back = self.future.orders > 0
        off = said.orders - self.future.orders
        p = np.clip(said.comes_back, 1e-6, 1 - 1e-6)
        both = back.any() and not back.all()
        auc = float(roc_auc_score(back, said.orders)) if both else np.nan
        low, high = auc_interval(auc, int(back.sum()), int((~back).sum()))
        row: dict[str, Any] = {
            "forecast": name,
            "auc": auc,
            "auc_low": low,
            "auc_high": high,
            "auc_probability": roc_auc_score(back, said.comes_back) if both else np.nan,
            "log_loss": float(-np.where(back, np.log(p), np.log1p(-p)).mean()),
            "brier": float(np.square(p - back).mean()),
            "mae": float(np.abs(off).mean()),
            "rmse": float(np.sqrt(np.square(off).mean())),
            "bias": _bias(said.orders, self.future.orders),
            "value_mae": float(np.abs(said.value - self.future.value).mean()),
            "value_bias": _bias(said.value, self.future.value),
        }
        ranks = pd.Series(said.value).corr(pd.Series(self.future.value), method="spearman")
        return row | {"value_rank": float(ranks)}


def measure(
    days: pd.DataFrame, start: float, cut: float, horizon: float, *, seed: int = 1
) -> Measured:
    """Fits to what was known at a cut, and compares with the `horizon` days that followed.

    Args:
        days: of `by_day`.
        start: the first day of the log.
        cut: whole days since 1970.
        horizon: days.
        seed: of the network.

    Raises:
        ValueError: too little was bought before the cut.
    """
    history = history_at(days, cut)
    bgnbd, money = fit_bgnbd(history), fit_gamma_gamma(history)
    network = ReturnNetwork(bgnbd, money, seed=seed)
    network.fit(days, start, cut, horizon)
    # So many orders a day as so far, of the days since the first: the simplest forecast.
    rate = history.repeats / np.maximum(history.age, 1.0) * horizon
    worth = rate * history.mean_value
    forecasts = {
        "Keras": network.forecast(days, cut, horizon),
        "BG/NBD": classic_forecast(bgnbd, money, history, horizon),
        "rate alone": Forecast(-np.expm1(-rate), rate, worth),
    }
    future = future_of(days, history, cut, horizon)
    return Measured(history, future, forecasts, bgnbd, money)


@dataclass(frozen=True)
class Calibration:
    """What a holdout period says of later forecasts: a line for the logit of probabilities (Platt),
    and a factor each, between a third and three, for numbers of orders and for value.

    Attributes:
        line: intercept and slope; None where all or none came back.
        orders, value: the factors.
    """

    line: tuple[float, float] | None
    orders: float
    value: float

    def __call__(self, said: Forecast) -> Forecast:
        """The forecast as it is to be believed."""
        chance = said.comes_back
        if self.line is not None:
            chance = expit(self.line[0] + self.line[1] * _logit(chance))
        return Forecast(chance, said.orders * self.orders, said.value * self.value)


def calibration_of(said: Forecast, future: Future) -> Calibration:
    """What is learned from a forecast and what followed."""
    back = future.orders > 0
    line = None
    if back.any() and not back.all():
        given = _logit(said.comes_back)

        def loss(parameters: NDArray[np.float64]) -> float:
            logits = parameters[0] + parameters[1] * given
            # Of few shoppers little is learned: it is held at what the forecast says itself.
            held = _HOLD * float(np.square(parameters - [0.0, 1.0]).sum())
            return held + float(np.logaddexp(0, np.where(back, -logits, logits)).sum())

        found = minimize(loss, [0.0, 1.0], method="L-BFGS-B", bounds=[(-5, 5), (0.2, 3)])
        line = float(found.x[0]), float(found.x[1])
    return Calibration(line, _factor(said.orders, future.orders), _factor(said.value, future.value))


def auc_interval(auc: float, hits: int, others: int) -> tuple[float, float]:
    """What an AUC lies between (95 %); Hanley and McNeil, Radiology 1982."""
    if np.isnan(auc):
        return np.nan, np.nan
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (hits - 1) * (one - auc**2) + (others - 1) * (two - auc**2)
    half = Z * np.sqrt(spread / (hits * others))
    return max(auc - half, 0.0), min(auc + half, 1.0)


def _logit(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(chance, 1e-5, 1 - 1e-5)), np.float64)


def deciles(said: Forecast, future: Future, at_least: int = 10) -> pd.DataFrame:
    """Shoppers in up to ten groups by the orders expected: `shoppers`, and the means `expected` and
    `happened`; nothing where there are not `at_least` in each."""
    groups = min(10, len(said.orders) // max(at_least, 1))
    parts = np.array_split(np.argsort(said.orders, kind="stable"), groups) if groups else []
    rows = [(len(one), said.orders[one].mean(), future.orders[one].mean()) for one in parts]
    return pd.DataFrame(rows, columns=["shoppers", "expected", "happened"])


def _bias(said: NDArray[np.float64], was: NDArray[np.float64]) -> float:
    total = float(was.sum())
    return float(said.sum()) / total - 1 if total > 0 else np.nan


def _factor(said: NDArray[np.float64], was: NDArray[np.float64]) -> float:
    total, expected = float(was.sum()), float(said.sum())
    if not (total > 0 and expected > 0):
        return 1.0
    return float(np.clip(total / expected, 1 / 3, 3))
