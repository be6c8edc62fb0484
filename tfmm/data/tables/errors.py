"""What is raised for a table that cannot be read."""

from __future__ import annotations

from tfmm.data.shop_file.specs import ShopFileError


class TableError(ShopFileError):
    """A table that is missing or cannot be read."""
