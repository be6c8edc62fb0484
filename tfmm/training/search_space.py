"""The values that `tfmm tune` tries: a range or a list for some keys of a run file."""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tfmm.config import Section, section_of
from tfmm.config.names import nearest
from tfmm.data.shop_file.strict_yaml import read_yaml
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.training.run import read_config

#: What is searched where nothing is said, as far as the task has it; a fifth to five times the run
#: file's own learning rate, and a half to four times its own batch size.
_DEFAULT = {
    "train.temperature": "0.05..0.4:log",
    "train.smoothing": [0.0, 0.05, 0.1],
    "items.dim": [64, 128, 256],
}
#: Keys of which another value would measure something else, or nothing else.
_FIXED = {
    "shop": "the tables",
    "name": "a name",
    "task": "what the model is for",
    "split": "what is measured on",
    "search.valid": "what is measured on",
    "search.test": "what is measured on",
    "evaluate": "what is reported",
    "index": "how it is served",
    "blend": "chosen by `tfmm train` itself",
    "train.seed": "chance, not a choice",
}


class SearchSpaceError(RunFileError):
    """A search space that cannot be used; the message names the key and what was expected."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones if `whole`."""

    low: float
    high: float
    log: bool = False
    """Whether every factor is as likely as the next, rather than every difference."""
    whole: bool = False

    def __contains__(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}" + (":log" if self.log else "")


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


SearchSpace: typing.TypeAlias = dict[str, Range | Choice]


def read_space(path: str | Path) -> dict[str, Any]:
    """The mapping of keys to ranges and lists in a YAML file.

    Raises:
        FileNotFoundError: there is no such file.
        SearchSpaceError: it is not YAML, or holds something else.
    """
    value = read_yaml(path, SearchSpaceError, "search space file")
    if not isinstance(value, Mapping):
        raise SearchSpaceError(
            f"{path}: expected a mapping such as `train.learning_rate: 0.002..0.05:log`, got "
            f"{value!r}."
        )
    return dict(value)


def default_space(config: RunConfig) -> dict[str, Any]:
    """What is searched for a run file where nothing is said."""
    rate, size = config.train.learning_rate, config.train.batch_size
    known = _leaves(type(config))
    return {
        "train.learning_rate": f"{0.2 * rate:g}..{5 * rate:g}:log",
        "train.batch_size": [max(1, size // 2), size, 2 * size, 4 * size],
        **{key: values for key, values in _DEFAULT.items() if key in known},
    }


def search_space(given: Mapping[str, Any], base: Mapping[str, Any], where: str) -> SearchSpace:
    """Checks what is given against the run file's form.

    Args:
        given: by dotted key a range `low..high` or `low..high:log`, or values: a list, or a string
            with commas.
        base: the run file's mapping, of which a value of each key is changed.
        where: what errors name as their source.

    Returns:
        A `Range` or `Choice` by key, in the order given.

    Raises:
        SearchSpaceError: an unknown or fixed key, a range that is none, a value of the wrong type.
    """
    if not given:
        raise SearchSpaceError(f"{where}: there is nothing to search.")
    form = type(read_config(base))
    space: SearchSpace = {}
    for key, spec in given.items():
        kind = _kind(str(key), form, where)
        values = _choice(spec) if not _is_range(spec) else _range(str(key), spec, kind, where)
        if isinstance(values, Choice) and len(values.values) < 2:
            raise SearchSpaceError(
                f"{where}: `{key}` has one value, {values}. Give a range such as 0.001..0.1:log or "
                "several values, or set it in the run file."
            )
        ends = values.values if isinstance(values, Choice) else (values.low, values.high)
        for value in ends:
            try:
                read_config(with_values(base, {str(key): value}))
            except RunFileError as error:
                raise SearchSpaceError(f"{where}: {error}") from error
        space[str(key)] = values
    return space


def with_values(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A run file's mapping with other values under dotted keys; `base` is not changed."""
    made = copy.deepcopy(dict(base))
    for key, value in values.items():
        *path, last = key.split(".")
        at = made
        for part in path:
            if not isinstance(at.get(part), dict):
                at[part] = {}
            at = at[part]
        at[last] = value
    return made


def value_of(config: RunConfig, key: str) -> Any:
    """The value that a complete configuration has under a dotted key, None where there is none."""
    at: Any = config.to_dict()
    for part in key.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _is_range(spec: Any) -> bool:
    return isinstance(spec, str) and ".." in spec


def _choice(spec: Any) -> Choice:
    if isinstance(spec, str):
        spec = [yaml.safe_load(part) for part in spec.split(",") if part.strip()]
    return Choice(tuple(spec) if isinstance(spec, (list, tuple)) else (spec,))


def _range(key: str, spec: str, kind: Any, where: str) -> Range:
    text, _, option = spec.partition(":")
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if kind is not Any and int not in kinds and float not in kinds:
        raise SearchSpaceError(
            f"{where}: `{key}` is no number, so it takes values such as a,b,c and not the range "
            f"{spec}."
        )
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        low, high = 1.0, 0.0
    if not low < high or option not in ("", "log") or (option == "log" and low <= 0):
        raise SearchSpaceError(
            f"{where}: `{key}` has the range {spec!r}; expected low..high with low below high, and "
            "low..high:log, with low above 0, for a logarithmic scale."
        )
    whole = int in kinds and float not in kinds
    if whole and not (low.is_integer() and high.is_integer()):
        raise SearchSpaceError(f"{where}: `{key}` takes whole numbers, got the range {spec}.")
    return Range(int(low) if whole else low, int(high) if whole else high, option == "log", whole)


def _kind(key: str, form: type[Section], where: str) -> Any:
    """The type of a dotted key of a run file; Any below a key that holds a mapping of its own."""
    for fixed, meaning in _FIXED.items():
        if key == fixed or key.startswith(f"{fixed}."):
            raise SearchSpaceError(f"{where}: `{key}` cannot be searched: `{fixed}` is {meaning}.")
    known = _leaves(form)
    if key in known:
        return known[key]
    for parent, kind in known.items():
        if key.startswith(f"{parent}.") and (kind is Any or "dict" in str(kind)):
            return Any
    open_keys = [k for k in known if not any(f"{k}.".startswith(f"{f}.") for f in _FIXED)]
    near = nearest(key, open_keys)
    hint = f" Did you mean `{near}`?" if near else ""
    raise SearchSpaceError(f"{where}: there is no key `{key}` in a run file.{hint}")


def _leaves(cls: type[Section], prefix: str = "") -> dict[str, Any]:
    """The types of all keys of a configuration class, by dotted key."""
    found: dict[str, Any] = {}
    for name, field in cls.model_fields.items():
        section = section_of(field.annotation)
        if section is not None:
            found |= _leaves(section, f"{prefix}{name}.")
        else:
            found[prefix + name] = field.annotation
    return found
