"""From a shop's tables to columns, events and splits, checked once.

shop = tfmm.data.load("shop.yaml")
shop.report.print()
"""

from typing import Any

from tfmm.data import columns
from tfmm.data.catalog import Catalog
from tfmm.data.checks import CheckError, CheckReport
from tfmm.data.events import pairs
from tfmm.data.events.event_log import Events
from tfmm.data.events.examples import Examples
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.data.events.splits import split
from tfmm.data.media.audio import AudioDecodeError
from tfmm.data.media.images import ImageDecodeError, decode_image, load_thumbnails
from tfmm.data.media.video import VideoDecodeError
from tfmm.data.search_catalog import SearchCatalog
from tfmm.data.shop import ShopData, load
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import ShopFileError

__all__ = [
    "AudioDecodeError",
    "Catalog",
    "CheckError",
    "CheckReport",
    "Events",
    "Examples",
    "ImageDecodeError",
    "Pairs",
    "SearchCatalog",
    "Shop",
    "ShopData",
    "ShopFileError",
    "Split",
    "VideoDecodeError",
    "columns",
    "decode_image",
    "load",
    "load_thumbnails",
    "split",
]


def __getattr__(name: str) -> Any:
    if name == "Interactions":
        return pairs.Interactions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
