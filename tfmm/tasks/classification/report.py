"""The report of a classification run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.in_words import in_short, percent, verdict
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.plots import classes as class_plots
from tfmm.evaluation.report import MODEL, Section, escaped, picture, table

_TITLES = {
    "accuracy": "Accuracy",
    "top_5": "Top 5",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "micro_f1": "Micro F1",
    "exact": "All right",
    "mean_average_precision": "mAP",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
}
#: Those of which less is better.
_LOWER = ("log_loss", "calibration_error")
_NAMES = {
    "tfidf": "logistic regression on words and characters (TF-IDF)",
    "vectors": "logistic regression on frozen vectors",
    "neighbours": "nearest neighbours by frozen vectors",
}


def sections(
    metrics: Mapping[str, Any], folder: Path, history: Sequence[Mapping[str, Any]], choice: str
) -> list[Section]:
    """The sections of a report, their plots written into a folder.

    Args:
        metrics: what `metrics.json` holds.
        folder: where plots go.
        history: a row an epoch.
        choice: the validation metric that was chosen by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        *in_short(_in_words(metrics, choice)),
        _overall(metrics),
        *_levels(metrics.get("levels", {})),
    ]
    found += _modalities(metrics.get("modalities", {}), metrics.get("hidden", {}))
    if metrics.get("confusion"):
        found.append(_confusion(metrics, folder))
    found.append(_calibration(metrics, folder))
    found += learning_section(history, choice, folder)
    if metrics.get("labels"):
        rows = [
            [row["label"], row["items"], row["precision"], row["recall"], row["f1"]]
            for row in metrics["labels"]
        ]
        found.append(
            Section("Each label", [table(["", "test items", "precision", "recall", "F1"], rows)])
        )
    return found


def _overall(metrics: Mapping[str, Any]) -> Section:
    model = metrics["model"]
    shown = {MODEL: model}
    left_out = []
    for name, row in metrics.get("baselines", {}).items():
        if "left_out" in row:
            left_out.append(f"{_NAMES.get(name, name)} was left out: {escaped(row['left_out'])}")
        else:
            shown[_NAMES.get(name, name)] = row
    names = [name for name in _TITLES if name in model]
    rows = [[title, *(row.get(name) for name in names)] for title, row in shown.items()]
    counts = metrics["split"]
    said = f"{counts['test']:,} items that nothing was learned from or chosen on."
    rare = metrics.get("rare", 0)
    if rare:
        said += f" {rare:,} items were left out, whose labels too few items have."
    partial = metrics.get("partial", 0)
    if partial:
        said += f" {partial:,} items were left out, whose label is known at some levels alone."
    tables = [said, _measures(names, rows), *left_out]
    return Section("The model beside the baselines", tables)


def _measures(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    places = dict(enumerate(names, 1))
    return table(
        ["", *(_TITLES[name] for name in names)],
        rows,
        higher=[place for place, name in places.items() if name not in _LOWER],
        lower=[place for place, name in places.items() if name in _LOWER],
    )


def _in_words(metrics: Mapping[str, Any], choice: str) -> list[str]:
    """How often the model is right, beside the best of the simple ones."""
    value, items = metrics["model"][choice], metrics["split"]["test"]
    said = [
        f"The model gives the right label to {percent(value)} of {items:,} items that it had not "
        "met."
        if choice == "accuracy"
        else f"Of the labels of {items:,} items that it had not met, and of those that it gave "
        f"them, the model has {percent(value)} right (the F1 over all labels)."
    ]
    others = {n: row for n, row in metrics.get("baselines", {}).items() if choice in row}
    if others:
        best = max(others, key=lambda name: others[name][choice])
        said.append(
            f"The best of the simple ones, {_NAMES.get(best, best)}, reaches "
            f"{percent(others[best][choice])}."
        )
        compared = metrics.get("compared", {}).get(best, {}).get(choice)
        said += [verdict(compared)] if compared else []
    return said


def _levels(levels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Section]:
    """The coarser levels of a path of classes."""
    parts = []
    for feature, measured in levels.items():
        names = [name for name in _TITLES if name in measured["model"]]
        rows = [
            [MODEL if who == "model" else _NAMES.get(who, who), *(row[n] for n in names)]
            for who, row in measured.items()
        ]
        parts += [f"By {escaped(feature)}:", _measures(names, rows)]
    if not parts:
        return []
    said = "A coarse class is as probable as its fine ones together, for baselines too."
    return [Section("Coarser classes", [said, *parts])]


def _modalities(
    rows: Mapping[str, Mapping[str, float]], hidden: Mapping[str, float]
) -> list[Section]:
    if len(rows) < 2:
        return []
    cells = [[name, row["drop"], row.get("weight")] for name, row in rows.items()]
    made = table(["", "lost when masked", "weight in fusion"], cells)
    said = [
        f"{escaped(name)} is seldomer among the items of validation than of training, and was "
        f"hidden from {share:.0%} of these, so that the model does not rely on it."
        for name, share in hidden.items()
    ]
    return [Section("What the model looks at", [*said, made])]


def _confusion(metrics: Mapping[str, Any], folder: Path) -> Section:
    names = metrics["confusion"]["labels"]
    drawn = class_plots.confusion(metrics["confusion"]["items"], names, folder / "confusion.png")
    rows = [[right, taken, count] for right, taken, count in metrics["confused"]]
    parts = [picture(drawn, "What is taken for what")]
    if rows:
        parts.append(table(["is", "taken for", "items"], rows))
    return Section("What is taken for what", parts)


def _calibration(metrics: Mapping[str, Any], folder: Path) -> Section:
    drawn = class_plots.reliability(metrics["reliability"], folder / "reliability.png")
    said = (
        f"Probabilities are divided by a temperature of {metrics['temperature']:.2f}, which "
        "validation chose; the mean distance between what the model says and how often it is right "
        f"is {metrics['model']['calibration_error']:.3f}, and was "
        f"{metrics['uncalibrated']:.3f} before."
    )
    rows = [
        [row["precision"], row["threshold"] if row["threshold"] <= 1 else "none", row["share"]]
        for row in metrics["thresholds"]
        if row["precision"] in (0.8, 0.9, 0.95, 0.99)
    ]
    found = table(["right answers wanted", "threshold", "share of items answered"], rows)
    parts = [said, picture(drawn, "Confidence and how often it is right"), found]
    return Section("Calibration", parts)
