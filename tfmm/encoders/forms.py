"""What a run file may say of an encoder, or of another layer that is chosen by name, as types."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Mapping, Sequence
from operator import or_
from typing import Any, Literal

import pydantic

from tfmm.config import Section
from tfmm.encoders.configured import config_names
from tfmm.encoders.registry import default, encoder_class, kinds, names

Form = type[pydantic.RootModel[Any]]

# Values of other types are checked by the layers alone, some of which take more than they hint at.
_HINTS = (int, float, str, int | None, float | None, str | None)
_ARGUMENTS = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def encoder_form() -> Form:
    """A name of the registry, or a mapping with its arguments; without a name, a kind's default."""
    return _encoder_form(
        tuple((kind, name, encoder_class(kind, name)) for kind in kinds() for name in names(kind))
    )


@functools.cache
def _encoder_form(registered: tuple[tuple[str, str, type], ...]) -> Form:
    # The same form for the same registry, so that a schema has it once.
    classes: dict[str, list[type]] = {}
    for _, name, encoder in registered:
        classes.setdefault(name, []).append(encoder)
    unnamed = [encoder for kind, name, encoder in registered if name == default(kind)]
    return choice_form("Encoder", classes, unnamed, {"layer_name": (str | None, None)})


def choice_form(
    what: str,
    classes: Mapping[str, Sequence[type]],
    unnamed: Sequence[type] = (),
    more: Mapping[str, Any] | None = None,
) -> Form:
    """A name, or a mapping `{name: …, …}` with a layer's arguments, all but `dim`.

    Args:
        what: what is chosen.
        classes: the layers that a name may mean.
        unnamed: those that a mapping without a name may mean.
        more: further fields of every mapping, as `pydantic.create_model` takes them.
    """
    forms: list[Any] = [Literal[tuple(classes)]]
    for name, meant in classes.items():
        fields = {"name": (Literal[name], ...), **_arguments(meant), **(more or {})}
        forms.append(_section(f"{what}_{name}", "; ".join(map(_summary, meant)), fields))
    if unnamed:
        fields = {"name": (None, None), **_arguments(unnamed), **(more or {})}
        forms.append(_section(f"{what}_default", "What reads the kind by default.", fields))
    root: Any = pydantic.RootModel
    return pydantic.create_model(what, __base__=root[functools.reduce(or_, forms)])


def _section(name: str, summary: str, fields: Mapping[str, Any]) -> Any:
    return pydantic.create_model(name, __base__=Section, __doc__=summary, **fields)


def _summary(layer: type) -> str:
    return (layer.__doc__ or "").strip().partition("\n")[0]


def _arguments(layers: Sequence[type]) -> dict[str, Any]:
    """The fields for all constructor arguments that any of some layers has, `dim` left out."""
    found: dict[str, tuple[set[Any], set[str], list[Any]]] = {}
    for layer in layers:
        told = _told(layer)
        for name, (hint, value) in _parameters(layer).items():
            hints, texts, values = found.setdefault(name, (set(), set(), []))
            hints.add(hint)
            texts.add(told.get(name, ""))
            values.append(value)
    fields: dict[str, Any] = {}
    for name, (hints, texts, values) in found.items():
        if name != "dim":
            # What layers of one name do not have in common is left open.
            hint = hints.pop() if len(hints) == 1 else Any
            value = values[0] if all(value == values[0] for value in values) else None
            text = " Or: ".join(sorted(texts)) or None
            fields[name] = (hint, pydantic.Field(value, description=text))
    return fields


def _parameters(layer: type) -> dict[str, tuple[Any, Any]]:
    """Type and default of each constructor argument, those of the bases included."""
    found: dict[str, tuple[Any, Any]] = {}
    wanted = set(config_names(layer))
    for cls in layer.__mro__:
        if "__init__" not in vars(cls) or wanted <= set(found):
            continue
        hints = typing.get_type_hints(vars(cls)["__init__"])
        for name, parameter in inspect.signature(vars(cls)["__init__"]).parameters.items():
            if name in wanted:
                hint = hints.get(name, Any)
                value = None if parameter.default is parameter.empty else parameter.default
                found.setdefault(name, (hint if hint in _HINTS else Any, value))
    return found


def _told(layer: type) -> dict[str, str]:
    """What docstrings say of the constructor arguments."""
    found: dict[str, str] = {}
    for cls in layer.__mro__:
        _, _, arguments = inspect.cleandoc(cls.__doc__ or "").partition("\nArgs:\n")
        for several, text in _ARGUMENTS.findall(arguments.partition("\n\n")[0]):
            for name in several.split(", "):
                found.setdefault(name, " ".join(text.split()))
    return found
