"""What a second stage is worth: retrieval alone beside retrieval and ranking, on one test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfmm.data.files import write_text
from tfmm.evaluation import evaluate
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.report import Section, table, write_report
from tfmm.tasks.ranking.answers.signatures import Served
from tfmm.tasks.ranking.retrieved.finder import best_of
from tfmm.tasks.ranking.retrieved.stage import judged, measured
from tfmm.training.run import Run, load_run

#: Items that a ranker alone puts in order; of more it is not asked.
ALONE = 2_000
NAMES = {
    "retrieval": "retrieval alone",
    "two_stages": "retrieval, then the ranker",
    "ranker": "the ranker alone, of all items",
}


def evaluate_two_stages(
    retrieval: str | Path,
    ranking: str | Path,
    *,
    candidates: int = 200,
    ks: Sequence[int] = (10, 20),
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measures retrieval alone and what a ranker makes of its candidates, on the retrieval run's
    test part: the same shoppers, and what they had left out unless the run asks for it again.

    The ranker judges by the graph that an export serves, by what was known when the test began.
    Written to `two_stages.json` and `two_stages.md` in the ranking run's folder.

    Args:
        retrieval: folder of a run of retrieval that parts by time.
        ranking: folder of a run of ranking of the same shop.
        candidates: items of each shopper that the ranker puts in order.
        ks: list lengths.
        say: takes lines of progress.

    Returns:
        `retrieval`, `two_stages` and, of small catalogues, `ranker`: the metrics of each;
        `compared`: by metric how much better two stages are, with the interval of a paired
        bootstrap over shoppers; `within`: the share of what was taken that is among the
        candidates; `users`, `candidates`.

    Raises:
        ValueError: runs of other tasks or shops, or one that has met the test.
    """
    first, second = load_run(retrieval), load_run(ranking)
    _check(first, second, candidates, ks)
    made = first.task.parts.split
    truth, seen, repeats = made.test, made.final_train(), made.repeats
    users = np.unique(truth.user)
    again: dict[str, Any] = {"seen": seen, "ks": ks, "repeats": repeats, "per_user": True}
    say(f"Finding {candidates:,} candidates for each of {len(users):,} shoppers.")
    lists = best_of(first.model, seen, candidates, repeats, users)
    items = first.model.item_vectors()
    found = {
        "retrieval": evaluate((first.model.user_vectors(seen, items=items), items), truth, **again)
    }
    builder = second.task.builder
    by, names = second.config.serve.by, [label.name for label in builder.labels]
    order = 0 if by is None else names.index(by)
    served = Served(second.model, second.model.reader, second.data, builder.context, order)
    begin = int(truth.time.min()) // 1_000_000
    say("Putting them in order.")
    scores = judged(served, users, lists, begin)
    found["two_stages"] = measured(users, lists, scores, truth, seen, ks, repeats)
    if len(first.data.items) <= ALONE:
        every = np.tile(np.arange(len(first.data.items), dtype=np.int32), (len(users), 1))
        scores = judged(served, users, every, begin)
        found["ranker"] = measured(users, every, scores, truth, seen, ks, repeats)
    result: dict[str, Any] = {
        name: {metric: one["model"][metric] for metric in _metrics(ks)}
        for name, one in found.items()
    }
    result["compared"] = {
        metric: dict(zip(("difference", "low", "high"), values, strict=True))
        for metric in _metrics(ks)
        for values in [
            paired_bootstrap(*(found[n]["per_user"][metric] for n in ("two_stages", "retrieval")))
        ]
    }
    result |= {
        "within": _within(users, lists, truth),
        "users": len(users),
        "candidates": candidates,
        "runs": {"retrieval": str(retrieval), "ranking": str(ranking)},
    }
    write_text(Path(ranking) / "two_stages.json", json.dumps(result, indent=1))
    write_report(Path(ranking) / "two_stages.md", [section(result)], {})
    return result


def section(result: Mapping[str, Any]) -> Section:
    """What `evaluate_two_stages` found, for people."""
    metrics = list(result["compared"])
    rows = [[NAMES[n], *(result[n][m] for m in metrics)] for n in NAMES if n in result]
    parts = [
        about(result),
        table(["", *metrics], rows, higher=range(1, len(metrics) + 1)),
        *(f"{metric}: {in_words(result, metric)}" for metric in metrics),
    ]
    if "ranker" not in result:
        parts.append(f"The ranker alone is asked where there are {ALONE:,} items at most.")
    return Section("Two stages beside retrieval alone", parts)


def about(result: Mapping[str, Any]) -> str:
    """Whom it was measured on, and what any order of the candidates can reach."""
    return (
        f"{result['users']:,} shoppers; {result['within']:.1%} of what they took is among "
        f"{result['candidates']:,} candidates."
    )


def in_words(result: Mapping[str, Any], metric: str) -> str:
    """By how much two stages are better, with the interval."""
    row, base = result["compared"][metric], result["retrieval"][metric]
    share = f" ({row['difference'] / base:+.1%})" if base else ""
    return (
        f"two stages are {row['difference']:+.4f}{share} of retrieval alone, 95 of 100 draws of "
        f"shoppers between {row['low']:+.4f} and {row['high']:+.4f}."
    )


def _metrics(ks: Sequence[int]) -> list[str]:
    return [f"{name}@{k}" for name in ("recall", "ndcg") for k in sorted(set(ks))]


def _within(users: np.ndarray, lists: np.ndarray, truth: Any) -> float:
    """The mean share of what shoppers took that lists hold."""
    place = np.searchsorted(users, truth.user)
    found = pd.Series((lists[place] == truth.item[:, None]).any(axis=1))
    return float(found.groupby(truth.user).mean().mean())


def _check(first: Run, second: Run, candidates: int, ks: Sequence[int]) -> None:
    for run, task in ((first, "retrieval"), (second, "ranking")):
        if run.task.name != task:
            raise ValueError(
                f"{run.path} holds a run of task {run.task.name!r}; expected one of {task!r}."
            )
    if candidates < max(ks):
        raise ValueError(
            f"`candidates` must be {max(ks)} at least, the longest list, got {candidates}."
        )
    for name in ("items", "users"):
        ids = [getattr(run.data, name).ids for run in (first, second)]
        if not np.array_equal(*ids):
            raise ValueError(
                f"{first.path} and {second.path} are of different shops: they have "
                f"{len(ids[0]):,} and {len(ids[1]):,} {name}, not the same ones. Train both on one "
                "shop file."
            )
    made = first.task.parts.split
    if made.by != "time":
        raise ValueError(
            f"{first.path} parts events by {made.by!r}, so that a ranker has met a part of its "
            "test. Train it with `split: {by: time}`."
        )
    time = second.task.builder.shown.time
    learned = second.model.reader.sources
    latest = time[learned].max() if time is not None and len(learned) else None
    if latest is None or latest >= made.test.time.min():
        raise ValueError(
            f"{second.path} has met a part of the test of {first.path}, which begins "
            f"{_iso(made.test.time.min())}: it learned from events until {_iso(latest)}. Train it "
            "with `vectors` of that run, or with `split: {by: time}` and an earlier `test`."
        )


def _iso(time: Any) -> str:
    if time is None:
        return "of no known time"
    return np.datetime_as_string(np.datetime64(int(time), "us"), unit="s")
