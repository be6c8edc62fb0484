"""BG/NBD: shoppers buy at rates of their own, until they stop for good after some purchase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, gammaln

from tfmm.shoppers.returning.history import History

#: Of the squared logarithms of the parameters. A thousandth of a nat where the data tell them, and
#: a hold where they do not: without it some shops' likelihoods grow for ever along a valley.
PENALTY = 0.02
_BOUND = 9.0
_NODES = 96


@dataclass(frozen=True)
class BgNbd:
    """The fitted model.

    Rates of buying are Gamma(`r`, rate `alpha` days), chances to stop after a purchase Beta(`a`,
    `b`). Source: Fader, Hardie and Lee, "Counting your customers" the easy way, Marketing Science
    2005, equations 3 to 10.

    Attributes:
        r, alpha, a, b: the parameters; `alpha` in days.
        log_likelihood: of the histories that it was fitted to, time in weeks.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def alive(self, history: History) -> NDArray[np.float64]:
        """The probability that a shopper has not stopped for good, `[n]`."""
        x, last, age = history.repeats, history.recency, history.age
        stopped = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + last))
        )
        return np.where(x > 0, 1.0 / (1.0 + np.exp(np.minimum(stopped, 500))), 1.0)

    def comes_back(self, history: History, horizon: float) -> NDArray[np.float64]:
        """The probability of an order within `horizon` days, `[n]`."""
        shape, since = self.r + history.repeats, self.alpha + history.age
        return -self.alive(history) * np.expm1(shape * -np.log1p(horizon / since))

    def expected(self, history: History, horizon: float) -> NDArray[np.float64]:
        """How many orders within `horizon` days are to be expected, `[n]`.

        For someone who has not stopped, given the chance p to stop it is the mean over rates of
        (1 - exp(-rate p t)) / p; the mean over p is taken by quadrature, which no hypergeometric
        series with its poles at a = 1 does as well.
        """
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        shape, since = self.r + history.repeats, self.alpha + history.age
        total = np.zeros(len(history))
        # u^4 for u in 0..1 has more nodes where small chances to stop matter.
        u = (nodes + 1) / 2
        for place, weight in zip(u**4, weights / 2 * 4 * u**3, strict=True):
            p = np.maximum(betaincinv(self.a, self.b + history.repeats, place), 1e-12)
            total += weight * -np.expm1(-shape * np.log1p(p * horizon / since)) / p
        return self.alive(history) * total


def fit_bgnbd(history: History, penalty: float = PENALTY) -> BgNbd:
    """Fits the parameters: the likelihood less `penalty` times their squared logarithms, bounded.

    Time is scaled to the median age first, so that the penalty means the same in every shop.

    Args:
        history: at least one shopper.
        penalty: above 0 for a fit that cannot diverge.

    Raises:
        ValueError: no shopper has an age above 0.
    """
    scale = float(np.median(history.age)) if len(history) else 0.0
    if scale <= 0:
        raise ValueError("all shoppers bought for the first time at the cut itself.")
    table = pd.DataFrame(
        {"x": history.repeats, "last": history.recency / scale, "age": history.age / scale}
    )
    counted = table.value_counts().reset_index()
    x, last, age = (counted[name].to_numpy(np.float64) for name in ("x", "last", "age"))
    count = counted["count"].to_numpy(np.float64)

    def loss(logs: NDArray[np.float64]) -> float:
        held = penalty * float(np.square(logs).sum())
        return held - float(count @ _log_likelihood(np.exp(logs), x, last, age))

    starts = ([0.0, 0.0, 0.0, 0.0], [-1.5, -1.0, 0.0, 1.0], [1.0, 1.0, -2.0, 1.0])
    bounds = [(-_BOUND, _BOUND)] * 4
    found = min(
        (minimize(loss, start, method="L-BFGS-B", bounds=bounds) for start in starts),
        key=lambda one: one.fun,
    )
    r, alpha, a, b = np.exp(found.x)
    told = float(count @ _log_likelihood(np.exp(found.x), x, last, age))
    # A density of times: in weeks it is so much more a repeat than in the scaled unit.
    told -= float(count @ x) * np.log(scale / 7)
    return BgNbd(float(r), float(alpha) * scale, float(a), float(b), float(told))


def _log_likelihood(
    parameters: NDArray[np.float64],
    x: NDArray[np.float64],
    last: NDArray[np.float64],
    age: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Of each shopper, equation 6 of the paper in logarithms."""
    r, alpha, a, b = parameters
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    on = shared + betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    stopped = (
        shared
        + betaln(a + 1, b + np.maximum(x, 1) - 1)
        - betaln(a, b)
        - (r + x) * np.log(alpha + last)
    )
    return np.where(x > 0, np.logaddexp(on, stopped), on)
