"""The report of a run over reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.in_words import in_short, percent
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.report import MODEL, Section, escaped, table

_TITLES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "auc": "AUC",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "polarity_accuracy": "Accuracy",
    "polarity_macro_f1": "Macro F1",
    "polarity_calibration_error": "Calibration error",
    "term_precision": "Precision",
    "term_recall": "Recall",
    "term_f1": "F1",
    "category_f1": "F1 of found ones",
    "category_accuracy": "Accuracy of polarity",
    "category_macro_f1": "Macro F1 of polarity",
}
_LOWER = ("log_loss", "calibration_error", "polarity_calibration_error")
_NAMES = {
    "svm": "linear SVM on words and characters",
    "majority": "the most frequent class",
}
_PARTS = {
    "How a review feels": (
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "auc",
        "log_loss",
        "calibration_error",
    ),
    "The polarity of given terms": (
        "polarity_accuracy",
        "polarity_macro_f1",
        "polarity_calibration_error",
    ),
    "Terms that are found": ("term_precision", "term_recall", "term_f1"),
    "Categories": ("category_f1", "category_accuracy", "category_macro_f1"),
}


def sections(
    metrics: Mapping[str, Any], folder: Path, history: Sequence[Mapping[str, Any]], choice: str
) -> list[Section]:
    """The sections of a report, its plots written into a folder.

    Args:
        metrics: what `metrics.json` holds.
        folder: where plots go.
        history: a row an epoch.
        choice: the validation metric that was chosen by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = {MODEL: metrics["model"], "the network alone": metrics["network"]}
    shown |= {_NAMES.get(n, n): row for n, row in metrics.get("baselines", {}).items()}
    found = [*in_short(_in_words(metrics))]
    for title, names in _PARTS.items():
        there = [name for name in names if name in metrics["model"]]
        if there:
            found.append(Section(title, [_measures(there, shown)]))
    found.append(_about(metrics))
    return [*found, *learning_section(history, choice, folder)]


def _measures(names: Sequence[str], shown: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [who, *(row.get(name) for name in names)]
        for who, row in shown.items()
        if any(name in row for name in names)
    ]
    places = dict(enumerate(names, 1))
    return table(
        ["", *(_TITLES[name] for name in names)],
        rows,
        higher=[place for place, name in places.items() if name not in _LOWER],
        lower=[place for place, name in places.items() if name in _LOWER],
    )


def _in_words(metrics: Mapping[str, Any]) -> list[str]:
    model, count = metrics["model"], metrics["split"]["test"]
    simple = metrics.get("baselines", {}).get("svm", {})
    said = []
    for name, what in (
        ("accuracy", "The class is right for {} of {:,} reviews that the model had not met"),
        ("polarity_accuracy", "Of the terms of {1:,} such reviews, the polarity of {0} is right"),
    ):
        if name in model:
            beside = f"; a linear SVM reaches {percent(simple[name])}" if name in simple else ""
            said.append(what.format(percent(model[name]), count) + beside + ".")
    if "term_f1" in model:
        said.append(f"Terms are found with an F1 of {percent(model['term_f1'])}.")
    return said


def _about(metrics: Mapping[str, Any]) -> Section:
    counts = metrics["split"]
    said = [f"{counts['test']:,} reviews were tested on, of which no copy was learned from."]
    for name, mix in metrics["mix"].items():
        line = f"Logits of {name} are divided by a temperature of {mix['temperature']:.2f}"
        if mix["share"]:
            line += f", after {mix['share']:.2f} times the margins of the linear part were added"
        said.append(line + "; validation chose this.")
    labels = metrics["labels"]
    for name, what in (("sentiment", "Classes"), ("polarities", "Polarities")):
        if labels[name]:
            said.append(f"{what}: {escaped(', '.join(labels[name]))}.")
    if metrics["rare"]:
        said.append(f"{metrics['rare']:,} ratings say none of the classes and were left out.")
    if metrics["cut"]:
        said.append(f"{metrics['cut']:,} terms stand behind the last token that is read.")
    return Section("How it was measured", said)
