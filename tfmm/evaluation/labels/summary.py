"""All metrics of a label at once, and whether two models differ in one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.labels.base import KINDS, Kind
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.labels.areas import auc, auc_of_groups, auc_within
from tfmm.evaluation.labels.checks import Numbers, checked
from tfmm.evaluation.labels.errors import mae, rmse
from tfmm.evaluation.labels.lists import ndcg_of_groups, ndcg_of_lists
from tfmm.evaluation.labels.probabilities import calibration_error, log_loss, log_losses

#: Examples of a list that NDCG looks at.
K = 10


def label_metrics(
    kind: Kind, said: Numbers, true: Numbers, group: NDArray[np.integer]
) -> dict[str, float]:
    """The metrics of a label; examples where it is missing, NaN, are left out.

    Of `"binary"`: `auc`, `auc_within` (shoppers), `log_loss`, `calibration_error` and `ndcg@10` of
    shoppers' lists ranked again. Of `"rating"`: `rmse`, `mae` and `ndcg@10`, whose gain is the
    rating, above the lowest where that is below 0.

    ```python
    said, true = np.array([0.9, 0.4, 0.4, 0.1]), np.array([1, 1, 0, np.nan])
    label_metrics("binary", said, true, np.array([0, 1, 1, 1]))["auc"]  # 0.75
    ```

    Args:
        kind: `"binary"`, a label of 0 and 1, or `"rating"`, a number.
        said: predictions `[n]`; of a binary label probabilities.
        true: labels `[n]`, NaN where there is none.
        group: the shopper of each example, `[n]`.

    Returns:
        By metric; NaN where it is not defined, as AUC where all are positive.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: another kind, shapes that differ, labels or probabilities out of range.
    """
    said, true, group = _known(kind, said, true, group)
    if kind == "binary":
        return {
            "auc": auc(said, true),
            "auc_within": auc_within(said, true, group)[0],
            "log_loss": log_loss(said, true),
            "calibration_error": calibration_error(said, true),
            f"ndcg@{K}": ndcg_of_lists(said, true, group, K).ndcg,
        }
    gain = true - min(0.0, float(true.min(initial=0.0)))
    return {
        "rmse": rmse(said, true),
        "mae": mae(said, true),
        f"ndcg@{K}": ndcg_of_lists(said, gain, group, K).ndcg,
    }


def label_counts(kind: Kind, true: Numbers, group: NDArray[np.integer]) -> dict[str, int]:
    """What `label_metrics` are over, the same for every model.

    Returns:
        `examples` with a label, `missing` ones without, `groups` of them (shoppers), and of a
        binary label `positives` and `groups_with_both`, those that `auc_within` is over.

    Raises:
        ValueError: see `label_metrics`.
    """
    _, known, owner = _known(kind, np.zeros(np.shape(true)), true, group)
    counts = {
        "examples": len(known),
        "missing": len(true) - len(known),
        "groups": len(np.unique(owner)),
    }
    if kind == "binary":
        counts["positives"] = int(known.sum())
        counts["groups_with_both"] = auc_within(known, known, owner)[1]
    return counts


def label_difference(
    metric: str,
    a: Numbers,
    b: Numbers,
    true: Numbers,
    group: NDArray[np.integer],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 1,
) -> dict[str, float]:
    """How much a metric differs between two models, and between what that lies.

    A paired bootstrap over shoppers, each with all of their examples; see `paired_bootstrap`.

    Args:
        metric: `auc_within`, `log_loss`, `rmse`, `mae` or `ndcg@k`.
        a: predictions of a model, `[n]`.
        b: those of another, of the same examples.
        true: labels `[n]`; examples without one, NaN, are left out.
        group: the shopper of each example, `[n]`.
        draws: how many.
        level: share of the draws inside the interval.
        seed: of the draws.

    Returns:
        `difference`, `low` and `high`, of `a` less `b`; NaN where no shopper counts.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: a metric that is no mean over shoppers, or what that metric refuses.
    """
    name, _, k = metric.partition("@")
    kind: Kind = "binary" if name in ("auc_within", "log_loss") else "rating"
    a, known, owner = _known(kind, a, true, group)
    b = _known(kind, b, true, group)[0]
    weight: NDArray[np.float64] | None = None
    if name == "auc_within":
        first, second = (auc_of_groups(said, known, owner) for said in (a, b))
        ours, other, weight = first.auc, second.auc, first.weight
    elif name == "ndcg" and k.isdecimal():
        ours, other = (ndcg_of_groups(said, known, owner, int(k))[1] for said in (a, b))
    elif name in _EXAMPLE_ERRORS and not k:
        _, place = np.unique(owner, return_inverse=True)
        weight = np.bincount(place).astype(np.float64)
        ours, other = (
            np.bincount(place, _EXAMPLE_ERRORS[name](said, known)) / weight for said in (a, b)
        )
    else:
        raise ValueError(
            f"`metric` is {metric!r}, but it must be auc_within, ndcg@k or one of "
            f"{', '.join(_EXAMPLE_ERRORS)}."
        )
    counts = ~np.isnan(ours)
    if not counts.any():
        return {"difference": np.nan, "low": np.nan, "high": np.nan}
    found = paired_bootstrap(
        ours[counts],
        other[counts],
        weight=None if weight is None else weight[counts],
        finish=np.sqrt if name == "rmse" else None,
        draws=draws,
        level=level,
        seed=seed,
    )
    return dict(zip(("difference", "low", "high"), found, strict=True))


_EXAMPLE_ERRORS = {
    "log_loss": log_losses,
    "rmse": lambda said, true: (said - true) ** 2,
    "mae": lambda said, true: np.abs(said - true),
}


def _known(
    kind: str, said: Numbers, true: Numbers, group: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.integer]]:
    """The examples that have a label."""
    if kind not in KINDS:
        raise ValueError(f"`kind` is {kind!r}, but it must be one of {', '.join(KINDS)}.")
    said, true, group = np.asarray(said), np.asarray(true), np.asarray(group)
    checked(said, np.zeros(true.shape), group=group)
    there = ~np.isnan(true)
    return *checked(said[there], true[there]), group[there]
