"""The shop file: what it may say, read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.data.shop_file.schema import Shop
    from tfmm.data.shop_file.specs import ShopFileError

__all__ = [
    "Shop",
    "ShopFileError",
]

lazy_package(
    __name__,
    {
        "Shop": "tfmm.data.shop_file.schema",
        "ShopFileError": "tfmm.data.shop_file.specs",
    },
)
