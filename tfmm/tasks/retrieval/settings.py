"""What an export of retrieval fixes."""

from __future__ import annotations

from dataclasses import dataclass

from tfmm.tasks.items.settings import ItemSettings


@dataclass(frozen=True, kw_only=True)
class ExportSettings(ItemSettings):
    """What an export fixes, for items and for shoppers."""

    exclude_seen: bool = True
    """Whether users' own items are left out of their recommendations."""
    history_size: int = 50
    """Ids that a session's history may hold."""
