"""A progress bar for what turns out to take more than two seconds, on a terminal only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_T = TypeVar("_T")
_R = TypeVar("_R")
_DELAY = 2.0
_CHUNK = 256


def progress(
    steps: Iterable[_T],
    total: int,
    description: str,
    *,
    unit: str = "",
    size: Callable[[_T], int] | None = None,
) -> Iterator[_T]:
    """Yields `steps` and shows how many of `total` are done, once two seconds have passed.

    Nothing is written where standard error is no terminal; the bar vanishes when it is done.

    Args:
        steps: what is gone through.
        total: how much there is of it.
        description: what the bar says.
        unit: what is counted ("images"): the bar then also shows how many of it a second.
        size: how much a step is; 1 each by default.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from steps
        return
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
    columns += [MofNCompleteColumn(), *([_Speed(unit)] if unit else []), TimeRemainingColumn()]
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(description, total=total)
    begin = time.monotonic()
    started, done = False, 0
    try:
        for step in steps:
            if not started and time.monotonic() - begin > _DELAY:
                bar.start()
                started = True
            bar.update(task, completed=done)
            yield step
            done += size(step) if size else 1
    finally:
        if started:
            bar.stop()


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
        return Text(f"{speed:,.0f} {self.unit}/s" if speed else "")
