"""YAML files in their forms: the base of every section, and one kind of error for all of them."""

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
