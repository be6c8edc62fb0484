"""What is known of a model's items and shoppers, kept in step with the version on disk."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tfmm.data.media.folders import Folders
from tfmm.data.shop import ShopData
from tfmm.serving.ask.hybrid import Hybrid
from tfmm.serving.ask.keywords import Keywords
from tfmm.storefront.export_files import (
    catalog_of,
    catalog_of_ids,
    newest_version,
    shopper_ids,
)
from tfmm.storefront.items import Items
from tfmm.storefront.shoppers import Shoppers


@dataclass(frozen=True, eq=False)
class Known:
    """What one version's answers are shown with."""

    items: Items
    shoppers: Shoppers

    @cached_property
    def keywords(self) -> Keywords:
        """Keyword search over the items. Raises ValueError for items without a word."""
        return Keywords(self.items.catalog)

    @cached_property
    def hybrid(self) -> Hybrid:
        """Meaning and keywords together."""
        return Hybrid(self.keywords)


class Showcase:
    """Gives what is `Known` of a model, read anew once a newer version is there.

    Safe to ask from several threads.

    Args:
        model: the model's folder, which may be None for a model on a server elsewhere.
        shop: what is shown instead of the folder's own files, with pictures; None for those.
    """

    def __init__(self, model: Path | None, shop: ShopData | None):
        self._model = model
        self._shop = shop
        self._lock = threading.Lock()
        self._read: tuple[Path | None, Known] | None = None

    @property
    def folders(self) -> Folders | None:
        """The folders that pictures must lie in; None where there are none to show."""
        return None if self._shop is None else self._shop.folders

    def known(self) -> Known:
        """What is known now.

        Raises:
            SearchCatalogError: the version's catalogue is broken.
        """
        version = None if self._model is None else newest_version(self._model)
        with self._lock:
            if self._read is None or self._read[0] != version:
                self._read = version, self._of(version)
            return self._read[1]

    def _of(self, version: Path | None) -> Known:
        ids = [] if version is None else shopper_ids(version)
        if self._shop is not None:
            # Of a model elsewhere it is not known whom it knows: those of the shop, probably.
            ids = ids or self._shop.users.ids.tolist()
            return Known(Items.of_shop(self._shop.items), Shoppers(ids, self._shop))
        catalog = catalog_of_ids([]) if version is None else catalog_of(version)
        return Known(Items(catalog), Shoppers(ids))
