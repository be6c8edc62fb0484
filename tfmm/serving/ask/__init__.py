"""How one asks: words, pictures, sound, voice, keywords and both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.ask.hybrid import Hybrid
    from tfmm.serving.ask.keywords import Keywords

__all__ = [
    "Hybrid",
    "Keywords",
]

lazy_package(
    __name__,
    {
        "Hybrid": "tfmm.serving.ask.hybrid",
        "Keywords": "tfmm.serving.ask.keywords",
    },
)
