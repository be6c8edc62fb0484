"""Columns that tell a label almost alone: what is probably known only afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfmm.data.columns import CategoryColumn, Column, NumberColumn
from tfmm.evaluation.labels import auc
from tfmm.tasks.ranking.reading.labels import Label

#: From this AUC on, or this correlation with a number.
ALMOST = 0.98
#: Values of a category past which its means would be those of single examples.
_MANY = 1_000


def suspects(
    context: Mapping[str, Column],
    labels: Sequence[Label],
    values: NDArray[np.float32],
    events: NDArray[np.int64],
) -> list[str]:
    """A line for each column of the context and label that go together almost wholly.

    Args:
        context: features of the events.
        labels: what is learned.
        values: of all events, float32 `[m, L]`, NaN where unknown.
        events: those that are looked at.
    """
    found = []
    for name, column in context.items():
        for at, label in enumerate(labels):
            true = values[events, at]
            rows = events[np.isfinite(true)]
            true = values[rows, at].astype(np.float64)
            said = _alone(column, rows, true)
            if said is None or len(np.unique(true)) < 2:
                continue
            if label.numeric:
                spread = said.std() > 0
                told = abs(float(np.corrcoef(said, true)[0, 1])) if spread else 0.0
                what = f"correlation {told:.3f}"
            else:
                told = auc(said, true)
                told = max(told, 1 - told)
                what = f"AUC {told:.3f}"
            if told >= ALMOST:
                found.append(
                    f"`context.{name}` tells {label.name} almost alone ({what}). If it is known "
                    "only after the event, mark it `after: true` in the shop file."
                )
    return found


def _alone(
    column: Column, rows: NDArray[np.int64], true: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """What the column says of a label, as a number: itself, or its category's mean."""
    if isinstance(column, NumberColumn):
        said = np.asarray(column.values, np.float64)[rows]
        known = np.isfinite(said)
        return np.where(known, said, said[known].mean() if known.any() else 0.0)
    if isinstance(column, CategoryColumn) and len(column.vocabulary) <= _MANY:
        code = column.codes[rows] + 1
        counts = np.bincount(code, minlength=len(column.vocabulary) + 1)
        return (np.bincount(code, true, len(counts)) / np.maximum(counts, 1))[code]
    return None
