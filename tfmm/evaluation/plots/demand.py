"""Plots of forecasts: what sold, what was forecast, and between what it was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.evaluation.plots.figure import INK, OTHERS, OURS, SECOND, new_figure, save, set_title
from tfmm.evaluation.plots.fonts import wrapped


def forecasts(series: Sequence[Mapping[str, Any]], what: str, path: Path) -> Path:
    """A panel for each series: what sold before and after the origin, the forecast and its 80 %
    interval.

    Args:
        series: `id`, `periods` `[n]`, `actual` `[n]`, `origin`, and `mean`, `low`, `high` `[H]`.
        what: is counted, the title of the vertical axis.
        path: of the picture.
    """
    figure, axes = new_figure(2.7 * -(-len(series) // 2), 11, columns=1)
    figure.delaxes(axes[0])
    grid = figure.add_gridspec(-(-len(series) // 2), 2)
    for number, one in enumerate(series):
        ax = figure.add_subplot(grid[number // 2, number % 2])
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(colors=INK, length=0, labelsize=8)
        ax.yaxis.grid(True, color="#e6e8ea")
        at = np.arange(len(one["actual"]))
        ahead = one["origin"] + np.arange(len(one["mean"]))
        ax.plot(at, one["actual"], color=INK, linewidth=1.2, marker=".", label="sold")
        ax.fill_between(ahead, one["low"], one["high"], color=OTHERS, alpha=0.7, label="80 %")
        ax.plot(ahead, one["mean"], color=OURS, linewidth=2.2, marker="o", ms=4, label="forecast")
        ax.axvline(one["origin"] - 0.5, color=SECOND, linewidth=1, linestyle="--")
        ticks = np.unique(np.linspace(0, len(at) - 1, 4).round().astype(int))
        ax.set_xticks(ticks, [one["periods"][tick] for tick in ticks])
        ax.set_ylim(bottom=0)
        ax.set_ylabel(what, fontsize=8, color=INK)
        set_title(ax, " ".join(wrapped(str(one["id"]), 40, 1)))
        if not number:
            ax.legend(frameon=False, fontsize=8, loc="upper left")
    return save(figure, path)


def quantiles(levels: Sequence[Mapping[str, float]], path: Path) -> Path:
    """How often sales were below a quantile, and not above it, beside its level.

    Args:
        levels: `level`, `below` and `up to`, shares.
        path: of the picture.
    """
    figure, (ax,) = new_figure(4.2, 5.4)
    at = [row["level"] for row in levels]
    ax.plot([0, 1], [0, 1], color=OTHERS, linewidth=1)
    low, high = [row["below"] for row in levels], [row["up to"] for row in levels]
    ax.fill_between(at, low, high, color=OURS, alpha=0.25)
    ax.plot(at, low, color=OURS, marker=".", label="below it")
    ax.plot(at, high, color=SECOND, marker=".", label="not above it")
    ax.set_xlabel("level of the quantile", fontsize=10, color=INK)
    ax.set_ylabel("share of sales", fontsize=10, color=INK)
    ax.legend(frameon=False, fontsize=9)
    set_title(ax, "The diagonal lies between the two where quantiles are right")
    return save(figure, path)
