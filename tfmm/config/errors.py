"""What pydantic finds in a YAML file, in our words: file, key, what came, what was expected."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import pydantic

from tfmm.config.names import nearest
from tfmm.config.section import NotNull, Section, section_of, without_none

S = TypeVar("S", bound=Section)
#: What a value must be beside its type, by pydantic's name for the problem.
_BESIDES = {
    "string_too_short": "{kind}, not empty",
    "too_short": "{kind}, not empty",
    "finite_number": "a finite number",
    "greater_than_equal": "{ge:g} or more",
}


def checked(form: type[S], value: Any, where: str, error: type[Exception], root: str = "") -> S:
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
        raise error(f"{where}: {what}, got {_shown(value)}.")
    for key in value:
        if not isinstance(key, str):
            raise error(f"{where}: keys are words, got {key!r}.")
    try:
        return form.model_validate(dict(value))
    except pydantic.ValidationError as found:
        told = dict.fromkeys(_told(form, one, root) for one in found.errors())
        raise error("\n".join(f"{where}: {line}" for line in told)) from found


def expected(kind: Any) -> str:
    """A type in words: `int or null`, `a list of strings`."""
    if kind is Any:
        return "any value"
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return expected(inner[0])
    if origin is dict or kind is dict or section_of(without_none(kind)) is not None:
        return "a mapping"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(expected(one) for one in inner)
    if origin is typing.Literal:
        return _either(inner)
    if origin in (tuple, list):
        return f"a list of {expected(inner[0])}s"
    words = {str: "string", float: "number", type(None): "null", bool: "true or false"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))


def _told(form: type[Section], problem: Any, root: str) -> str:
    """One problem that pydantic found, in our words."""
    places = list(problem["loc"])
    of_key = bool(places) and places[-1] == "[key]"
    if of_key:
        places = places[:-2]
    at = _At(form, root)
    for place in places:
        inside = at.inside(place)
        if inside is None:
            break  # inside a value of several types, of which the key says enough
        at = inside
    type_, label, came = problem["type"], at.label, problem["input"]
    if type_ == "extra_forbidden":
        return _unknown(str(places[-1]), label, at.keys())
    if type_ == "missing":
        return f"the key `{label}` is missing."
    if type_ in ("value_error", "assertion_error"):
        reason = str(problem["ctx"]["error"])
        return f"`{label}`: {reason}" if label else reason
    if of_key or type_ == "invalid_key":
        key = came if of_key else places[-1]
        return f"`{label}`: keys are words, got {key!r}."
    if type_ == "union_tag_not_found":
        return f"`{label}` needs a `{at.chooser()}`: one of {', '.join(at.forms())}."
    if type_ == "union_tag_invalid":
        came = came[at.chooser()]
        key, near = _joined(label, at.chooser()), _near(str(came), at.forms(), "")
        return f"`{key}` must be {_either(at.forms())}, got {_shown(came)}{near}"
    what = _BESIDES.get(type_, "{kind}").format(kind=expected(at.kind), **problem.get("ctx", {}))
    return f"`{label}` must be {what}, got {_shown(came)}."


class _At:
    """A place in a file: its dotted key, and the type of what is there."""

    def __init__(self, kind: Any, label: str) -> None:
        self.whole, self.label = kind, label
        self.kind = _bare(kind)

    def inside(self, place: Any) -> _At | None:
        """The place that pydantic names next; None where it is not one of the file."""
        if self.chooser():
            return _At(self.forms()[place], self.label) if place in self.forms() else None
        section = section_of(self.kind)
        if section is not None:
            field = section.model_fields.get(place)
            return field and _At(_type_of(field), _joined(self.label, place))
        origin, inner = typing.get_origin(self.kind), typing.get_args(self.kind)
        if origin is dict:
            return _At(inner[1], _joined(self.label, place))
        if origin in (tuple, list) and isinstance(place, int):
            return _At(inner[0], f"{self.label}[{place}]")
        return None

    def keys(self) -> list[str]:
        """The keys that may be there."""
        section = section_of(self.kind)
        return list(section.model_fields) if section is not None else []

    def chooser(self) -> str:
        """The key whose value says which of several forms a mapping has; "" where none does."""
        for one in getattr(self.whole, "__metadata__", ()):
            if getattr(one, "discriminator", None):
                return str(one.discriminator)
        return ""

    def forms(self) -> dict[str, type[Section]]:
        """The form by the chooser's value."""
        forms: tuple[type[Section], ...] = typing.get_args(self.kind)
        return {
            value: form
            for form in forms
            for value in typing.get_args(form.model_fields[self.chooser()].annotation)
        }


def _bare(kind: Any) -> Any:
    """A type without what is annotated; without null, where a file may not give that."""
    while typing.get_origin(kind) is typing.Annotated:
        kind, *notes = typing.get_args(kind)
        if any(isinstance(one, NotNull) for one in notes):
            kind = without_none(kind)
    return kind


def _type_of(field: Any) -> Any:
    """A field's type with what is annotated, which pydantic keeps apart."""
    kind = field.annotation
    for note in field.metadata:
        kind = typing.Annotated[kind, note]
    return kind


def _either(words: Iterable[object]) -> str:
    *others, last = (f"`{word}`" for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def _joined(label: str, key: Any) -> str:
    return f"{label}.{key}" if label else str(key)


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _near(word: str, known: Iterable[str], label: str) -> str:
    near = nearest(word, known)
    return f"; did you mean `{_joined(label, near)}`?" if near else "."


def _unknown(key: str, label: str, known: list[str]) -> str:
    near = _near(key, known, label)
    return f"unknown key `{_joined(label, key)}`{near} Known here: {', '.join(sorted(known))}."
