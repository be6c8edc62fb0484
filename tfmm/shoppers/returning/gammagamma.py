"""Gamma-Gamma: what an order of a shopper is worth, drawn towards what orders are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

from tfmm.shoppers.returning.history import History

PENALTY = 0.02
_BOUND = 9.0


@dataclass(frozen=True)
class GammaGamma:
    """The fitted model.

    Values of a shopper's orders are Gamma(`p`, rate ν), and ν is Gamma(`q`, rate `v`) over
    shoppers. Source: Fader and Hardie, The Gamma-Gamma model of monetary value, 2013.

    Attributes:
        p, q, v: the parameters, `q` above 1; `v` in the shop's money.
    """

    p: float
    q: float
    v: float

    @property
    def mean(self) -> float:
        """Of an order of a shopper of whom nothing is known."""
        return self.p * self.v / (self.q - 1)

    def order_value(self, history: History) -> NDArray[np.float64]:
        """The expected value of a further order, `[n]`."""
        known = history.mean_value > 0
        orders = np.where(known, history.orders, 0.0)
        mean = np.where(known, history.mean_value, 0.0)
        return self.p * (self.v + orders * mean) / (self.p * orders + self.q - 1)


def fit_gamma_gamma(history: History, penalty: float = PENALTY) -> GammaGamma | None:
    """Fits the parameters to shoppers whose orders have a mean above 0; None where there are none.

    Args:
        history: the shoppers.
        penalty: of the parameters' squared logarithms, money scaled to its median: it holds a fit
            that plain maximum likelihood would let diverge.
    """
    known = history.mean_value > 0
    if not known.any():
        return None
    n, mean = history.orders[known], history.mean_value[known]
    scale = float(np.median(mean))
    mean = mean / scale

    def loss(logs: NDArray[np.float64]) -> float:
        p, q, v = np.exp(logs[0]), 1 + np.exp(logs[1]), np.exp(logs[2])
        told = (
            gammaln(p * n + q)
            - gammaln(p * n)
            - gammaln(q)
            + q * np.log(v)
            + (p * n - 1) * np.log(mean)
            + p * n * np.log(n)
            - (p * n + q) * np.log(v + n * mean)
        )
        return penalty * float(np.square(logs).sum()) - float(told.sum())

    starts = ([0.0, 0.0, 0.0], [1.5, 1.0, 0.5], [1.0, 3.0, 2.0])
    bounds = [(-_BOUND, _BOUND)] * 3
    found = min(
        (minimize(loss, start, method="L-BFGS-B", bounds=bounds) for start in starts),
        key=lambda one: one.fun,
    )
    p, q, v = np.exp(found.x)
    return GammaGamma(float(p), float(1 + q), float(v) * scale)
