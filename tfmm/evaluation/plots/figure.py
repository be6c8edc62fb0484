"""A figure as all plots begin and end: its looks, its fonts, its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfmm.evaluation.plots.fonts import fit_fonts

OURS = "#1f6f8b"
OTHERS = "#b8c0c8"
SECOND = "#e07a3f"
INK = "#2b2f33"
FAINT = "#e6e8ea"
MANY = ("#1f6f8b", "#e07a3f", "#7a9e4b", "#8a6fb0", "#d3a625", "#5aa5a0", "#b05a6f", "#6b7785")


def new_figure(height: float, width: float = 7.2, columns: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for ax in axes:
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color("#9aa1a8")
        ax.tick_params(colors=INK, length=0, labelsize=10)
        ax.set_axisbelow(True)
    return figure, axes


def lines(ax: Axes, places: Any, series: Mapping[str, Sequence[float]]) -> None:
    """A thin line for each series, one colour and mark each, over a faint grid."""
    for number, (name, values) in enumerate(series.items()):
        color, style = MANY[1 + number % (len(MANY) - 1)], ("-", "--")[number // 7 % 2]
        ax.plot(places, values, style, color=color, linewidth=1.3, marker=".", label=name)
    ax.yaxis.grid(True, color=FAINT)


def set_title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)


def save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fit_fonts(figure)
    figure.savefig(path, dpi=144, bbox_inches="tight", pad_inches=0.15)
    return path
