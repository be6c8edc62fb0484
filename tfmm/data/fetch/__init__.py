"""Files at addresses: fetched once, politely, into the cache, and found there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.data.fetch.addresses import Addresses, FetchError
    from tfmm.data.fetch.fetch import fetch
    from tfmm.data.fetch.limits import Limits
    from tfmm.data.fetch.report import FetchReport

__all__ = ["Addresses", "FetchError", "FetchReport", "Limits", "fetch"]

lazy_package(
    __name__,
    {
        "Addresses": "tfmm.data.fetch.addresses",
        "FetchError": "tfmm.data.fetch.addresses",
        "FetchReport": "tfmm.data.fetch.report",
        "Limits": "tfmm.data.fetch.limits",
        "fetch": "tfmm.data.fetch.fetch",
    },
)
