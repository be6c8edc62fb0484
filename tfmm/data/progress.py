"""How far something has come that turns out to take long: a bar on a terminal, else lines."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_T = TypeVar("_T")
_R = TypeVar("_R")
_DELAY = 2.0
_LINES = 10.0
_CHUNK = 256


class Bar:
    """What is done of a whole, once two seconds have passed; a context manager.

    A terminal gets a bar with the rate and the time left, which vanishes when all is done. Where
    standard error is none, a line says the same, every ten seconds at most.

    ```python
    titles = ["Plate", "盘子"]
    with Bar(len(titles), "encoding", unit="titles") as bar:
        for title in titles:
            bar.advance()
    ```

    Args:
        total: how much there is.
        description: what is done.
        unit: what is counted ("images").
    """

    #: The one on the terminal: a bar within a bar is not shown.
    _front: ClassVar[Bar | None] = None
    #: When any of them wrote its last line.
    _told: ClassVar[float] = 0.0

    def __init__(self, total: int, description: str, *, unit: str = "") -> None:
        self.total, self.description, self.unit = total, description, unit
        self.done = 0
        self._console = Console(stderr=True)
        self._begin = time.monotonic()
        self._shown: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def advance(self, steps: int = 1) -> None:
        """Counts steps as done, and shows it where it is time to."""
        self.done += steps
        if self._shown is not None:
            self._shown.update(self._task, completed=self.done)
            return
        now = time.monotonic()
        if self._console.is_terminal:
            if now - self._begin > _DELAY and Bar._front is None:
                self._show()
        elif now - max(self._begin, Bar._told) > _LINES and self.done < self.total:
            Bar._told = now
            print(self._line(now - self._begin), file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Takes the bar away and shows the cursor again."""
        if self._shown is not None:
            self._shown.stop()
            atexit.unregister(self._shown.stop)
            self._shown = Bar._front = None

    def _show(self) -> None:
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
        columns += [BarColumn(), MofNCompleteColumn(), _Speed(self.unit), TimeRemainingColumn()]
        self._shown = Progress(*columns, console=self._console, transient=True)
        self._task = self._shown.add_task(self.description, total=self.total, completed=self.done)
        # Ctrl-C may end the process with the steps half gone through.
        atexit.register(self._shown.stop)
        self._shown.start()
        Bar._front = self

    def _line(self, seconds: float) -> str:
        rate = self.done / seconds
        left = timedelta(seconds=round((self.total - self.done) / rate)) if rate else "unknown time"
        return (
            f"{self.description}: {self.done:,} of {self.total:,}, "
            f"{_rate(rate, self.unit)}, {left} left"
        )


def progress(
    steps: Iterable[_T],
    total: int,
    description: str,
    *,
    unit: str = "",
    size: Callable[[_T], int] | None = None,
) -> Iterator[_T]:
    """Yields `steps` and shows how many of `total` are done, as `Bar` does.

    Args:
        steps: what is gone through.
        total: how much there is of it.
        description: what the bar says.
        unit: what is counted ("images").
        size: how much a step is; 1 each by default.
    """
    with Bar(total, description, unit=unit) as bar:
        for step in steps:
            yield step
            bar.advance(size(step) if size else 1)


def in_threads(work: Callable[[_T], _R], tasks: Sequence[_T], description: str) -> Iterator[_R]:
    """Results of `work` in order, done in threads, with a progress bar when it takes long."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def results() -> Iterator[_R]:
            # In chunks, so that the queue of a million tasks is never held at once.
            for start in range(0, len(tasks), _CHUNK):
                yield from pool.map(work, tasks[start : start + _CHUNK])

        yield from progress(results(), len(tasks), description)


class _Speed(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(_rate(speed, self.unit) if speed else "")


def _rate(speed: float, unit: str) -> str:
    counted = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
    return f"{counted} {unit}/s" if unit else f"{counted}/s"
