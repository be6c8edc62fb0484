"""Linking: from a shopper's words to values of the catalogue, ranges of numbers and products."""

from __future__ import annotations

from tfmm.serving.linking.linker import Link, Linked, Linker, Place, Range, Way

__all__ = ["Link", "Linked", "Linker", "Place", "Range", "Way"]
