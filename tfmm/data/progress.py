"""A progress bar for what turns out to take more than two seconds, on a terminal only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_T = TypeVar("_T")
_DELAY = 2.0


def progress(steps: Iterable[_T], total: int, description: str) -> Iterator[_T]:
    """Yields `steps` and shows how many of `total` are done, once two seconds have passed.

    Nothing is written where standard error is no terminal; the bar vanishes when it is done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from steps
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    task = bar.add_task(description, total=total)
    begin = time.monotonic()
    started = False
    try:
        for done, step in enumerate(steps):
            if not started and time.monotonic() - begin > _DELAY:
                bar.start()
                started = True
            bar.update(task, completed=done)
            yield step
    finally:
        if started:
            bar.stop()
