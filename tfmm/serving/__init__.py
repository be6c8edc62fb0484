"""Serving exported models: the embedded server and the client, both in TensorFlow Serving's
protocol.

`Server` and `Client` load on first use: a client over REST needs neither TensorFlow nor the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.async_client import AsyncClient
    from tfmm.serving.batching_parameters import BatchingParameters
    from tfmm.serving.client import Client
    from tfmm.serving.errors import ServingConfigError, ServingError
    from tfmm.serving.hits import Hits
    from tfmm.serving.hybrid import Hybrid
    from tfmm.serving.keywords import Keywords
    from tfmm.serving.server import Server, serve_forever

__all__ = [
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
        "AsyncClient": "tfmm.serving.async_client",
        "BatchingParameters": "tfmm.serving.batching_parameters",
        "Client": "tfmm.serving.client",
        "Hits": "tfmm.serving.hits",
        "Hybrid": "tfmm.serving.hybrid",
        "Keywords": "tfmm.serving.keywords",
        "Server": "tfmm.serving.server",
        "ServingConfigError": "tfmm.serving.errors",
        "ServingError": "tfmm.serving.errors",
        "serve_forever": "tfmm.serving.server",
    },
)
