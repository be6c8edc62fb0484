"""The client, over gRPC or REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.client.async_client import AsyncClient
    from tfmm.serving.client.client import Client
    from tfmm.serving.client.explanation import Explanation, Reason
    from tfmm.serving.client.hits import Hits

__all__ = [
    "AsyncClient",
    "Client",
    "Explanation",
    "Hits",
    "Reason",
]

lazy_package(
    __name__,
    {
        "AsyncClient": "tfmm.serving.client.async_client",
        "Client": "tfmm.serving.client.client",
        "Explanation": "tfmm.serving.client.explanation",
        "Reason": "tfmm.serving.client.explanation",
        "Hits": "tfmm.serving.client.hits",
    },
)
