"""Serving exported models: the embedded server and the client, both in TensorFlow Serving's
protocol.

`Server` and `Client` load on first use: a client over REST needs neither TensorFlow nor the server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfmm.serving.async_client import AsyncClient
    from tfmm.serving.batching_parameters import BatchingParameters
    from tfmm.serving.client import Client
    from tfmm.serving.errors import ServingConfigError, ServingError
    from tfmm.serving.hits import Hits
    from tfmm.serving.hybrid import Hybrid
    from tfmm.serving.keywords import Keywords
    from tfmm.serving.server import Server, serve_forever

_PUBLIC = {
    "AsyncClient": "tfmm.serving.async_client",
    "BatchingParameters": "tfmm.serving.batching_parameters",
    "Client": "tfmm.serving.client",
    "Hits": "tfmm.serving.hits",
    "Hybrid": "tfmm.serving.hybrid",
    "Keywords": "tfmm.serving.keywords",
    "Server": "tfmm.serving.server",
    "serve_forever": "tfmm.serving.server",
    "ServingConfigError": "tfmm.serving.errors",
    "ServingError": "tfmm.serving.errors",
}

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


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tfmm.serving' has no attribute {name!r}")
