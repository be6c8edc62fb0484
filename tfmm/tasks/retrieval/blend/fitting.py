"""EASE as a blend's linear part: whether it fits, and fitting it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmm.baselines import EASE
from tfmm.baselines.low_rank import factorize
from tfmm.data.events.pairs import Pairs
from tfmm.tasks.config import RunFileError
from tfmm.tasks.retrieval.blend.linear_part import SCALES, LinearPart
from tfmm.tasks.retrieval.config import BlendConfig, PriorConfig


def check_blend(config: BlendConfig, prior: PriorConfig, n_items: int | None = None) -> None:
    """Refuses a blend that could not be made, before the training rather than after.

    Raises:
        RunFileError: for values out of range, or more items than EASE fits in memory for.
    """
    for name, size in (("rank", config.rank), ("items", config.items)):
        if size is not None and size < 1:
            raise RunFileError(f"`blend.{name}` must be at least 1, got {size}.")
    if config.scale is not None and config.scale not in SCALES:
        raise RunFileError(
            f"`blend.scale` must be one of {', '.join(SCALES)}, got {config.scale!r}."
        )
    if config.lam is not None and not config.lam > 0:
        raise RunFileError(f"`blend.lam` must be above 0, got {config.lam}.")
    least = {"blend.weight": config.weight, "blend.activity": config.activity}
    least |= {"prior.weight": prior.weight, "prior.newcomers": prior.newcomers}
    for name, value in least.items():
        if value is not None and not value >= 0:
            raise RunFileError(f"`{name}` must be 0 or more, got {value}.")
    days = {"blend.half_life": config.half_life, "prior.half_life": prior.half_life}
    days["prior.newcomers_half_life"] = prior.newcomers_half_life
    for name, value in days.items():
        if value is not None and not value > 0:
            raise RunFileError(f"`{name}` must be above 0 days, got {value}.")
    needed = EASE.memory(_size(config, n_items or 0))
    if config.ease and needed > fixed(config)["max_memory"]:
        raise RunFileError(
            f"`blend.ease` needs {needed / 2**30:,.1f} GiB for EASE's matrix of "
            f"{_size(config, n_items or 0):,} items, and `blend.memory` allows "
            f"{config.memory:,.1f} GiB. Raise it, or lower `blend.items`."
        )


def blends(config: BlendConfig, n_items: int) -> bool:
    """Whether EASE is to join: as the run file says, or where its matrix fits in memory."""
    if config.ease is None:
        return EASE.memory(_size(config, n_items)) <= fixed(config)["max_memory"]
    return config.ease


def fit_linear(
    train: Pairs, lam: float, config: BlendConfig, half_life: float | None = None
) -> LinearPart:
    """EASE fitted on `train` with a penalty and brought to the rank, with the weight 1.

    Of a larger catalogue than `config.items` it knows those that most shoppers have.
    """
    counts = train.item_counts()
    items = np.sort(np.argsort(-counts, kind="stable")[: _size(config, train.n_items)])
    some = train if len(items) == train.n_items else train.of_items(items)
    fitted = EASE(lam=lam, half_life=half_life, **fixed(config)).fit(some)
    assert fitted.weights_ is not None
    tables = factorize(fitted.weights_, config.rank)
    known = np.zeros(train.n_items, bool)
    known[items] = counts[items] > 0
    history, candidates = (
        np.zeros((train.n_items, table.shape[1]), np.float32) for table in tables
    )
    history[items], candidates[items] = tables
    return LinearPart(history, candidates, known)


def _size(config: BlendConfig, n_items: int) -> int:
    """The items that EASE is fitted on."""
    return n_items if config.items is None else min(config.items, n_items)


def fixed(config: BlendConfig) -> dict[str, Any]:
    """What the run file alone says of EASE."""
    return {"activity": config.activity, "max_memory": int(config.memory * 2**30)}
