"""YAML files in their forms: the base of every section, and one kind of error for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.config.errors import checked, expected
    from tfmm.config.section import Listed, Omittable, Section, ToldAs, section_of

__all__ = [
    "Listed",
    "Omittable",
    "Section",
    "ToldAs",
    "checked",
    "expected",
    "section_of",
]

# What names the nearest name (`tfmm.config.names`) is used where nothing else needs pydantic.
lazy_package(
    __name__,
    {
        **dict.fromkeys(["checked", "expected"], "tfmm.config.errors"),
        **dict.fromkeys(
            ["Listed", "Omittable", "Section", "ToldAs", "section_of"], "tfmm.config.section"
        ),
    },
)
