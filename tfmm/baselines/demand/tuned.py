"""The simple forecasts by name, each with what validation chose for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfmm.baselines.demand.averages import CategoryMean, LastValue, MovingAverage, SeasonalNaive
from tfmm.baselines.demand.base import Baseline, Floats, History, Rows
from tfmm.baselines.demand.boosted import Boosted
from tfmm.baselines.demand.smoothing import Croston, Ets, Tsb

_KINDS: dict[str, type[Baseline]] = {
    one.name: one
    for one in (LastValue, SeasonalNaive, MovingAverage, CategoryMean, Ets, Croston, Tsb, Boosted)
}


def names() -> list[str]:
    """All that there are, installed or not."""
    return list(_KINDS)


def available(
    asked: Sequence[str] | None, history: History
) -> tuple[list[type[Baseline]], dict[str, str]]:
    """What can be measured, and of the others why not.

    Args:
        asked: names; all by default.
        history: before validation.

    Raises:
        ModuleNotFoundError: one was asked for by name whose package is not installed.
    """
    found, left = [], {}
    for name in names() if asked is None else asked:
        kind = _KINDS[name]
        if kind.needs is not None and importlib.util.find_spec(kind.needs[0]) is None:
            package, extra = kind.needs
            why = f"the package {package} is not installed: pip install 'tfmm[{extra}]'"
            if asked is not None:
                raise ModuleNotFoundError(f"The baseline {name!r} was asked for, but {why}.")
            left[name] = why
        elif why_not := kind.fits(history):
            left[name] = why_not
        else:
            found.append(kind)
    return found, left


def tuned(
    kind: type[Baseline],
    history: History,
    series: Rows,
    origin: Rows,
    horizon: int,
    judge: Callable[[Floats], float],
) -> tuple[Baseline, Mapping[str, Any], Floats]:
    """A simple forecast with the best of its settings on validation.

    Args:
        kind: which.
        history: what it may read before validation.
        series, origin: int64 `[n]`, of validation.
        horizon: H.
        judge: gives forecasts `[n, H]` a value, of which less is better.

    Returns:
        The forecast, what was chosen, and what it says of validation.
    """
    best: tuple[float, Baseline, Floats] | None = None
    for setting in kind.choices(history):
        made = kind(**setting)
        said = made.forecast(history, series, origin, horizon)
        value = judge(said)
        if best is None or value < best[0]:
            best = value, made, said
    assert best is not None
    return best[1], best[1].setting, best[2]
