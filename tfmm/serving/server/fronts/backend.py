"""What both fronts stand on: the same models, threads, limits and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tfmm.serving.server.core import ServingCore
from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.fronts.tls import ServerTls
from tfmm.serving.server.limits import ByteBudget
from tfmm.serving.server.metrics import Metrics
from tfmm.serving.server.pools.pool import Pool
from tfmm.serving.server.steps import Steps

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Answers the requests that the fronts take.

    Attributes:
        core: the answers.
        pool: where they are worked out.
        metrics: told of every answer.
        budget: bytes that requests may hold, on both ports together.
        max_message_bytes: the largest request, in bytes.
        max_connections: open connections on the REST port, and calls under way on the gRPC port.
        grace_seconds: how long a stop waits for requests already taken.
        tls: certificates, None for plain text.
    """

    core: ServingCore
    pool: Pool
    metrics: Metrics
    budget: ByteBudget
    max_message_bytes: int
    max_connections: int
    grace_seconds: float
    tls: ServerTls | None

    async def answer(
        self,
        model: str,
        api: str,
        entrypoint: str,
        steps: Callable[..., Steps[_Answer]],
        *arguments: object,
    ) -> _Answer:
        """What `steps(*arguments)` ends in, counted under `model`, `api` and `entrypoint`.

        Raises:
            StatusError: as `Pool.run`.
        """
        started, status = time.perf_counter(), "CANCELLED"
        try:
            answer = await self.pool.run(steps, *arguments)
            status = "OK"
            return answer
        except StatusError as error:
            status = error.code
            raise
        finally:
            seconds = time.perf_counter() - started
            known = self.core.models.serves(model)
            self.metrics.answered(model, known, api, entrypoint, status, seconds)
