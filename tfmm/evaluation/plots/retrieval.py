"""Plots of what is ranked: models beside baselines, by popularity, and what they look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from tfmm.data.media.images import ImageDecodeError, thumbnail
from tfmm.evaluation.plots.figure import (
    FAINT,
    INK,
    MANY,
    OTHERS,
    OURS,
    SECOND,
    new_figure,
    save,
    set_title,
)
from tfmm.evaluation.plots.fonts import wrapped


def _short(count: int) -> str:
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)


def _bars(ax: Axes, values: Mapping[str, float], colours: Sequence[str], form: str) -> None:
    """Horizontal bars, the first on top, each with its value."""
    names = list(values)[::-1]
    numbers = [values[name] for name in names]
    bars = ax.barh(names, numbers, color=list(colours)[::-1], height=0.66)
    ax.bar_label(bars, labels=[format(v, form) for v in numbers], padding=4, fontsize=10, color=INK)
    ax.xaxis.grid(True, color=FAINT)
    low, high = min(0.0, *numbers), max(0.0, *numbers)
    room = 0.16 * ((high - low) or 1.0)
    # A negative bar's value stands left of it, where the names would be.
    ax.set_xlim(low - (1.4 * room if low < 0 else 0), high + room)
    ax.xaxis.set_major_locator(MaxNLocator(6))


def compare(values: Mapping[str, float], metric: str, title: str, path: Path) -> Path:
    """One metric of the model, which comes first, and of the baselines, as bars."""
    figure, (ax,) = new_figure(1.25 + 0.42 * len(values))
    _bars(ax, values, [OURS] + [OTHERS] * (len(values) - 1), ".4f")
    set_title(ax, title)
    ax.set_xlabel(f"{metric}, mean over shoppers with test items", fontsize=10, color=INK)
    return save(figure, path)


def deciles(rows: Sequence[Mapping[str, Any]], metric: str, path: Path) -> Path:
    """Recall by the training popularity of the test items, and how many test items there are."""
    figure, (ax,) = new_figure(3.6)
    places = range(len(rows))
    values = [row[metric] for row in rows]
    bars = ax.bar(places, values, color=OURS, width=0.72)
    ax.bar_label(bars, labels=[f"{v:.3f}" for v in values], padding=3, fontsize=9, color=INK)
    names = ["none" if row["decile"] == 0 else str(row["decile"]) for row in rows]
    counts = [_short(row["test_items"]) for row in rows]
    ax.set_xticks(places, [f"{n}\n({c})" for n, c in zip(names, counts, strict=True)])
    ax.yaxis.grid(True, color=FAINT)
    ax.margins(y=0.14)
    ax.set_xlabel(
        "tenth of the items by training popularity, 10 the most popular (test items in it)",
        fontsize=10,
        color=INK,
    )
    ax.set_ylabel(metric, fontsize=10, color=INK)
    set_title(ax, f"{metric} by popularity of the test item")
    return save(figure, path)


def modalities(rows: Mapping[str, Mapping[str, float]], path: Path) -> Path:
    """What masking each modality costs, and the weights that fusion gave, where it has some."""
    drops = {name: row["recall_drop"] for name, row in rows.items() if "recall_drop" in row}
    weights = {name: row["weight"] for name, row in rows.items() if "weight" in row}
    shown = [values for values in (drops, weights) if values]
    figure, axes = new_figure(
        1.5 + 0.42 * len(rows), columns=len(shown), width=7.2 if len(shown) == 1 else 10
    )
    for ax, values in zip(axes, shown, strict=True):
        if values is drops:
            _bars(ax, values, [SECOND if v > 0 else OTHERS for v in values.values()], "+.4f")
            ax.axvline(0, color="#9aa1a8", linewidth=0.8)
            set_title(ax, "Recall lost without it")
            ax.set_xlabel("drop of recall@20 when masked", fontsize=10, color=INK)
        else:
            _bars(ax, values, [OURS] * len(values), ".2f")
            set_title(ax, "Weight in fusion")
            ax.set_xlabel("mean weight over the items", fontsize=10, color=INK)
    return save(figure, path)


def looked_at(
    parts: Mapping[str, Sequence[Mapping[str, Any]]], pictures: Mapping[str, Path], path: Path
) -> Path:
    """The weight that each feature of single items has in fusion: a bar an item, its picture left.

    Args:
        parts: `warm` and `cold`, each a list of `{item, title, weights}`.
        pictures: image file by item id; one that does not decode is left out.
        path: of the plot.
    """
    rows = max(len(part) for part in parts.values())
    figure, axes = new_figure(1.5 + 0.62 * rows, columns=len(parts), width=7.2 * len(parts))
    names = list(
        dict.fromkeys(n for part in parts.values() for row in part for n in row["weights"])
    )
    for ax, (part, items) in zip(axes, parts.items(), strict=True):
        for place, row in enumerate(items):
            start = 0.0
            for number, name in enumerate(names):
                weight = row["weights"].get(name, 0.0)
                ax.barh(place, weight, 0.62, left=start, color=MANY[number % len(MANY)])
                if weight >= 0.07:
                    _inside(ax, start + weight / 2, place, f"{weight:.2f}")
                start += weight
            _thumbnail(ax, place, pictures.get(row["item"]))
        titles = ["\n".join(wrapped(row["title"], 30, 2)) for row in items]
        ax.set_yticks(range(len(items)), titles)
        ax.tick_params(axis="y", pad=40 if pictures else 4, labelsize=9)
        ax.set_ylim(rows - 0.5, -0.5)
        ax.set_xlim(0, 1)
        set_title(ax, {"warm": "Warm items", "cold": "Cold items"}.get(part, part))
        ax.set_xlabel("weight in fusion", fontsize=10, color=INK)
    bars = [Patch(color=MANY[number % len(MANY)]) for number in range(len(names))]
    figure.legend(
        bars,
        names,
        loc="outside upper center",
        ncols=min(8, len(names)),
        frameon=False,
        fontsize=10,
    )
    return save(figure, path)


def _inside(ax: Axes, x: float, y: float, text: str) -> None:
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color="white")


def _thumbnail(ax: Axes, place: int, picture: Path | None) -> None:
    """The item's picture, between its name and its bar."""
    if picture is None:
        return
    try:
        pixels = thumbnail(picture, (72, 72))
    except ImageDecodeError:
        return
    ax.add_artist(
        AnnotationBbox(
            OffsetImage(pixels, zoom=0.42),
            (0, place),
            xybox=(-20, 0),
            xycoords="data",
            boxcoords="offset points",
            frameon=False,
        )
    )
