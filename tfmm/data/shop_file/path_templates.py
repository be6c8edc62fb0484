"""Paths with columns in braces, such as `images/{sku}.jpg`."""

from __future__ import annotations

from string import Formatter


def template_columns(path: str) -> list[str]:
    """The columns that a path template names in braces."""
    return [column for _, column in template_parts(path) if column is not None]


def template_parts(path: str) -> list[tuple[str, str | None]]:
    """A path template as pairs of literal text and the column that follows it (None at the end)."""
    parts = []
    for literal, name, spec, conversion in Formatter().parse(path):
        if name is not None and (not name or spec or conversion):
            raise ValueError("write {column} with a column's name and nothing else in the braces")
        parts.append((literal, name))
    return parts
