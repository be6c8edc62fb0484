"""AUC: how often a positive is above a negative, among all examples and within shoppers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.labels.checks import Numbers, check_binary, checked


class GroupAreas(NamedTuple):
    """The AUC of each group."""

    group: NDArray[np.integer]
    """int `[G]`, ascending."""

    auc: NDArray[np.float64]
    """float64 `[G]`, NaN where a group has one class alone."""

    weight: NDArray[np.float64]
    """float64 `[G]`, examples of each group, or the sum of their weights."""


def auc(said: Numbers, true: Numbers, weight: Numbers | None = None) -> float:
    """The share of pairs of a positive and a negative in which the positive is above; ties half.

    ```python
    auc(np.array([0.9, 0.4, 0.4]), np.array([1, 1, 0]))  # 0.75
    ```

    Args:
        said: predictions `[n]`, of any scale.
        true: 0 or 1, `[n]`.
        weight: of the examples, `[n]`, 0 or more; a pair counts the product of its two.

    Returns:
        NaN where one of the classes is missing.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: shapes that differ, labels other than 0 and 1, missing ones among them.
    """
    found = auc_of_groups(said, true, np.zeros(np.shape(true), np.int8), weight)
    return float(found.auc[0]) if len(found.auc) else np.nan


def auc_within(
    said: Numbers, true: Numbers, group: NDArray[np.integer], weight: Numbers | None = None
) -> tuple[float, int]:
    """The mean AUC of the groups that have both classes, each weighing its examples (GAUC).

    What differs between shoppers alone, who click much or little, does not count: it is order
    within a shopper's own examples, which is what ranking changes.

    ```python
    said, true = np.array([0.9, 0.8, 0.2, 0.1]), np.array([1, 0, 0, 1])
    auc_within(said, true, np.array([7, 7, 8, 8]))  # (0.5, 2)
    ```

    Source: Zhou et al., Deep interest network for click-through rate prediction, KDD 2018, section
    6.2; Zhu et al., Optimized cost per click in Taobao display advertising, KDD 2017.

    Args:
        said: see `auc`.
        true: see `auc`.
        group: the shopper of each example, `[n]`.
        weight: see `auc`.

    Returns:
        The mean, NaN where no group has both classes, and the number of groups in it.

    Raises:
        NotANumberError: see `auc`.
        ValueError: see `auc`.
    """
    found = auc_of_groups(said, true, group, weight)
    counts = ~np.isnan(found.auc)
    if not counts.any():
        return np.nan, 0
    return float(np.average(found.auc[counts], weights=found.weight[counts])), int(counts.sum())


def auc_of_groups(
    said: Numbers, true: Numbers, group: NDArray[np.integer], weight: Numbers | None = None
) -> GroupAreas:
    """The AUC of each group, see `auc`; one sort for all."""
    said, true = checked(said, true, group=group, weight=weight)
    check_binary(true)
    worth = np.ones(len(true)) if weight is None else np.asarray(weight, np.float64)
    order = np.lexsort((said, group))
    said, owners = said[order], np.asarray(group)[order]
    positive = (worth * true)[order]
    negative = (worth * (1 - true))[order]
    begins = np.append(True, owners[1:] != owners[:-1])[: len(owners)]
    owner = np.cumsum(begins) - 1
    # Equal predictions of a group are a run; a run's negatives count half for its positives.
    new_run = begins | np.append(True, said[1:] != said[:-1])[: len(said)]
    run = np.cumsum(new_run) - 1
    n_groups, owner_of_run = int(begins.sum()), owner[new_run]
    positives = np.bincount(owner, positive, n_groups)
    negatives = np.bincount(owner, negative, n_groups)
    in_run = np.bincount(run, negative)
    earlier = (np.cumsum(negatives) - negatives)[owner_of_run]
    below = np.cumsum(in_run) - in_run / 2 - earlier
    won = np.bincount(owner_of_run, np.bincount(run, positive) * below, n_groups)
    pairs = positives * negatives
    area = np.divide(won, pairs, out=np.full(n_groups, np.nan), where=pairs > 0)
    return GroupAreas(owners[begins], area, (positives + negatives).astype(np.float64))
