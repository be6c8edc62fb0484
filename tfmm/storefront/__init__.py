"""A shop window on exported models: a page to search, browse and compare them by.

It asks a server over TensorFlow Serving's protocol and shows what the answers name; it knows
neither tasks nor training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.storefront.storefront import Storefront

__all__ = ["Storefront"]

lazy_package(__name__, {"Storefront": "tfmm.storefront.storefront"})
