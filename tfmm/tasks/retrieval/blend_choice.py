"""Chooses a blend on validation, and fits its linear part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tfmm.baselines import EASE
from tfmm.baselines.low_rank import factorize
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.evaluation import evaluate
from tfmm.evaluation.compare import tune
from tfmm.tasks.config import RunFileError
from tfmm.tasks.retrieval.blend import Blend
from tfmm.tasks.retrieval.config import BlendConfig
from tfmm.tasks.retrieval.linear_part import SCALES, LinearPart, Scale
from tfmm.tasks.retrieval.two_tower import TwoTower

#: Weights that are tried for each scale; 0, the learned model alone, is tried too.
WEIGHTS: dict[Scale, tuple[float, ...]] = {
    "sum": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
    "unit": (0.03, 0.06, 0.09, 0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0),
}
#: Validation users that a weight is tried on, at most.
MAX_USERS = 10_000


@dataclass(frozen=True)
class BlendChoice:
    """What was chosen for a blend.

    Attributes:
        lam: EASE's ridge penalty.
        weight: of EASE beside the learned model; 0 where it does not pay.
        scale: see `LinearPart.scale`.
        tried: a row for every weight tried: `weight`, `scale`, `recall@20`, `ndcg@20`.
    """

    lam: float
    weight: float
    scale: Scale
    tried: list[dict[str, Any]]


def check_blend(config: BlendConfig, n_items: int | None = None) -> None:
    """Refuses a blend that could not be made, before the training rather than after.

    Raises:
        RunFileError: for values out of range, or more items than EASE fits in memory for.
    """
    if config.rank < 1:
        raise RunFileError(f"`blend.rank` must be at least 1, got {config.rank}.")
    if config.scale is not None and config.scale not in SCALES:
        raise RunFileError(
            f"`blend.scale` must be one of {', '.join(SCALES)}, got {config.scale!r}."
        )
    if config.weight is not None and not config.weight >= 0:
        raise RunFileError(f"`blend.weight` must be 0 or more, got {config.weight}.")
    if config.lam is not None and not config.lam > 0:
        raise RunFileError(f"`blend.lam` must be above 0, got {config.lam}.")
    if not config.activity >= 0:
        raise RunFileError(f"`blend.activity` must be 0 or more, got {config.activity}.")
    needed = EASE.memory(n_items or 0)
    if config.ease and needed > _fixed(config)["max_memory"]:
        raise RunFileError(
            f"`blend.ease` needs {needed / 2**30:,.1f} GiB for EASE's matrix of {n_items:,} items, "
            f"and `blend.memory` allows {config.memory:,.1f} GiB. Raise it, or leave `blend` out."
        )


def fit_linear(train: Pairs, lam: float, config: BlendConfig) -> LinearPart:
    """EASE fitted on `train` with a penalty and brought to the rank, with the weight 1."""
    fitted = EASE(lam=lam, **_fixed(config)).fit(train.csr())
    assert fitted.weights_ is not None
    history, candidates = factorize(fitted.weights_, config.rank)
    return LinearPart(history, candidates, train.item_counts() > 0)


def choose_blend(
    model: TwoTower,
    parts: Split,
    config: BlendConfig,
    say: Callable[[str], None] = lambda line: None,
) -> BlendChoice:
    """Chooses EASE's penalty, weight and scale on validation, where the run file does not give
    them.

    The penalty is the one with which EASE alone has the best Recall@20; weight and scale those of
    the blend with the best geometric mean of Recall@20 and NDCG@20, the learned model alone
    included.

    Args:
        model: fitted on `parts.train`.
        parts: the split.
        config: what the run file says.
        say: takes a line of progress.

    Raises:
        RunFileError: a choice is needed, but the split has no validation part.
    """
    given = config.weight is not None and config.lam is not None and config.scale is not None
    if not given and not len(parts.valid):
        raise RunFileError(
            "`blend` chooses its weight on validation, but the split has no validation part. Give "
            "`blend.lam`, `blend.weight` and `blend.scale`, or a split with one."
        )
    scales = SCALES if config.scale is None else (cast(Scale, config.scale),)
    lam = config.lam
    if lam is None:
        fixed = _fixed(config)
        lam = tune("ease", parts.train, parts.valid, max_users=MAX_USERS, **fixed)["lam"]
    if config.weight is not None and len(scales) == 1:
        return BlendChoice(lam, config.weight, scales[0], [])
    linear = fit_linear(parts.train, lam, config)
    items = Blend(model, linear).join(model.item_vectors())
    tried: list[dict[str, Any]] = []
    learned = model.user_vectors(parts.train, items=items[:, : model.user_tower.dim])
    histories = parts.train.csr()
    for scale in scales:
        own = linear.weighted(1.0, scale).users(histories)
        for weight in (0.0, *WEIGHTS[scale]) if config.weight is None else (config.weight,):
            if weight == 0 and tried:
                continue  # whatever the scale, it is the learned model alone
            users = np.concatenate([learned, np.float32(weight) * own], axis=1)
            found = evaluate(
                (users, items), parts.valid, seen=parts.train, ks=(20,), max_users=MAX_USERS
            )["model"]
            row = {key: found[key] for key in ("recall@20", "ndcg@20")}
            tried.append({"weight": weight, "scale": scale, **row})
    best = max(tried, key=lambda row: row["recall@20"] * row["ndcg@20"])
    say(
        f"Blending with EASE (lam {lam:g}, rank {linear.rank}): weight {best['weight']:g}, scale "
        f"{best['scale']}, valid recall@20 {best['recall@20']:.4f} (learned alone "
        f"{tried[0]['recall@20']:.4f})."
    )
    return BlendChoice(lam, best["weight"], best["scale"], tried)


def _fixed(config: BlendConfig) -> dict[str, Any]:
    """What the run file alone says of EASE."""
    return {"activity": config.activity, "max_memory": int(config.memory * 2**30)}
