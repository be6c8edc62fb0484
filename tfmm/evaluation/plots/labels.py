"""The plot of ratings: what was said of those that came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.plots.figure import FAINT, INK, OTHERS, OURS, new_figure, save, set_title

#: Different ratings that have a box each; of more, bins of equal counts have.
_MOST = 12


def predicted_ratings(said: NDArray[np.floating], true: NDArray[np.floating], path: Path) -> Path:
    """What is said of examples, by their true rating: the middle half as a box, 90 % as a line.

    Args:
        said: predictions `[n]`.
        true: ratings `[n]`; examples without one, NaN, are left out.
        path: of the picture.
    """
    said, true = np.asarray(said, np.float64), np.asarray(true, np.float64)
    there = ~np.isnan(true)
    said, true = said[there], true[there]
    places = np.unique(true)
    if len(places) > _MOST:
        edges = np.unique(np.quantile(true, np.linspace(0, 1, _MOST + 1)))
        bins = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, len(edges) - 2)
    else:
        bins = np.searchsorted(places, true)
    figure, (ax,) = new_figure(3.8, 5.6)
    shown = [(float(true[bins == one].mean()), said[bins == one]) for one in np.unique(bins)]
    ends = [shown[0][0], shown[-1][0]] if shown else [0.0, 1.0]
    ax.plot(ends, ends, color=OTHERS, linewidth=1.2, zorder=1)
    gaps = np.diff([place for place, _ in shown])
    width = 0.6 * (gaps.min() if len(gaps) else 1.0)
    for place, values in shown:
        low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        ax.vlines(place, low, high, color=OURS, linewidth=1.4, zorder=2)
        ax.bar(place, third - first, width, first, color=OURS, alpha=0.75, zorder=3)
        ax.hlines(middle, place - width / 2, place + width / 2, color="white", zorder=4)
    ax.yaxis.grid(True, color=FAINT)
    ax.margins(y=0.1)
    what = "true rating, in bins of as many examples each"
    if len(places) <= _MOST:
        named = [f"{place:g}\n{len(values):,}" for place, values in shown]
        ax.set_xticks([place for place, _ in shown], named)
        what = "true rating, and how many examples have it"
    ax.set_xlabel(what, color=INK)
    ax.set_ylabel("what the model says", color=INK)
    set_title(ax, "Ratings, said and true")
    return save(figure, path)
