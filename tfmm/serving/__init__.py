"""Serving exported models: the embedded server and the client, both in TensorFlow Serving's
protocol.

`Server` and `Client` load on first use: a client over REST needs neither TensorFlow nor the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.ask.hybrid import Hybrid
    from tfmm.serving.ask.keywords import Keywords
    from tfmm.serving.assistant.assistant import Assistant
    from tfmm.serving.client.async_client import AsyncClient
    from tfmm.serving.client.client import Client
    from tfmm.serving.client.hits import Hits
    from tfmm.serving.server.errors import ServingConfigError, ServingError
    from tfmm.serving.server.pools.batching_parameters import BatchingParameters
    from tfmm.serving.server.server import Server, serve_forever

__all__ = [
    "Assistant",
    "AsyncClient",
    "BatchingParameters",
    "Client",
    "Hits",
    "Hybrid",
    "Keywords",
    "Server",
    "ServingConfigError",
    "ServingError",
    "serve_forever",
]

lazy_package(
    __name__,
    {
        "Assistant": "tfmm.serving.assistant.assistant",
        "AsyncClient": "tfmm.serving.client.async_client",
        "BatchingParameters": "tfmm.serving.server.pools.batching_parameters",
        "Client": "tfmm.serving.client.client",
        "Hits": "tfmm.serving.client.hits",
        "Hybrid": "tfmm.serving.ask.hybrid",
        "Keywords": "tfmm.serving.ask.keywords",
        "Server": "tfmm.serving.server.server",
        "ServingConfigError": "tfmm.serving.server.errors",
        "ServingError": "tfmm.serving.server.errors",
        "serve_forever": "tfmm.serving.server.server",
    },
)
