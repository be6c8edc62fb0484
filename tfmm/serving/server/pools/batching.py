"""Where requests are answered in company: runs of the same signature are merged into one.

Worker threads take requests as they come, read each up to its run, and gather runs that can be
merged into queues. A queue is run when it fills a batch, or when its oldest request has waited
`batch_timeout_micros` and nothing else is left to read.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.limits import Admission, outcome
from tfmm.serving.server.metrics import Metrics
from tfmm.serving.server.pools.batching_parameters import BatchingParameters
from tfmm.serving.server.pools.merging import distribute, merge, merge_key, row_count, split
from tfmm.serving.server.steps import Run, Steps

_Answer = TypeVar("_Answer")
# A stream of new requests may keep a due batch waiting this long, and no longer.
_PATIENCE_SECONDS = 0.005


class _Request:
    """A request on its way: to be read while `run` is None, then waiting for its run."""

    __slots__ = ("answer", "future", "rows", "run", "since", "steps")

    def __init__(self, answer: Callable[[], Steps[Any]], future: asyncio.Future[Any]):
        self.answer = answer
        self.future = future
        self.steps: Steps[Any] | None = None
        self.run: Run | None = None
        self.rows = 0
        self.since = 0.0


# Requests that ended, with their answer or error.
_Ended = list[tuple[_Request, Any, BaseException | None]]


class _Queue:
    """Requests whose runs can be merged, in the order they came."""

    __slots__ = ("requests", "rows")

    def __init__(self) -> None:
        self.requests: deque[_Request] = deque()
        self.rows = 0


class BatchingPool:
    """Answers requests like `InferencePool`, merging the runs of requests that come together.

    A run that fails is repeated for each of its requests alone, so that none pays for another's
    input.

    Args:
        parameters: sizes, times and threads.
        waiting: requests that may wait beyond those in the batches being run.
        seconds: how long a request may take, waiting included.
        metrics: told of every batch and every run.
    """

    def __init__(
        self, parameters: BatchingParameters, waiting: int, *, seconds: float, metrics: Metrics
    ):
        threads = parameters.num_batch_threads or max(2, os.cpu_count() or 2)
        self._parameters = parameters
        self._timeout = parameters.batch_timeout_micros / 1e6
        self._seconds = seconds
        self._metrics = metrics
        self._admission = Admission(threads * parameters.largest_run, waiting)
        self._changed = threading.Condition()
        self._arrived: deque[_Request] = deque()
        self._queues: dict[Hashable, _Queue] = {}
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"tfmm-batch-{number}", daemon=True)
            for number in range(threads)
        ]
        self._started = False

    async def run(self, answer: Callable[..., Steps[_Answer]], *arguments: object) -> _Answer:
        """As `Pool.run`."""
        self._admission.enter()
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        with self._changed:
            self._arrived.append(_Request(lambda: answer(*arguments), future))
            self._changed.notify()
            # Not before: a server that is made and never started must leave no threads.
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
        return await outcome(future, self._seconds)

    def hurry(self) -> None:
        """As `Pool.hurry`."""
        with self._changed:
            self._timeout = 0.0
            self._changed.notify_all()

    def close(self) -> None:
        """As `Pool.close`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            started = self._threads if self._started else []
        for thread in started:
            thread.join()

    # The worker threads

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            done: _Ended = []
            if batch and batch[0].run is None:
                self._advance(batch[0], None, None, done)
            else:
                self._execute(batch, done)
            self._deliver(done)

    def _next(self) -> list[_Request] | None:
        """A request to read or a batch to run; None when all is done and the pool closes."""
        with self._changed:
            while True:
                now = time.monotonic()
                for key, queue in self._queues.items():
                    overdue = queue.requests[0].since + self._timeout + _PATIENCE_SECONDS <= now
                    if overdue or queue.rows >= self._parameters.largest_run:
                        return self._take(key, queue)
                if self._arrived:
                    return [self._arrived.popleft()]
                due = float("inf")
                for key, queue in self._queues.items():
                    due = min(due, queue.requests[0].since + self._timeout)
                    if self._closing or due <= now:
                        return self._take(key, queue)
                if self._closing:
                    return None
                self._changed.wait(None if due == float("inf") else due - now)

    def _take(self, key: Hashable, queue: _Queue) -> list[_Request]:
        batch: list[_Request] = []
        rows = 0
        while queue.requests and rows + queue.requests[0].rows <= self._parameters.largest_run:
            request = queue.requests.popleft()
            rows += request.rows
            batch.append(request)
        queue.rows -= rows
        if not queue.requests:
            del self._queues[key]
        else:
            self._changed.notify()
        return batch

    def _advance(
        self,
        request: _Request,
        arrays: list[np.ndarray] | None,
        error: BaseException | None,
        done: _Ended,
    ) -> None:
        """Take a request to its next run, or to its end; `done` gets those that ended."""
        if request.future.cancelled():
            self._drop(request, done)
            return
        try:
            if request.steps is None:
                request.steps = request.answer()
                request.run = next(request.steps)
            elif error is not None:
                request.run = request.steps.throw(error)
            else:
                assert arrays is not None
                request.run = request.steps.send(arrays)
        except StopIteration as end:
            done.append((request, end.value, None))
            return
        except Exception as raised:
            done.append((request, None, raised))
            return
        try:
            arrays = self._queued_or_run(request, request.run)
        except Exception as raised:
            self._advance(request, None, raised, done)
        else:
            if arrays is not None:
                self._advance(request, arrays, None, done)

    def _drop(self, request: _Request, done: _Ended) -> None:
        """Let go of a request that nobody waits for any more."""
        if request.steps is not None:
            request.steps.close()
        done.append((request, None, None))

    def _queued_or_run(self, request: _Request, run: Run) -> list[np.ndarray] | None:
        """Queue a run and return None, or return its arrays where it cannot be merged."""
        parameters = self._parameters
        rows = row_count(run)
        if rows > parameters.max_batch_size:
            raise StatusError(
                "INVALID_ARGUMENT",
                f"Task size {rows} is larger than maximum input batch size "
                f"{parameters.max_batch_size}",
            )
        if rows == 0:
            return self._timed(run)
        if rows > parameters.largest_run:
            pieces = [self._merged([run], [n]) for run, n in self._pieces(run)]
            return [np.concatenate(parts) for parts in zip(*(p[0] for p in pieces), strict=True)]
        request.rows = rows
        request.since = time.monotonic()
        key = merge_key(run, parameters.pad_variable_length_inputs)
        with self._changed:
            queue = self._queues.setdefault(key, _Queue())
            if queue.rows + rows > parameters.max_enqueued_batches * parameters.largest_run:
                raise StatusError(
                    "UNAVAILABLE",
                    "The batch scheduling queue to which this task was submitted is full: "
                    f"{parameters.max_enqueued_batches} batches of {parameters.largest_run} rows.",
                )
            queue.requests.append(request)
            queue.rows += rows
            self._changed.notify()
        return None

    def _pieces(self, run: Run) -> list[tuple[Run, int]]:
        return [(piece, row_count(piece)) for piece in split(run, self._parameters.largest_run)]

    def _execute(self, batch: list[_Request], done: _Ended) -> None:
        live: list[_Request] = []
        for request in batch:
            if request.future.cancelled():
                self._drop(request, done)
            else:
                live.append(request)
        if not live:
            return
        started = time.monotonic()
        runs = [request.run for request in live if request.run is not None]
        rows = [request.rows for request in live]
        waited = [started - request.since for request in live]
        self._metrics.merged(waited, rows, self._parameters.padded_size(sum(rows)))
        try:
            parts = self._merged(runs, rows)
        except Exception as error:
            if len(live) == 1:
                self._advance(live[0], None, error, done)
                return
            for request in live:
                self._alone(request, done)
            return
        for request, arrays in zip(live, parts, strict=True):
            self._advance(request, arrays, None, done)

    def _alone(self, request: _Request, done: _Ended) -> None:
        assert request.run is not None
        try:
            (arrays,) = self._merged([request.run], [request.rows])
        except Exception as error:
            self._advance(request, None, error, done)
        else:
            self._advance(request, arrays, None, done)

    def _merged(self, runs: list[Run], rows: list[int]) -> list[list[np.ndarray]]:
        padded = self._parameters.padded_size(sum(rows))
        return distribute(self._timed(merge(runs, padded)), rows, padded)

    def _timed(self, run: Run) -> list[np.ndarray]:
        started = time.perf_counter()
        arrays = run.now()
        self._metrics.ran(run, time.perf_counter() - started)
        return arrays

    def _deliver(self, done: _Ended) -> None:
        """Hand answers to the event loop, all in one wake-up."""
        if not done:
            return
        for _ in done:
            self._admission.leave()
        loop = done[0][0].future.get_loop()
        try:
            loop.call_soon_threadsafe(_settle, done)
        except RuntimeError:
            # The server was stopped and its grace is over; nobody waits for these any more.
            return


def _settle(done: _Ended) -> None:
    for request, answer, error in done:
        if request.future.done():
            continue
        if error is None:
            request.future.set_result(answer)
        else:
            request.future.set_exception(error)
