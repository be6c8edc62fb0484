"""Baselines beside a model: tuned on validation, refitted, measured by the same code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmm import baselines
from tfmm.baselines import Baseline, EASEMemoryError
from tfmm.data.events.parts import Split
from tfmm.evaluation.evaluator import KS, PairsOrMatrix, as_matrix, evaluate
from tfmm.evaluation.ranking import Scorer

NAMES = ("popularity", "item_knn", "user_knn", "ease")


def as_scorer(baseline: Baseline, histories: PairsOrMatrix) -> Scorer:
    """A fitted baseline as a function of user rows, their histories being rows of `histories`."""
    rows = as_matrix(histories)
    return lambda users: baseline.score(rows[users])


def tune(
    name: str,
    train: PairsOrMatrix,
    valid: PairsOrMatrix,
    *,
    metric: str = "recall@20",
    grid: Mapping[str, Sequence[Any]] | None = None,
    max_users: int | None = None,
    **config: Any,
) -> dict[str, Any]:
    """The parameters with the best `metric` on validation, fitted on training only.

    Args:
        name: of a baseline.
        train: training pairs.
        valid: validation pairs.
        metric: such as `recall@20` or `ndcg@10`.
        grid: values to try by parameter, by default the baseline's own `grid`.
        max_users: measure on so many validation users at most.
        **config: parameters that stay as they are.

    Returns:
        The best of the grid, `{}` for a baseline without parameters. Of equals the first tried.
    """
    kind = baselines.find(name)
    grid = {k: v for k, v in (kind.grid if grid is None else grid).items() if k not in config}
    held_out, rows = as_matrix(valid), as_matrix(train)
    if not grid or not held_out.nnz:
        return {}
    k = int(metric.partition("@")[2])
    best: dict[str, Any] = {}
    best_value = -np.inf
    for params, fitted in kind.variants(rows, grid, **config):
        measured = evaluate(
            as_scorer(fitted, rows), held_out, seen=rows, ks=(k,), max_users=max_users
        )
        if measured["model"][metric] > best_value:
            best, best_value = params, measured["model"][metric]
        del fitted  # the next may take all the memory that is allowed
    return best


def evaluate_baselines(
    train: PairsOrMatrix,
    truth: PairsOrMatrix,
    *,
    cold: PairsOrMatrix | None = None,
    names: Sequence[str] = NAMES,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tune_on: tuple[PairsOrMatrix, PairsOrMatrix] | None = None,
    ks: Sequence[int] = KS,
    max_users: int | None = None,
) -> dict[str, dict[str, Any]]:
    """The `baselines` section of `metrics.json`.

    Args:
        train: what the baselines are fitted on; a user's row is their history, and left out.
        truth: test pairs of warm items.
        cold: test pairs of items held out whole.
        names: baselines to measure.
        params: configuration by name; what it sets is not tuned.
        tune_on: training and validation pairs to choose the rest by; without, the defaults stay.
        ks: list lengths.
        max_users: where more users have test items, so many are drawn, the same for all.

    Returns:
        By name the metrics over `truth`, and `params` with what was chosen; with `cold`, its
        metrics under `cold`. Where a baseline does not fit in memory: `{"left_out": reason}`.
    """
    rows = as_matrix(train)
    section: dict[str, dict[str, Any]] = {}
    for name in names:
        given = dict((params or {}).get(name, {}))
        try:
            chosen = tune(name, *tune_on, max_users=max_users, **given) if tune_on else {}
            fitted = baselines.create(name, **given, **chosen).fit(rows)
        except EASEMemoryError as error:
            section[name] = {"left_out": str(error)}
            continue
        measured = evaluate(
            as_scorer(fitted, rows), truth, seen=rows, cold=cold, ks=ks, max_users=max_users
        )
        section[name] = {**measured["model"], "params": _plain({**given, **chosen})}
        if cold is not None:
            section[name]["cold"] = measured["cold"]
    return section


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a report can hold: without arrays."""
    return {name: value for name, value in params.items() if not isinstance(value, np.ndarray)}


def evaluate_split_baselines(
    split: Split, *, names: Sequence[str] = NAMES, ks: Sequence[int] = KS, **options: Any
) -> dict[str, dict[str, Any]]:
    """Baselines as a split has it: tuned on validation, refitted on `final_train`, tested once.

    Args:
        split: from `tfmm.data.events.splits.split`.
        names: baselines to measure.
        ks: list lengths.
        **options: `params` and `max_users` of `evaluate_baselines`.
    """
    cold = split.cold_test_pairs if len(split.cold_test) else None
    return evaluate_baselines(
        split.final_train(),
        split.test,
        cold=cold,
        names=names,
        tune_on=(split.train, split.valid),
        ks=ks,
        **options,
    )
