"""The report of a backtest: the mean and the spread over its windows, and each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.evaluation.in_words import in_short, percent
from tfmm.evaluation.names import baseline_name
from tfmm.evaluation.plots.figure import INK, OURS, lines, new_figure, save, set_title
from tfmm.evaluation.report import MODEL as BOLD
from tfmm.evaluation.report import Section, picture, table

MODEL = "model"


def backtest_sections(
    rows: Sequence[Mapping[str, Any]],
    every: str,
    metrics: Sequence[str],
    folder: Path,
    *,
    higher: bool = True,
) -> list[Section]:
    """The sections of the report, their plots written into a folder.

    Args:
        rows: the windows of `tfmm.training.backtest.Backtest`.
        every: their length.
        metrics: what they hold by name.
        folder: where plots go.
        higher: whether more of them is better.
    """
    told = [row for row in rows if "metrics" in row]
    names = list(dict.fromkeys(name for row in told for name in row["metrics"]))
    return [
        *in_short(_in_words(told, metrics[0])),
        _overall(rows, told, names, every, metrics, folder, higher),
        *(_single(told, names, metric) for metric in metrics),
    ]


def _overall(
    rows: Sequence[Mapping[str, Any]],
    told: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    every: str,
    metrics: Sequence[str],
    folder: Path,
    higher: bool,
) -> Section:
    firsts = {metric: _first(told, metric, higher) for metric in metrics}
    best = {"higher" if higher else "lower": range(1, 1 + 3 * len(metrics), 3)}
    header = [""]
    for metric in metrics:
        header += [f"{metric}, mean", "spread", "first in"]
    body = []
    for name in names:
        cells: list[Any] = [_shown(name)]
        for metric in metrics:
            values = _values(told, name, metric)
            cells += [float(np.mean(values)), float(np.std(values)), firsts[metric].count(name)]
        body.append(cells)
    parts = [
        f"{len(told)} windows of {every}: what is measured in each was trained, tuned and chosen "
        "on the events before it alone. Spread is the standard deviation over windows.",
        table(header, body, **best),
        *_left_out(rows),
        *(_behind(told, metric, firsts[metric]) for metric in metrics),
    ]
    for metric in metrics:
        file = folder / f"{metric.replace('@', '_')}.png"
        says = f"{metric} of each window"
        parts.append(picture(_plot(told, names, metric, file), says))
    return Section("Over all windows", parts)


def _in_words(told: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    """How much the model's first items hold over all windows, beside the best simple list."""
    means = {
        name: float(np.mean(_values(told, name, metric)))
        for name in dict.fromkeys(name for row in told for name in row["metrics"])
    }
    title, _, k = metric.partition("@")
    if title != "recall" or MODEL not in means:
        return []
    said = [
        f"Trained before each of {len(told)} windows and tested on what followed, the model's "
        f"first {k} items hold {percent(means.pop(MODEL))} of what a shopper took, on average."
    ]
    if means:
        best = max(means, key=means.__getitem__)
        gaps = [
            row["metrics"][MODEL][metric] - row["metrics"][best][metric]
            for row in told
            if best in row["metrics"]
        ]
        said.append(
            f"The best simple list, {baseline_name(best)}, holds {percent(means[best])}. From "
            f"window to window the model is ahead of it by {100 * min(gaps):+.1f} to "
            f"{100 * max(gaps):+.1f} points, and ahead at all in "
            f"{sum(gap > 0 for gap in gaps)} of {len(gaps)}."
        )
    return said


def _left_out(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    left = [f"{row['origin']} ({row['left_out']})" for row in rows if "left_out" in row]
    return [f"Left out of {len(rows)} windows: {'; '.join(left)}."] if left else []


def _first(told: Sequence[Mapping[str, Any]], metric: str, higher: bool) -> list[str]:
    """What was best in each window; of equals the model."""
    sign = 1 if higher else -1
    return [
        max(row["metrics"], key=lambda name: (sign * row["metrics"][name][metric], name == MODEL))
        for row in told
    ]


def _behind(told: Sequence[Mapping[str, Any]], metric: str, first: Sequence[str]) -> str:
    lost = []
    for row, best in zip(told, first, strict=True):
        if best != MODEL:
            found = row["metrics"]
            lost.append(
                f"{_day(row['origin'])} ({_shown(best)} {found[best][metric]:.4f}, the model "
                f"{found[MODEL][metric]:.4f})"
            )
    if not lost:
        return f"By {metric} the model was first in every window."
    return f"By {metric} the model was not first in {len(lost)} of {len(told)}: {'; '.join(lost)}."


def _single(told: Sequence[Mapping[str, Any]], names: Sequence[str], metric: str) -> Section:
    body = [
        [
            _day(row["origin"]),
            *(row["metrics"].get(name, {}).get(metric) for name in names),
            row["split"]["train"],
            row["split"]["test"],
        ]
        for row in told
    ]
    header = ["window from", *map(_shown, names), "pairs to train on", "to test on"]
    return Section(f"{metric} by window", [table(header, body)])


def _plot(told: Sequence[Mapping[str, Any]], names: Sequence[str], metric: str, path: Path) -> Path:
    figure, (ax,) = new_figure(4.4, 9)
    places = np.arange(len(told))
    series = {
        name: [row["metrics"].get(name, {}).get(metric, np.nan) for row in told] for name in names
    }
    others = {_shown(name): values for name, values in series.items() if name != MODEL}
    lines(ax, places, others)
    ax.plot(places, series[MODEL], color=OURS, linewidth=2.6, marker="o", label="the model")
    ax.set_xticks(places, [_day(row["origin"]) for row in told])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("the window begins", fontsize=10, color=INK)
    ax.set_ylabel(metric, fontsize=10, color=INK)
    set_title(ax, f"{metric}, each window tested on what followed")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[-1:] + handles[:-1],
        labels[-1:] + labels[:-1],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=9,
    )
    return save(figure, path)


def _values(told: Sequence[Mapping[str, Any]], name: str, metric: str) -> list[float]:
    return [row["metrics"][name][metric] for row in told if name in row["metrics"]]


def _shown(name: str) -> str:
    return BOLD if name == MODEL else baseline_name(name)


def _day(moment: str) -> str:
    return moment.removesuffix("T00:00:00").replace("T", " ")
