"""What keeps a server's memory and a request's time bounded under any load."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import TypeVar

from tfmm.serving.server.errors import StatusError

_log = logging.getLogger("tfmm.serving")
_Answer = TypeVar("_Answer")


class Admission:
    """Counts the requests inside; refuses more than `running` and `waiting` together.

    Args:
        running: requests that are answered at once.
        waiting: requests that may wait behind them.
    """

    def __init__(self, running: int, waiting: int):
        self._running = running
        self._waiting = waiting
        self._lock = threading.Lock()
        self._inside = 0

    def enter(self) -> None:
        """Count a request in. Raises StatusError (RESOURCE_EXHAUSTED) if there is no room."""
        with self._lock:
            if self._inside >= self._running + self._waiting:
                raise StatusError(
                    "RESOURCE_EXHAUSTED",
                    f"The server is full: {self._running} requests being answered and "
                    f"{self._waiting} waiting. Try again later, send fewer at once, or start the "
                    "server with more threads or a longer queue.",
                )
            self._inside += 1

    def leave(self, _: object = None) -> None:
        """Count a request out."""
        with self._lock:
            self._inside -= 1


class ByteBudget:
    """The bytes that all requests inside may hold together."""

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._held = 0

    @contextlib.contextmanager
    def hold(self) -> Iterator[ByteHold]:
        """What a request takes inside the block goes back at its end."""
        held = ByteHold(self)
        try:
            yield held
        finally:
            self.change(-held.size)

    def change(self, size: int) -> None:
        """Take bytes, or give them back. Raises StatusError (RESOURCE_EXHAUSTED) for too many."""
        with self._lock:
            if size > 0 and self._held + size > self._most:
                raise StatusError(
                    "RESOURCE_EXHAUSTED",
                    f"The server holds all the request bytes it takes at once ({self._most}). Try "
                    "again later, or send less at once.",
                )
            self._held += size


class ByteHold:
    """The part of a `ByteBudget` that one request has taken, `size` bytes."""

    def __init__(self, budget: ByteBudget):
        self._budget = budget
        self.size = 0

    def take(self, size: int) -> None:
        """Take `size` bytes more. Raises StatusError (RESOURCE_EXHAUSTED) for too many."""
        self._budget.change(size)
        self.size += size


@contextlib.contextmanager
def hidden_failures() -> Iterator[None]:
    """Logs what goes wrong inside and is no StatusError, and raises INTERNAL without its text,
    which may name things a client must not learn."""
    try:
        yield
    except StatusError:
        raise
    except Exception:
        _log.exception("a request failed inside the server")
        raise StatusError(
            "INTERNAL", "The server failed while it answered; its log says why."
        ) from None


async def outcome(future: asyncio.Future[_Answer], seconds: float) -> _Answer:
    """What a request's future comes to, within `seconds`.

    Raises:
        StatusError: the request's own, DEADLINE_EXCEEDED, or INTERNAL as `hidden_failures`.
    """
    try:
        async with asyncio.timeout(seconds):
            with hidden_failures():
                return await future
    except TimeoutError:
        raise StatusError(
            "DEADLINE_EXCEEDED", f"The request was not answered within {seconds:g} s."
        ) from None
