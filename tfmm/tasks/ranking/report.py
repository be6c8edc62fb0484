"""The report of a ranking run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.data.names import input_name
from tfmm.evaluation.in_words import in_short, verdict
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.plots import classes as plots
from tfmm.evaluation.report import MODEL, Section, escaped, picture, table
from tfmm.tasks.base import Metric
from tfmm.tasks.ranking.reading.labels import Label

_TITLES = {
    "auc": "AUC",
    "auc_within": "AUC within shoppers",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "rmse": "RMSE",
    "mae": "MAE",
    "ndcg@10": "NDCG@10",
}
#: Those of which less is better.
_LOWER = ("log_loss", "calibration_error", "rmse", "mae")
_NAMES = {
    "mean": "the mean of all",
    "biases": "means of users and items",
    "user_knn": "nearest users",
    "item_knn": "nearest items",
    "svd": "SVD",
    "svdpp": "SVD++",
    "content": "a linear model of content alone",
    "hybrid": "users, items and content, weighed",
    "rates": "rates of users and items",
    "logistic": "a linear model of all columns",
    "boosted": "LightGBM on the same columns",
}


def sections(
    metrics: Mapping[str, Any],
    learned: tuple[Sequence[Mapping[str, Any]], str],
    folder: Path,
    labels: Sequence[Label],
    choice: Metric,
) -> list[Section]:
    """The sections of a report, their plots written into a folder.

    Args:
        metrics: what `metrics.json` holds.
        learned: a row an epoch, and what validation chose by.
        folder: where plots go.
        labels: what was learned.
        choice: what the test tells of the first label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [*in_short(_in_words(metrics, labels[0], choice))]
    if metrics["suspects"]:
        found.append(Section("Columns to look at", [escaped(one) for one in metrics["suspects"]]))
    found += [_beside(metrics, label) for label in labels]
    found += [_reliable(metrics, label, folder) for label in labels if not label.numeric]
    return found + learning_section(*learned, folder)


def _in_words(metrics: Mapping[str, Any], label: Label, choice: Metric) -> list[str]:
    value, counts = metrics["model"][choice.name], metrics["counts"][label.name]
    name = choice.name.removeprefix(f"{label.name} ")
    said = [
        {
            "auc": f"Of two examples, one with {label.name} and one without, the model puts the "
            f"right one first in {value:.1%} of cases (AUC).",
            "rmse": f"The model's {label.name} is off by {value:.3f} (root of the mean square).",
        }.get(name, f"The model reaches {_TITLES[name]} {value:.3f} of {label.name}.")
        + f" That is on {counts['examples']:,} examples that it had not met."
    ]
    others = {n: row for n, row in metrics["baselines"].items() if choice.name in row}
    if others:
        pick = max if choice.higher_is_better else min
        best = pick(others, key=lambda one: others[one][choice.name])
        said.append(
            f"The best of the simple ones, {_NAMES.get(best, best)}, reaches "
            f"{others[best][choice.name]:.3f}."
        )
        between = metrics["compared"].get(label.name, {}).get(best, {})
        metric = next(iter(between), None)
        if metric is not None:
            lower = metric in _LOWER
            said.append(f"{_TITLES[metric]}: {verdict(_turned(between[metric], lower))}")
    return said


def _turned(row: Mapping[str, float], lower: bool) -> dict[str, float]:
    """A difference, above 0 where the model is better."""
    if not lower:
        return dict(row)
    return {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}


def _beside(metrics: Mapping[str, Any], label: Label) -> Section:
    names = [name for name in _TITLES if f"{label.name} {name}" in metrics["model"]]
    first: dict[str, Any] = next(iter(metrics["compared"].get(label.name, {}).values()), {})
    rows, left_out = [], []
    for who, row in {MODEL: metrics["model"], **metrics["baselines"]}.items():
        title = _NAMES.get(who, who)
        if "left_out" in row:
            left_out.append(f"{title} was left out: {escaped(row['left_out'])}")
        elif any(f"{label.name} {name}" in row for name in names):
            between = metrics["compared"].get(label.name, {}).get(who, {})
            told = [_interval(between.get(metric)) for metric in first]
            rows.append([title, *(row.get(f"{label.name} {name}") for name in names), *told])
    titles = ["", *(_TITLES[name] for name in names)]
    made = table(
        [*titles, *(f"the model's {_TITLES[metric]} less it" for metric in first)],
        rows,
        higher=[place for place, name in enumerate(names, 1) if name not in _LOWER],
        lower=[place for place, name in enumerate(names, 1) if name in _LOWER],
    )
    counts = metrics["counts"][label.name]
    said = f"{counts['examples']:,} examples of {counts['groups']:,} shoppers"
    if "positives" in counts:
        said += f", {counts['positives']:,} of them with {escaped(label.name)}"
        said += f"; {counts['groups_with_both']:,} shoppers have both, and are what AUC within "
        said += "shoppers is over"
    if counts["missing"]:
        said += f". {counts['missing']:,} more do not say it"
    between = "Between brackets: where 95 of 100 draws of shoppers lie." if first else ""
    parts = [f"{said}. {between}".strip(), made, *left_out]
    return Section(f"{escaped(label.name)}: the model beside the baselines", parts)


def _interval(row: Mapping[str, float] | None) -> str:
    if row is None:
        return ""
    return f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"


def _reliable(metrics: Mapping[str, Any], label: Label, folder: Path) -> Section:
    file = folder / f"reliability_{input_name(label.name)}.png"
    drawn = plots.reliability(metrics["reliability"][label.name], file, label=label.name)
    error = metrics["model"][f"{label.name} calibration_error"]
    said = (
        f"The mean distance between the probability of {escaped(label.name)} that the model says "
        f"and how often it came is {error:.3f}."
    )
    return Section(f"{escaped(label.name)}: calibration", [said, picture(drawn, "Reliability")])
