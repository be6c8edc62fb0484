"""Baselines beside a model: tuned on validation, refitted, measured by the same code."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm import baselines
from tfmm.baselines import Baseline, EASEMemoryError
from tfmm.baselines.base import Tuned, half_lives
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.data.progress import progress
from tfmm.evaluation.evaluator import KS, PairsOrMatrix, as_matrix, evaluate
from tfmm.evaluation.ranking import Scorer

NAMES = ("popularity", "item_knn", "user_knn", "ease")
#: What joins them where events have times.
TIMED = ("recent_popularity", "markov")


def default_names(train: PairsOrMatrix, *, repeats: bool = False) -> tuple[str, ...]:
    """The baselines that are measured unless others are named."""
    if not _timed(train):
        return NAMES
    return (NAMES[0], *TIMED, *(("repeats",) if repeats else ()), *NAMES[1:])


def as_scorer(
    baseline: Baseline, histories: PairsOrMatrix, fallback: NDArray[np.float32] | None = None
) -> Scorer:
    """A fitted baseline as a function of user rows, their histories being rows of `histories`.

    Args:
        baseline: fitted.
        histories: of all users.
        fallback: scores float32 `[n_items]` for users of whom the baseline reads nothing.
    """
    rows = baseline.read(histories) if isinstance(histories, Pairs) else as_matrix(histories)

    def score(users: NDArray[np.int32]) -> NDArray[np.float32]:
        asked = rows[users]
        found = baseline.score(asked)
        if fallback is not None:
            found[np.diff(asked.indptr) == 0] = fallback
        return found

    return score


def tune(
    name: str,
    train: PairsOrMatrix,
    valid: PairsOrMatrix,
    *,
    metric: str = "recall@20",
    grid: Mapping[str, Sequence[Any]] | None = None,
    max_users: int | None = None,
    repeats: bool = False,
    fallback: NDArray[np.float32] | None = None,
    deadline: float = np.inf,
    **config: Any,
) -> Tuned:
    """The parameters with the best `metric` on validation, fitted on training only.

    Where events have times, the half-life is chosen first, with the rest as it stands by default;
    then the rest. A baseline that can do without decays only where that is better by more than a
    standard error over users, since validation is small and chance picks short half-lives.

    Args:
        name: of a baseline.
        train: training pairs.
        valid: validation pairs.
        metric: `recall@k` or `ndcg@k`, such as `recall@20`.
        grid: values to try by parameter, by default the baseline's own.
        max_users: measure on so many validation users at most.
        repeats: whether what a user was trained on is ranked too.
        fallback: see `as_scorer`.
        deadline: reading of `time.monotonic` after which nothing more is tried.
        **config: parameters that stay as they are.

    Returns:
        The best of the grid, `{}` for a baseline without parameters. Of equals the first tried.
    """
    kind = baselines.find(name)
    rest = kind.grid_for(config) if grid is None else grid
    rest = {k: v for k, v in rest.items() if k not in config and len(v)}
    ages = _half_lives(kind, train) if grid is None and "half_life" not in config else ()
    if not (rest or ages) or not as_matrix(valid).nnz:
        return Tuned({})
    sizes = [len(ages), int(np.prod([len(v) for v in rest.values()])) if rest else 0]
    if kind.sample_items is not None:
        train, valid, fallback = _most_met(train, valid, fallback, kind.sample_items)
    held_out, rows, k = as_matrix(valid), as_matrix(train), int(metric.partition("@")[2])
    best: dict[str, Any] = {}
    tried = 0

    def search(values: Mapping[str, Sequence[Any]]) -> list[tuple[dict[str, Any], Any]]:
        nonlocal tried
        found = []
        variants = kind.variants(train, values, **{**config, **best})
        total = int(np.prod([len(v) for v in values.values()]))
        for params, fitted in progress(variants, total, f"tuning {name}"):
            measured = evaluate(
                as_scorer(fitted, train, fallback),
                held_out,
                seen=rows,
                ks=(k,),
                max_users=max_users,
                repeats=repeats,
                per_user=True,
            )
            tried += 1
            found.append((params, measured["per_user"][metric]))
            del fitted  # the next may take all the memory that is allowed
            if time.monotonic() > deadline:
                break
        return found

    if ages and time.monotonic() <= deadline:
        best |= _worth_decaying(search({"half_life": ages}))
    if rest and time.monotonic() <= deadline:
        best |= max(search(rest), key=lambda row: row[1].mean())[0]
    return Tuned(best, sum(sizes) - tried)


def evaluate_baselines(
    train: PairsOrMatrix,
    truth: PairsOrMatrix,
    *,
    cold: PairsOrMatrix | None = None,
    names: Sequence[str] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    tune_on: tuple[PairsOrMatrix, PairsOrMatrix] | None = None,
    ks: Sequence[int] = KS,
    max_users: int | None = None,
    repeats: bool = False,
    minutes: float | None = None,
    per_user: bool = False,
) -> dict[str, dict[str, Any]]:
    """The `baselines` section of `metrics.json`.

    Shoppers of whom a baseline knows nothing get what is popular (of late, where events have
    times), as a shop would serve them.

    Args:
        train: what the baselines are fitted on; a user's row is their history, and left out.
        truth: test pairs of warm items.
        cold: test pairs of items held out whole.
        names: baselines to measure, by default `default_names`.
        params: configuration by name; what it sets is not tuned.
        tune_on: training and validation pairs to choose the rest by; without, the defaults stay.
        ks: list lengths.
        max_users: where more users have test items, so many are drawn, the same for all.
        repeats: whether what a user was trained on is ranked too.
        minutes: that tuning may take in all; what is left of a grid then is not tried.
        per_user: whether each user's own values are given, see `evaluate`.

    Returns:
        By name the metrics over `truth`, `breakdowns` with `users`, and `params` with what was
        chosen; with `cold`, its metrics under `cold`; `untried` where a budget ended the tuning.
        Where a baseline does not fit in memory: `{"left_out": reason}`.
    """
    rows = as_matrix(train)
    deadline = np.inf if minutes is None else time.monotonic() + 60 * minutes
    section: dict[str, dict[str, Any]] = {}
    names = default_names(train, repeats=repeats) if names is None else names
    popular = _popular(train, rows, tune_on, max_users, repeats)
    for name in names:
        given = dict((params or {}).get(name, {}))
        try:
            baselines.create(name, **given).check_size(rows.shape[1])
            chosen = Tuned({})
            if name == popular.name and not given:
                chosen = popular.chosen
            elif tune_on:
                chosen = tune(
                    name,
                    *tune_on,
                    max_users=max_users,
                    repeats=repeats,
                    fallback=popular.valid,
                    deadline=deadline,
                    **given,
                )
            fitted = baselines.create(name, **given, **chosen.params).fit(train)
        except EASEMemoryError as error:
            section[name] = {"left_out": str(error)}
            continue
        measured = evaluate(
            as_scorer(fitted, train, popular.test),
            truth,
            seen=rows,
            cold=cold,
            ks=ks,
            max_users=max_users,
            repeats=repeats,
            per_user=per_user,
        )
        section[name] = {
            **measured["model"],
            "params": _plain({**given, **chosen.params}),
            "breakdowns": {"users": measured["breakdowns"]["users"]},
        }
        if chosen.untried:
            section[name]["untried"] = chosen.untried
        if cold is not None:
            section[name]["cold"] = measured["cold"]
        if per_user:
            section[name]["per_user"] = measured["per_user"]
    return section


def evaluate_split_baselines(
    split: Split, *, names: Sequence[str] | None = None, ks: Sequence[int] = KS, **options: Any
) -> dict[str, dict[str, Any]]:
    """Baselines as a split has it: tuned on validation, refitted on `final_train`, tested once.

    Args:
        split: from `tfmm.data.events.splits.split`.
        names: baselines to measure.
        ks: list lengths.
        **options: `params`, `max_users`, `minutes` and `per_user` of `evaluate_baselines`.
    """
    cold = split.cold_test_pairs if len(split.cold_test) else None
    return evaluate_baselines(
        split.final_train(),
        split.test,
        cold=cold,
        names=names,
        tune_on=(split.train, split.valid),
        ks=ks,
        repeats=split.repeats,
        **options,
    )


def _worth_decaying(found: list[tuple[dict[str, Any], NDArray[np.float64]]]) -> dict[str, Any]:
    """The best half-life; none, where one was tried and the best is not clearly better."""
    best, reached = max(found, key=lambda row: row[1].mean())
    first, plain = found[0]
    if first["half_life"] is None:
        gain = reached - plain
        if gain.mean() <= gain.std() / np.sqrt(len(gain)):
            return first
    return best


class _Fallback(NamedTuple):
    name: str
    chosen: Tuned
    valid: NDArray[np.float32]
    test: NDArray[np.float32]


def _popular(
    train: PairsOrMatrix,
    rows: sp.csr_matrix,
    tune_on: tuple[PairsOrMatrix, PairsOrMatrix] | None,
    max_users: int | None,
    repeats: bool,
) -> _Fallback:
    """What stands in for users of whom nothing is known, in validation and in the test."""
    name, chosen = "popularity", Tuned({})
    if _timed(train):
        name = "recent_popularity"
        if tune_on:
            chosen = tune(name, *tune_on, max_users=max_users, repeats=repeats)

    def scores(of: PairsOrMatrix) -> NDArray[np.float32]:
        nobody = sp.csr_matrix((1, rows.shape[1]), dtype=np.float32)
        return baselines.create(name, **chosen.params).fit(of).score(nobody)[0]

    last = scores(train)
    return _Fallback(name, chosen, scores(tune_on[0]) if tune_on else last, last)


def _timed(pairs: PairsOrMatrix) -> bool:
    return isinstance(pairs, Pairs) and pairs.time is not None


def _half_lives(kind: type[Baseline], train: PairsOrMatrix) -> tuple[float | None, ...]:
    """The half-lives to try: none where it does not decay, or events have no times."""
    if not (kind.decays and isinstance(train, Pairs) and _timed(train)):
        return ()
    found = half_lives(train)
    return found if kind.timed and kind.half_life is not None else (None, *found)


def _most_met(
    train: PairsOrMatrix,
    valid: PairsOrMatrix,
    fallback: NDArray[np.float32] | None,
    count: int,
) -> tuple[PairsOrMatrix, PairsOrMatrix, NDArray[np.float32] | None]:
    """The same over the `count` items that most users have, where there are more."""
    counts = np.bincount(as_matrix(train).indices, minlength=as_matrix(train).shape[1])
    if len(counts) <= count:
        return train, valid, fallback
    items = np.sort(np.argsort(-counts, kind="stable")[:count])
    parts = [p.of_items(items) if isinstance(p, Pairs) else p[:, items] for p in (train, valid)]
    return parts[0], parts[1], None if fallback is None else fallback[items]


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a report can hold: without arrays."""
    return {
        name: value for name, value in params.items() if not isinstance(value, np.ndarray | Mapping)
    }
