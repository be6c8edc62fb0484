"""Fills the labels that a catalogue lacks, where the model is sure enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfmm.data.files import replacing

#: What stands for a label where the model is not sure enough.
UNSURE = ""


def labels_for(run: Any, precision: float = 0.9, everything: bool = False) -> pd.DataFrame:
    """Labels of the items that lack one, or of all.

    The threshold is the lowest confidence from which on, among the held-out items of validation,
    a share `precision` of the answers was right; below it the model does not know, and says "".
    Items of which nothing is known that the model reads are among these.

    Args:
        run: a finished `tfmm.training.Run` of classification.
        precision: the share of given labels that should be right.
        everything: label the items that have a label too.

    Returns:
        A table with the columns `item_id`, `label` ("" for "do not know"), `probability` (of the
        most probable label) and `guess` (that label). Of tags a row for each that is given, and one
        with "" for an item that gets none.

    Raises:
        ValueError: a run of another task, or a precision that validation never reached.
    """
    if run.config.task != "classification":
        raise ValueError(
            f"{run.path} holds a run of task {run.config.task!r}, which labels nothing. Give a run "
            "of `task: classification`."
        )
    threshold = threshold_of(run.metrics["thresholds"], precision)
    model, items, several = run.model, run.data.items, run.task.labels.several
    lacking = run.task.labels.has.any(axis=1) if several else run.task.labels.labelled
    rows = np.arange(len(items)) if everything else np.flatnonzero(~lacking)
    known = model.items.present[rows].any(axis=1)
    found = model.probabilities(rows) * known[:, None]
    names = np.array(model.labels.names, object)
    best, at = found.max(axis=1, initial=0.0), found.argmax(axis=1)
    if several:
        place, tag = np.nonzero(found >= threshold)
        none = np.flatnonzero(~(found >= threshold).any(axis=1))
        order = np.argsort(np.concatenate([place, none]), kind="stable")
        given = np.concatenate([names[tag], np.full(len(none), UNSURE, object)])
        chance = np.concatenate([found[place, tag], best[none]])
        guess = np.concatenate([names[tag], names[at[none]]])
        which = np.concatenate([place, none])
        columns = (items.ids[rows[which]], given, chance, guess)
        shown = [column[order] for column in columns]
    else:
        given = np.where(best >= threshold, names[at], UNSURE)
        shown = [items.ids[rows], given, best, names[at]]
    titles = ("item_id", "label", "probability", "guess")
    return pd.DataFrame(dict(zip(titles, shown, strict=True)))


def write_labels(
    run: Any, out: str | Path, precision: float = 0.9, everything: bool = False
) -> pd.DataFrame:
    """Writes the table of `labels_for` to a Parquet file, aside and renamed into place."""
    out = Path(out)
    table = labels_for(run, precision, everything)
    with replacing(out) as aside:
        table.to_parquet(aside, index=False)
    return table


def threshold_of(thresholds: list[dict[str, float]], precision: float) -> float:
    """The threshold of the lowest precision of validation that is at least what is wanted.

    Raises:
        ValueError: there is none; the message has the highest that there is.
    """
    reached = [row for row in thresholds if row["threshold"] <= 1]
    good = [row for row in reached if row["precision"] >= precision - 1e-9]
    if not good:
        best = max((row["precision"] for row in reached), default=0.0)
        raise ValueError(
            f"`precision` {precision} is more than validation reached with any threshold: {best:g} "
            "is the most. Ask for less, or train a better model."
        )
    return min(good, key=lambda row: row["precision"])["threshold"]
