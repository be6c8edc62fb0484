"""The plot of how training went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from tfmm.evaluation.plots.figure import FAINT, INK, OURS, SECOND, new_figure, save, set_title


def learning_curve(
    epochs: Sequence[float],
    metric: str,
    values: Sequence[float],
    losses: Sequence[float] | None,
    path: Path,
    best: int,
) -> Path:
    """A validation metric by epoch, its best one marked, beside the training loss if there is
    one."""
    alone = losses is None
    figure, axes = new_figure(3.4, columns=1 if alone else 2, width=7.2 if alone else 9)
    ax = axes[0]
    ax.plot(epochs, values, color=OURS, marker="o", markersize=4.5, linewidth=1.8)
    ax.plot(epochs[best], values[best], "o", markersize=9, color=SECOND, zorder=3)
    ax.annotate(
        f"best {values[best]:.4f}",
        (epochs[best], values[best]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="center",
        color=SECOND,
        fontsize=10,
    )
    set_title(ax, f"{metric} on validation")
    if losses is not None:
        axes[1].plot(epochs, losses, color=INK, marker="o", markersize=4.5, linewidth=1.8)
        set_title(axes[1], "Training loss")
    for ax in axes:
        ax.set_xlabel("epoch", fontsize=10, color=INK)
        ax.yaxis.grid(True, color=FAINT)
        ax.margins(x=0.06, y=0.18)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return save(figure, path)
