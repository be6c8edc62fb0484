"""What an export of retrieval fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ExportSettings:
    """What an export fixes; written to the model card, and kept by `refresh_index`."""

    k: int
    """Items in an answer."""
    exclude_seen: bool = True
    """Whether users' own items are left out of their recommendations."""
    exclude_size: int = 64
    """Ids that a request may exclude."""
    allow_size: int = 16
    """Filter terms that a request may hold."""
    history_size: int = 50
    """Ids that a session's history may hold."""
    weights: str = "float32"
    """How the tables of vectors are stored: float32, bfloat16 or int8."""
    index: Any = None
    """The kind of index, or an index with nothing indexed yet; the run's if None."""
