"""The report of a run of dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.in_words import in_short, percent, verdict
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.plots import classes as class_plots
from tfmm.evaluation.report import MODEL, Section, picture, table

_TITLES = {
    "accuracy": "Accuracy",
    "top_5": "Top 5",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "scope_auc": "Out of scope, AUC",
    "scope_aupr": "Out of scope, AUPR",
    "scope_calibration_error": "Out of scope, calibration error",
    "span_f1": "Slots, F1",
    "span_precision": "Slots, precision",
    "span_recall": "Slots, recall",
}
_NAMES = {
    "majority": "the most frequent intent",
    "svm": "linear SVM on words and characters (TF-IDF)",
    "dictionary": "the slot values of training",
}
#: Intents that the report lists, those with the lowest F1.
_MOST = 20


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
    shown = {MODEL: metrics["model"]} | {
        _NAMES[name]: row for name, row in metrics["baselines"].items()
    }
    groups = [
        ("Intents", ["accuracy", "top_5", "macro_f1", "log_loss", "calibration_error"]),
        ("Out of scope", ["scope_auc", "scope_aupr", "scope_calibration_error"]),
        ("Slots", ["span_f1", "span_precision", "span_recall"]),
    ]
    found = [*in_short(_in_words(metrics))]
    for title, names in groups:
        there = [name for name in names if name in metrics["model"]]
        rows = [
            [who, *(row.get(name) for name in there)]
            for who, row in shown.items()
            if set(there) & set(row)
        ]
        if there:
            found.append(Section(title, [table(["", *(_TITLES[n] for n in there)], rows)]))
    found += learning_section(history, choice, folder)
    if "reliability" in metrics:
        drawn = class_plots.reliability(metrics["reliability"], folder / "reliability.png")
        said = (
            "How often the first intent is right, by the probability that is said of it; the "
            f"logits are divided by a temperature of {metrics['temperature']:.2f}, which "
            "validation chose."
        )
        found.append(Section("Calibration", [said, picture(drawn, "Said and right")]))
    header = ["precision", "recall", "F1"]
    if "intents" in metrics:
        worst = sorted(metrics["intents"], key=lambda row: row["f1"])[:_MOST]
        rows = [[r["intent"], r["items"], r["precision"], r["recall"], r["f1"]] for r in worst]
        title = (
            "The intents that are told worst" if len(metrics["intents"]) > _MOST else "Each intent"
        )
        found.append(Section(title, [table(["intent", "queries", *header], rows)]))
    if "slots" in metrics:
        rows = [
            [r["slot"], r["spans"], r["precision"], r["recall"], r["f1"]] for r in metrics["slots"]
        ]
        found.append(Section("Each slot", [table(["slot", "spans", *header], rows)]))
    return found


def _in_words(metrics: Mapping[str, Any]) -> list[str]:
    model, others = metrics["model"], metrics["baselines"]
    said = []
    if "accuracy" in model:
        said.append(
            f"The model tells what is wanted right for {percent(model['accuracy'])} of queries "
            "that it had not met."
        )
        if "svm" in others:
            said.append(
                f"A linear machine on words and characters reaches "
                f"{percent(others['svm']['accuracy'])}."
            )
        said += [verdict(metrics["compared"])] if "compared" in metrics else []
    if "scope_auc" in model:
        said.append(
            "Of a query that is in scope and one that is not, the model finds the second less "
            f"likely to be in scope in {percent(model['scope_auc'])} of pairs."
        )
    if "span_f1" in model:
        said.append(
            f"Of the words that say what is wanted, it finds {percent(model['span_recall'])}, and "
            f"{percent(model['span_precision'])} of what it finds is right to the letter."
        )
    return said
