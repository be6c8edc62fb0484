"""The base of every section of a YAML file, and what its values may be."""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Self, TypeVar

import pydantic

T = TypeVar("T")


class Section(pydantic.BaseModel):
    """A mapping of a YAML file: its keys are the fields, which are documented and have types.

    Values are taken as they are written: `"10"` is no number, `true` no integer. Sections are
    frozen; `with_values` makes another.
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def with_values(self, **values: Any) -> Self:
        """The same section with other values."""
        return self.model_copy(update=values)


class NotNull:
    """Of a value that is None where its key is left out, and that a file may not give as null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(without_none(source))


class ToldAs:
    """What JSON schema says of a value that is not checked when the file is read.

    Args:
        form: gives the type; called only where a schema is written, so it may import much.
    """

    def __init__(self, form: Callable[[], Any]) -> None:
        self.form = form

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return handler(pydantic.TypeAdapter(self.form()).core_schema)


#: A list of a YAML file, which is kept as a tuple.
Listed = Annotated[tuple[T, ...], pydantic.Field(strict=False)]
#: A key that may be left out, and that says something where it is given.
Omittable = Annotated[T | None, NotNull()]


def without_none(kind: Any) -> Any:
    """A type that may be None, without that."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        return functools.reduce(operator.or_, kinds)
    return kind


def section_of(kind: Any) -> type[Section] | None:
    """The class of a key that holds a section, perhaps one that may be left out."""
    for one in (kind, *typing.get_args(kind)):
        if isinstance(one, type) and issubclass(one, Section):
            return one
    return None
