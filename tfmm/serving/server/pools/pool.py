"""Where requests are answered one by one: a fixed number of threads, and a queue that ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np

from tfmm.serving.server.limits import Admission, outcome
from tfmm.serving.server.metrics import Metrics
from tfmm.serving.server.steps import Run, Steps, finish

_Answer = TypeVar("_Answer")


class Pool(Protocol):
    """Answers requests off the event loop, with bounded numbers inside."""

    async def run(self, answer: Callable[..., Steps[_Answer]], *arguments: object) -> _Answer:
        """What the steps `answer(*arguments)` end in.

        Raises:
            StatusError: the request's own; RESOURCE_EXHAUSTED where the pool is full;
                DEADLINE_EXCEEDED where it took too long; INTERNAL for whatever else went wrong.
        """

    def hurry(self) -> None:
        """Let no request wait for company any more: the server is about to stop."""

    def close(self) -> None:
        """Finish what was accepted and end the threads."""


class InferencePool:
    """Runs requests `threads` at once with at most `waiting` behind them.

    What comes beyond that is refused at once with RESOURCE_EXHAUSTED, so that memory and waiting
    time stay bounded under any load.

    Args:
        threads: requests answered at once.
        waiting: requests that may wait for a thread.
        seconds: how long a request may take, waiting included. A run under way cannot be stopped;
            its thread is free when it ends.
        metrics: told of every run.
    """

    def __init__(self, threads: int, waiting: int, *, seconds: float, metrics: Metrics):
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tfmm-answer")
        self._admission = Admission(threads, waiting)
        self._seconds = seconds
        self._metrics = metrics

    async def run(self, answer: Callable[..., Steps[_Answer]], *arguments: object) -> _Answer:
        """As `Pool.run`."""
        self._admission.enter()
        future = self._executor.submit(lambda: finish(answer(*arguments), self._execute))
        future.add_done_callback(self._admission.leave)
        return await outcome(asyncio.wrap_future(future), self._seconds)

    def _execute(self, run: Run) -> list[np.ndarray]:
        started = time.perf_counter()
        arrays = run.now()
        self._metrics.ran(run, time.perf_counter() - started)
        return arrays

    def hurry(self) -> None:
        """As `Pool.hurry`; here nothing waits for company."""

    def close(self) -> None:
        """As `Pool.close`."""
        self._executor.shutdown(wait=True)
