"""The embedded server, in TensorFlow Serving's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.server.errors import ServingConfigError, ServingError
    from tfmm.serving.server.pools.batching_parameters import BatchingParameters
    from tfmm.serving.server.server import Server, serve_forever

__all__ = [
    "BatchingParameters",
    "Server",
    "ServingConfigError",
    "ServingError",
    "serve_forever",
]

lazy_package(
    __name__,
    {
        "BatchingParameters": "tfmm.serving.server.pools.batching_parameters",
        "Server": "tfmm.serving.server.server",
        "ServingConfigError": "tfmm.serving.server.errors",
        "ServingError": "tfmm.serving.server.errors",
        "serve_forever": "tfmm.serving.server.server",
    },
)
