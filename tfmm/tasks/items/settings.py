"""What an export of items fixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfmm.index.options import check_positive


@dataclass(frozen=True, kw_only=True)
class ItemSettings:
    """What an export fixes; written to the model card, and kept by `refresh_index`.

    Raises:
        ValueError: a size below 1.
    """

    k: int
    """Items in an answer."""
    exclude_size: int = 64
    """Ids that a request may exclude."""
    allow_size: int = 16
    """Filter terms that a request may hold."""
    weights: str = "float32"
    """How the tables of vectors are stored: float32, bfloat16 or int8."""
    index: Any = None
    """The kind of index, or an index with nothing indexed yet; the run's if None."""

    def __post_init__(self) -> None:
        for name, value in self.but_index().items():
            if name == "k" or name.endswith("_size"):
                check_positive(name, value)

    def but_index(self) -> dict[str, Any]:
        """All of them but the index, by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "index"}
