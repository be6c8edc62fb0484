"""The rolling origin: fit up to a day, test on what follows, again and again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tfmm.data.events.parts import SplitError
from tfmm.data.files import write_text
from tfmm.evaluation.backtest_report import backtest_sections
from tfmm.evaluation.report import PLOTS, write_report
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.training.alone import writes_alone
from tfmm.training.claim import claim
from tfmm.training.run import check_new, read_config, task_of
from tfmm.training.train import train

_UNITS = tuple(pd.Timedelta(1, unit) for unit in ("D", "h", "min", "s"))


@dataclass(frozen=True)
class Window:
    """A span of time that a model is tested on.

    Attributes:
        valid, origin, until: ISO times: validation begins, the test begins, the test ends.
    """

    valid: str
    origin: str
    until: str

    @property
    def name(self) -> str:
        """The origin as the name of a folder: 2020-09-21, or 2020-09-21T180000."""
        return re.sub("T000000$", "", self.origin.replace(":", ""))


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Attributes:
        path: its folder.
        windows: a row a window, oldest first: `origin`, `until`, `split` with the counts of its
            parts, and `metrics` by name, of the `model` and of each baseline; or `left_out` with
            the reason.
    """

    path: Path
    windows: list[dict[str, Any]]

    def table(self) -> pd.DataFrame:
        """A row for every window and what was measured in it: `origin`, `name` and the metrics."""
        return pd.DataFrame(
            [
                {"origin": window["origin"], "name": name, **found}
                for window in self.windows
                for name, found in window.get("metrics", {}).items()
            ]
        )


@writes_alone
def backtest(
    config: RunConfig | Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    windows: int = 6,
    every: str = "7d",
    say: Callable[[str], None] = print,
) -> Backtest:
    """Trains as a run file says before each of some days, and tests on what came after it.

    The last window ends with the log, rounded up to a whole day (or hour, minute or second, where
    `every` is none of days); each is as long as the step from one to the next, and so is the
    validation before it. Of the run file's `split` only `seed` and `cold_items` count. Every window
    is a run of its own in `out/windows`, so that a backtest that was killed goes on where it was.

    Writes to `out`: `windows/DATE/` (run folders), `backtest.json`, `report.md` and `plots/`.

    ```python
    found = tfmm.backtest("run.yaml", "backtests/shop", windows=2, every="2d")
    found.table().groupby("name")["ndcg@20"].agg(["mean", "std"])
    ```

    Source: Tashman, Out-of-sample tests of forecasting accuracy, International Journal of
    Forecasting 2000 (rolling origin).

    Args:
        config: a run file, or what it would hold.
        out: the folder of the backtest: new, or one of the same run file and step.
        windows: how many.
        every: length of a window and of the step between two: `7d`, `12h`, `2w`.
        say: takes lines of progress.

    Returns:
        What was found, windows without anything to test on among it.

    Raises:
        RunFileError: a run file that cannot be used, events without times, or a task without them.
        ValueError: `every` that is no span, or more windows than the log has room for.
        FileExistsError: `out` holds something else.
    """
    config = read_config(config)
    check_new(config)
    step, out = _span(every), Path(out)
    if windows < 1:
        raise ValueError(f"`windows` must be at least 1, got {windows}.")
    task = task_of(config)
    if not task.backtested:
        raise RunFileError(
            f"A backtest parts events by time, but a run of task {task.name!r} reads none."
        )
    # The split is another in each window.
    task.check_data(measured=False)
    spans = _windows(task, step, every, windows)
    mine = json.loads(json.dumps({"every": every, "run": config.to_dict()}))
    other = "a backtest of another run file or step"
    claim(out / "backtest.yaml", mine, lambda before: before == mine, other, "backtest")
    rows: list[dict[str, Any]] = []
    for number, window in enumerate(spans, 1):
        inside = task.at(window.valid, window.origin, window.until)
        row: dict[str, Any] = {"origin": window.origin, "until": window.until}
        rows.append(row)
        try:
            row["split"] = counts = type(task)(inside, task.data).parts.counts()
            empty = [name for name in ("train", "valid", "test") if not counts[name]]
        except SplitError:
            empty = ["train"]
        if empty:
            row["left_out"] = f"it has no events to {_WHAT[empty[0]]}"
            say(f"Window {number} of {windows}, {window.name}, is left out: {row['left_out']}.")
            continue
        say(f"Window {number} of {windows}: {window.origin} to {window.until}.")
        found = train(inside, out / "windows" / window.name, say=say).metrics
        measured = {"model": found["model"], **found.get("baselines", {})}
        row["metrics"] = {
            name: {metric: values[metric] for metric in task.backtested}
            for name, values in measured.items()
            if set(task.backtested) <= set(values)
        }
        _write(out, every, rows, task)
    if not any("metrics" in row for row in rows):
        raise ValueError(f"None of the {windows} windows of {every} has events to test on.")
    _write(out, every, rows, task)
    say(f"wrote {out / 'report.md'}")
    return Backtest(out, rows)


_WHAT = {"train": "learn from", "valid": "choose on", "test": "test on"}


def _span(every: str) -> pd.Timedelta:
    # Days and weeks have capitals in pandas, minutes and hours none.
    text = re.sub(r"(?<=\d)\s*[dw]$", lambda found: found[0].upper(), str(every).strip())
    try:
        found = pd.Timedelta(text) if re.search(r"[A-Za-z]", text) else None
    except ValueError:
        found = None
    if found is None or found < _UNITS[-1]:
        raise ValueError(f"`every` must be a span of time such as 7d, 12h or 2w, got {every!r}.")
    return found


def _windows(task: Any, step: pd.Timedelta, every: str, count: int) -> list[Window]:
    """The spans, oldest first.

    Raises:
        RunFileError: events without times.
        ValueError: the log has no room for so many.
    """
    times = task.data.events.time
    if times is None or not len(times):
        raise RunFileError(
            "A backtest needs the time of each event, but the events have none. Name the time "
            "column in the shop file (events: time: ...)."
        )
    unit = next(unit for unit in _UNITS if step % unit == pd.Timedelta(0))
    first, last = (pd.Timestamp(int(value), unit="us") for value in (times.min(), times.max()))
    end = last.floor(unit) + unit
    # Before the first origin there must be something to learn from, and the validation.
    room = math.ceil((end - first) / step) - 2
    if room < count:
        raise ValueError(
            f"{count} windows of {every} do not fit in events from {first} to {last}, with as much "
            f"before them to choose on and something to learn from: there is room for "
            f"{max(room, 0)}."
        )
    starts = [end - step * number for number in range(count, 0, -1)]
    return [
        Window(*(moment.isoformat(timespec="seconds") for moment in (at - step, at, at + step)))
        for at in starts
    ]


def _write(out: Path, every: str, rows: Sequence[Mapping[str, Any]], task: Any) -> None:
    found = {"every": every, "windows": list(rows)}
    write_text(out / "backtest.json", json.dumps(found, indent=1))
    higher = task.choice.higher_is_better
    sections = backtest_sections(rows, every, task.backtested, out / PLOTS, higher=higher)
    write_report(out / "report.md", sections)
