"""Where requests are answered: a fixed number of threads, and a queue that ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tfmm.serving.errors import StatusError

_log = logging.getLogger("tfmm.serving")
_Answer = TypeVar("_Answer")


class InferencePool:
    """Runs requests off the event loop, `threads` at once with at most `waiting` behind them.

    What comes beyond that is refused at once with RESOURCE_EXHAUSTED, so that memory and waiting
    time stay bounded under any load.
    """

    def __init__(self, threads: int, waiting: int):
        self.threads = threads
        self.waiting = waiting
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tfmm-answer")
        self._lock = threading.Lock()
        self._taken = 0

    async def run(self, answer: Callable[..., _Answer], *arguments: object) -> _Answer:
        """The result of `answer(*arguments)` from one of the threads.

        Raises:
            StatusError: the pool is full, or `answer` raised; what is no StatusError is logged and
                becomes INTERNAL without its text, which may name things a client must not learn.
        """
        with self._lock:
            if self._taken >= self.threads + self.waiting:
                raise StatusError(
                    "RESOURCE_EXHAUSTED",
                    f"The server is full: {self.threads} requests being answered and "
                    f"{self.waiting} waiting. Try again later, send fewer at once, or start the "
                    "server with more threads or a longer queue.",
                )
            self._taken += 1
        future = self._executor.submit(answer, *arguments)
        future.add_done_callback(self._release)
        try:
            return await asyncio.wrap_future(future)
        except (StatusError, asyncio.CancelledError):
            raise
        except Exception:
            _log.exception("a request failed inside the server")
            raise StatusError(
                "INTERNAL", "The server failed while it answered; its log says why."
            ) from None

    def _release(self, _: Future) -> None:
        with self._lock:
            self._taken -= 1

    def close(self) -> None:
        """Finish what was accepted and end the threads."""
        self._executor.shutdown(wait=True)
