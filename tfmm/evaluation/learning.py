"""The section of a report on how training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.plots.learning import learning_curve
from tfmm.evaluation.report import Section, picture


def learning_section(
    history: Sequence[Mapping[str, Any]], metric: str, folder: Path, *, higher: bool = True
) -> list[Section]:
    """A validation metric by epoch and its best, as text and as a plot; nothing where no epoch has
    it.

    Args:
        history: a row for each epoch, with `metric`, and `epoch` and `loss` where known.
        metric: what was chosen by.
        folder: where the plot goes.
        higher: whether more of it is better.
    """
    rows = [row for row in history if metric in row]
    if not rows:
        return []
    epochs = [float(row.get("epoch", number)) for number, row in enumerate(rows, 1)]
    losses = [float(row["loss"]) for row in rows] if all("loss" in row for row in rows) else None
    values = [float(row[metric]) for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    best = (max if higher else min)(range(len(values)), key=values.__getitem__)
    drawn = learning_curve(epochs, metric, values, losses, folder / "learning.png", best)
    said = f"On validation, {metric} was best after epoch {epochs[best]:g}: {values[best]:.4f}."
    return [Section("Learning", [said, picture(drawn, "Learning curve")])]
