"""A request as steps: a generator that yields what it wants run and is sent the arrays.

So the same code answers a request on its own (`finish`) and in company, where the runs of many
requests are merged into one (`tfmm.serving.server.pools.batching`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tfmm.serving.server.versions.servable import Servable

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Run:
    """One call into a loaded version.

    Attributes:
        servable: the version.
        api: what asked for it: `Predict`, `Classify`, `Regress` or `MultiInference`.
        feeds: names of the tensors to feed.
        values: their arrays, in the same order.
        fetches: names of the tensors wanted.
    """

    servable: Servable
    api: str
    feeds: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    fetches: tuple[str, ...]

    def now(self) -> list[np.ndarray]:
        """Run it in the calling thread; the fetched arrays in order. Raises StatusError."""
        return self.servable.run(self.feeds, self.values, self.fetches)


Steps = Generator[Run, list[np.ndarray], _Answer]


def finish(steps: Steps[_Answer], execute: Callable[[Run], list[np.ndarray]] = Run.now) -> _Answer:
    """Run a request's steps one after the other in the calling thread; its answer.

    Args:
        steps: the request.
        execute: runs one run.

    Raises:
        StatusError: as the request or a run raises it.
    """
    try:
        run = next(steps)
        while True:
            try:
                arrays = execute(run)
            except Exception as error:
                run = steps.throw(error)
            else:
                run = steps.send(arrays)
    except StopIteration as done:
        return done.value
