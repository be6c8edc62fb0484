"""Pictures of the report of shoppers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


def segment_bars(segments: pd.DataFrame, path: Path) -> Path:
    """Each segment's share of the shoppers, beside its share of the revenue where that is known."""
    figure, (ax,) = new_figure(1.3 + 0.45 * len(segments))
    place = np.arange(len(segments))[::-1]
    valued = segments["revenue_share"].notna().all()
    height = 0.36 if valued else 0.6
    ax.barh(
        place + (height / 2 if valued else 0),
        segments["share"],
        height,
        color=OTHERS,
        label="of the shoppers",
    )
    if valued:
        revenue = segments["revenue_share"]
        ax.barh(place - height / 2, revenue, height, color=OURS, label="of the revenue")
    ax.set_yticks(place, ["\n".join(wrapped(str(one), 26, 1)) for one in segments["segment"]])
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.xaxis.grid(True, color=FAINT)
    ax.legend(frameon=False, fontsize=9, loc="lower right")
    set_title(ax, "Shares of the segments")
    return save(figure, path)


def map_of(
    places: NDArray[np.float64], group: NDArray[np.int64], names: Sequence[str], path: Path
) -> Path:
    """A dot a shopper, coloured by cluster; clusters named beside it."""
    figure, (ax,) = new_figure(5.4, 7.6)
    for number, name in enumerate(names):
        mine = places[group == number]
        label = "\n".join(wrapped(name, 26, 2))
        color = MANY[number % len(MANY)]
        mark = "os^Dv"[number // len(MANY) % 5]
        ax.scatter(
            mine[:, 0],
            mine[:, 1],
            s=9,
            color=color,
            marker=mark,
            alpha=0.6,
            linewidths=0,
            label=label,
        )
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines["bottom"].set_visible(False)
    ax.legend(
        frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1), markerscale=2.2
    )
    set_title(ax, "Shoppers, near to those of like taste")
    return save(figure, path)


def retention(cells: pd.DataFrame, path: Path) -> Path:
    """The triangle of retention: cohorts by months after the first order."""
    names = list(dict.fromkeys(cells["cohort"]))
    months = int(cells["months"].max())
    share = np.full((len(names), months), np.nan)
    told = np.zeros(share.shape, bool)
    for row in cells.itertuples():
        share[names.index(row.cohort), row.months - 1] = row.share
        told[names.index(row.cohort), row.months - 1] = True
    figure, (ax,) = new_figure(1.5 + 0.34 * len(names), 2.4 + 0.52 * months)
    top = np.nanmax(share) if np.isfinite(share).any() else 1.0
    ax.imshow(np.ma.masked_invalid(share), cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for (i, j), value in np.ndenumerate(share):
        if told[i, j]:
            text = "few" if np.isnan(value) else f"{100 * value:.0f}"
            colour = "white" if value > 0.6 * top else INK if np.isfinite(value) else "#8a9098"
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    size = cells.groupby("cohort")["size"].first()
    ax.set_yticks(range(len(names)), [f"{one}  ({size[one]:,})" for one in names], fontsize=9)
    ax.set_xticks(range(months), [str(one + 1) for one in range(months)])
    ax.set_xlabel("months after the first order", color=INK)
    set_title(ax, "Of 100 new shoppers, how many order in a later month")
    return save(figure, path)


def gap_curves(curves: pd.DataFrame, path: Path) -> Path:
    """The share who ordered again by day, after each order, with intervals."""
    figure, (ax,) = new_figure(3.8)
    words = {1: "the first", 2: "the second", 3: "the third"}
    for number, (after, curve) in enumerate(curves.groupby("after")):
        color = (OURS, SECOND, MANY[2])[number]
        ax.step(curve["days"], curve["again"], where="post", color=color, label=words[int(after)])
        ax.fill_between(
            curve["days"].astype(float),
            curve["low"].astype(float),
            curve["high"].astype(float),
            step="post",
            color=color,
            alpha=0.15,
            linewidth=0,
        )
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.yaxis.grid(True, color=FAINT)
    ax.set_xlabel("days after an order", color=INK)
    ax.legend(frameon=False, fontsize=9, title="after order", loc="lower right")
    set_title(ax, "Share of shoppers who ordered again")
    return save(figure, path)


def came_true(deciles: Mapping[str, pd.DataFrame], path: Path) -> Path:
    """What was expected beside what happened, shoppers in ten groups by each forecast."""
    figure, (ax,) = new_figure(3.9, 5.6)
    met = [one[["expected", "happened"]].to_numpy().max() for one in deciles.values()]
    top = 1.06 * max(met, default=1.0) or 1.0
    ax.plot([0, top], [0, top], color=OTHERS, linewidth=1.2, zorder=1)
    for number, (name, table) in enumerate(deciles.items()):
        color = (OURS, SECOND)[number % 2]
        ax.plot(table["expected"], table["happened"], "o-", color=color, label=name, markersize=4.5)
    ax.set_xlabel("orders expected of a shopper", color=INK)
    ax.set_ylabel("orders that there were", color=INK)
    ax.yaxis.grid(True, color=FAINT)
    ax.legend(frameon=False, fontsize=9)
    set_title(ax, "Forecasts in the period held out")
    return save(figure, path)


def funnel_bars(table: pd.DataFrame, path: Path) -> Path:
    """Shoppers at each step."""
    figure, (ax,) = new_figure(1.2 + 0.5 * len(table))
    place = np.arange(len(table))[::-1]
    counts = table["shoppers"].fillna(0).to_numpy(np.float64)
    ax.barh(place, counts, 0.6, color=OURS)
    ax.set_yticks(place, ["\n".join(wrapped(str(one), 26, 1)) for one in table["step"]])
    for at, count in zip(place, table["shoppers"], strict=True):
        text = "few" if np.isnan(count) else f"{int(count):,}"
        ax.annotate(
            text,
            (0 if np.isnan(count) else count, at),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=INK,
        )
    ax.set_xticks([])
    ax.margins(x=0.12)
    set_title(ax, "Shoppers at each step")
    return save(figure, path)
