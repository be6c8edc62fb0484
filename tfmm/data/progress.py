"""How far something has come that turns out to take long: a bar on a terminal, else lines."""

from __future__ import annotations

import atexit
import os
import sys
import threading
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

    A terminal gets a bar with the rate and the time left, which vanishes when all is done; a bar
    within a bar stands below it. Where standard error is none, a line says the same, every ten
    seconds at most.

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
        done: how much of it was done before.
    """

    #: What is on the terminal, and the bars in it.
    _screen: ClassVar[Progress | None] = None
    _shown: ClassVar[list[Bar]] = []
    _lock: ClassVar[threading.RLock] = threading.RLock()
    #: When any of them wrote its last line.
    _told: ClassVar[float] = 0.0

    def __init__(self, total: int, description: str, *, unit: str = "", done: int = 0) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.before = self.done = done
        self._console = Console(stderr=True)
        self._begin = time.monotonic()
        self._task: TaskID | None = None
        self._ended = False
        # A step may take minutes, in which nobody advances.
        self._timer = threading.Timer(max(0.0, _DELAY), self._show)
        if self._console.is_terminal:
            self._timer.daemon = True
            self._timer.start()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def advance(self, steps: int = 1) -> None:
        """Counts steps as done, and shows it where it is time to."""
        self.done += steps
        if self._console.is_terminal:
            if self._task is None and time.monotonic() - self._begin > _DELAY:
                self._show()
            with Bar._lock:
                if self._task is not None and Bar._screen is not None:
                    Bar._screen.update(self._task, completed=self.done)
            return
        now = time.monotonic()
        if now - max(self._begin, Bar._told) > _LINES and self.done < self.total:
            Bar._told = now
            print(self._line(now - self._begin), file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Takes the bar away and, after the last one, shows the cursor again."""
        self._timer.cancel()
        with Bar._lock:
            self._ended = True
            if self not in Bar._shown or Bar._screen is None or self._task is None:
                return
            Bar._shown.remove(self)
            Bar._screen.remove_task(self._task)
            if not Bar._shown:
                Bar.clear()

    @classmethod
    def clear(cls) -> None:
        """Gives the terminal back as it was, whatever is going on."""
        with cls._lock:
            screen, cls._screen = cls._screen, None
            cls._shown.clear()
            if screen is not None:
                atexit.unregister(screen.stop)
                screen.stop()

    def _show(self) -> None:
        with Bar._lock:
            if self._ended or self._task is not None:
                return
            if Bar._screen is None:
                columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
                columns += [BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn()]
                Bar._screen = Progress(
                    *columns,
                    console=self._console,
                    transient=True,
                    # What is printed is put above the bars, unless it goes to a file.
                    redirect_stdout=sys.stdout.isatty(),
                )
                # Ctrl-C may end the process with the steps half gone through.
                atexit.register(Bar._screen.stop)
                Bar._screen.start()
            self._task = Bar._screen.add_task(
                self.description, total=self.total, completed=self.done, unit=self.unit
            )
            Bar._shown.append(self)

    def _line(self, seconds: float) -> str:
        rate = (self.done - self.before) / seconds
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

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(_rate(speed, task.fields["unit"]) if speed else "")


def _rate(speed: float, unit: str) -> str:
    counted = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
    return f"{counted} {unit}/s" if unit else f"{counted}/s"
