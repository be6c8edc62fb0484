"""Plots of labels: what is taken for what, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tfmm.evaluation.plots.figure import INK, OTHERS, OURS, new_figure, save, set_title
from tfmm.evaluation.plots.fonts import wrapped

#: Labels that a picture shows: more could not be read.
_MOST = 24


def confusion(items: ArrayLike, names: Sequence[str], path: Path) -> Path:
    """The shares of each label's items that are taken for each, the most confused labels first.

    Args:
        items: int `[C, C]`, items of label i taken for label j.
        names: of the labels.
        path: of the picture.
    """
    matrix = np.asarray(items, np.float64)
    shown = np.arange(len(names))
    what = "Share of a label's items (rows) taken for a label"
    if len(names) > _MOST:
        off = matrix - np.diag(np.diag(matrix))
        most = off.sum(axis=0) + off.sum(axis=1)
        shown = np.sort(np.argsort(-most, kind="stable")[:_MOST])
        what += f"; the {_MOST} of {len(names)} most confused"
    counts = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, counts, out=np.zeros_like(matrix), where=counts > 0)
    share = share[np.ix_(shown, shown)]
    side = 2.6 + 0.34 * len(shown)
    figure, (ax,) = new_figure(side, side + 0.6)
    ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    labels = ["\n".join(wrapped(str(names[int(i)]), 24, 1)) for i in shown]
    ax.set_xticks(range(len(shown)), labels, rotation=60, ha="right", fontsize=8)
    ax.set_yticks(range(len(shown)), labels, fontsize=8)
    if len(shown) <= 30:
        for (i, j), value in np.ndenumerate(share):
            if value >= 0.005:
                colour = "white" if value > 0.55 else INK
                ax.text(
                    j,
                    i,
                    f"{value:.2f}"[1:] if value < 1 else "1",
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color=colour,
                )
    set_title(ax, what)
    return save(figure, path)


def reliability(rows: Sequence[Mapping[str, float]], path: Path, *, label: str = "") -> Path:
    """How often the model is right, by how sure it is; `rows` of `classes.reliability`.

    Args:
        rows: of the bins.
        path: of the picture.
        label: where it is one label's probability that is shown, that label.
    """
    figure, (ax,) = new_figure(3.6, 5.2)
    ax.plot([0, 1], [0, 1], color=OTHERS, linewidth=1.2, zorder=1)
    sizes = np.array([row["items"] for row in rows], float)
    ax.scatter(
        [row["confidence"] for row in rows],
        [row["right"] for row in rows],
        s=20 + 180 * np.sqrt(sizes / max(sizes.max(initial=1.0), 1.0)),
        color=OURS,
        zorder=2,
        alpha=0.85,
    )
    met = [row[name] for row in rows for name in ("confidence", "right")]
    # A rare label has its dots in the corner, unless the axes end where it does.
    top = max(met, default=1.0) if label else 1.0
    ax.set_xlim(0, 1.05 * (top or 1.0))
    ax.set_ylim(0, 1.08 * (top or 1.0))
    ax.set_xlabel("what the model says", color=INK)
    ax.set_ylabel("how often it is so" if label else "how often it is right", color=INK)
    shown = "\n".join(wrapped(label, 24, 1))
    set_title(
        ax, f"Probabilities of {shown}" if label else "Probabilities, by how sure the model is"
    )
    return save(figure, path)
