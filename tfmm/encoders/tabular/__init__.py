"""Encoders of numbers, categories and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.encoders.tabular.embedding import CategoryEmbedding, TagsEmbedding
    from tfmm.encoders.tabular.number import PiecewiseNumber

__all__ = [
    "CategoryEmbedding",
    "PiecewiseNumber",
    "TagsEmbedding",
]

lazy_package(
    __name__,
    {
        "CategoryEmbedding": "tfmm.encoders.tabular.embedding",
        "PiecewiseNumber": "tfmm.encoders.tabular.number",
        "TagsEmbedding": "tfmm.encoders.tabular.embedding",
    },
)
