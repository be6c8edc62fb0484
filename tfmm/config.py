"""The base of every section of a YAML file, and one kind of error for all of them."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

import pydantic

T = TypeVar("T")
#: A list of a YAML file, which is kept as a tuple.
Listed = Annotated[tuple[T, ...], pydantic.Field(strict=False)]


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


def checked(
    form: type[pydantic.BaseModel], value: Any, where: str, error: type[Exception], root: str = ""
) -> Any:
    """A mapping of a YAML file in its form.

    Args:
        form: the class of the section.
        value: what the file says.
        where: what errors name as their source: the file.
        error: what is raised.
        root: the dotted key of the section, where it is not the whole file.

    Raises:
        error: for unknown keys, missing ones and values of another type, one line for each: the
            file, the key, what came and what was expected, and the nearest key there is.
    """
    if not isinstance(value, Mapping):
        what = f"`{root}` must be a mapping" if root else "expected a mapping of keys to values"
        raise error(f"{where}: {what}, got {value!r}.")
    for key in value:
        if not isinstance(key, str):
            raise error(f"{where}: keys are words, got {key!r}.")
    try:
        return form.model_validate(dict(value))
    except pydantic.ValidationError as found:
        told = dict.fromkeys(_told(form, one, root) for one in found.errors())
        raise error("\n".join(f"{where}: {line}" for line in told)) from found


def section_of(kind: Any) -> type[Section] | None:
    """The class of a key that holds a section, perhaps one that may be left out."""
    for one in (kind, *typing.get_args(kind)):
        if isinstance(one, type) and issubclass(one, Section):
            return one
    return None


def expected(kind: Any) -> str:
    """A type in words: `int or null`, `a list of strings`."""
    if kind is Any:
        return "any value"
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return expected(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(expected(one) for one in inner)
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin in (tuple, list):
        return f"a list of {expected(inner[0])}s"
    if origin is dict or kind is dict or section_of(kind) is not None:
        return "a mapping"
    words = {str: "string", type(None): "null", bool: "true or false"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))


def _told(form: type[pydantic.BaseModel], problem: Any, root: str) -> str:
    """One problem that pydantic found, in our words."""
    known: type[pydantic.BaseModel] | None = form
    path, kind = [root] if root else [], None
    for place in problem["loc"]:
        fields = known.model_fields if known is not None else {}
        if known is not None and place in fields:
            kind = fields[place].annotation
            path.append(str(place))
            known = section_of(kind)
        elif known is not None and place not in fields:
            if problem["type"] == "extra_forbidden":
                return _unknown(str(place), path, list(fields))
            break
        else:
            break  # inside a value, of which the key says enough
    label = ".".join(path)
    if problem["type"] == "missing":
        last = str(problem["loc"][-1])
        return f"the key `{'.'.join([*path[:-1], last]) if path else last}` is missing."
    if problem["type"] in ("value_error", "assertion_error"):
        reason = str(problem["ctx"]["error"])
        return f"`{label}`: {reason}" if label else reason
    came = problem["input"]
    what = "a mapping" if section_of(kind) is not None else expected(kind)
    return f"`{label}` must be {what}, got {came!r}."


def _unknown(key: str, path: list[str], known: list[str]) -> str:
    prefix = "".join(f"{part}." for part in path)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean `{prefix}{near[0]}`?" if near else ""
    return f"unknown key `{prefix}{key}`{hint} Known here: {', '.join(sorted(known))}."
