"""The shop file: one YAML that says what the tables mean, read and validated."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tfmm.data.checks import nearest, policy_problem
from tfmm.data.names import FEATURE_RULE, is_feature_name
from tfmm.data.shop_file.path_templates import template_columns
from tfmm.data.shop_file.specs import (
    KINDS,
    MEDIA_KINDS,
    EventSpec,
    FeatureSpec,
    ShopFileError,
    TableSpec,
)
from tfmm.data.shop_file.strict_yaml import read_yaml

# The keys a feature may have besides `kind`, and the sets of which it needs exactly one.
_FEATURE_KEYS: dict[str, tuple[str, ...]] = {
    "text": ("column", "columns", "separator"),
    **dict.fromkeys(MEDIA_KINDS, ("path", "paths", "column", "separator")),
    "category": ("column",),
    "tags": ("column", "columns", "separator"),
    "number": ("column",),
    "vector": ("path", "rows", "column", "columns"),
}
_SOURCES = ("column", "columns", "path", "paths")
_SEPARATORS = {"text": " ", "tags": "|", **dict.fromkeys(MEDIA_KINDS, "|")}

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Shop:
    """A shop file, validated.

    Args:
        file: the file it was read from; None for a shop made in Python.
        root: the folder that the tables' and media's paths are relative to.
        items: the items table; None when items are the ids seen in events.
        events: the events table; None for a shop that has only its items.
        users: the users table; None when users are the ids seen in events.
        checks: policy by check, where the file sets one.
    """

    file: Path | None
    root: Path
    items: TableSpec | None
    events: EventSpec | None
    users: TableSpec | None = None
    checks: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Shop:
        """Reads and validates a shop file.

        Raises:
            ShopFileError: naming the file, the key and the nearest known key.
        """
        file = Path(path).expanduser().absolute()
        if not file.is_file():
            what = "it is a folder" if file.is_dir() else "there is no such file"
            raise ShopFileError(f"cannot read the shop file {file}: {what}")
        mapping = read_yaml(file, ShopFileError)
        return _Reader(str(file)).shop(mapping, file, file.parent)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], root: str | os.PathLike[str] = ".") -> Shop:
        """Validates a shop given as the mapping that its YAML would hold.

        Args:
            mapping: as in a shop file.
            root: what a relative or absent `root` in the mapping is relative to.
        """
        return _Reader("the shop").shop(mapping, None, Path(root).absolute())

    def to_dict(self) -> dict[str, Any]:
        """The mapping of an equal shop: `Shop.from_dict(shop.to_dict())`."""
        out: dict[str, Any] = {"root": str(self.root)}
        if self.events is not None:
            out["events"] = self.events.to_dict()
        for key in ("items", "users"):
            table: TableSpec | None = getattr(self, key)
            if table is not None:
                out[key] = table.to_dict()
        if self.checks:
            out["checks"] = dict(self.checks)
        return out

    def __str__(self) -> str:
        return str(self.file) if self.file else "the shop"


class _Reader:
    """Turns the mapping of a shop file into a `Shop`; `source` names the file in errors."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, problem: str) -> NoReturn:
        raise ShopFileError(f"{self.source}: {key + ': ' if key else ''}{problem}")

    def shop(self, mapping: Any, file: Path | None, folder: Path) -> Shop:
        top = self.mapping("", mapping, ("root", "items", "events", "users", "checks"))
        if "events" not in top and "items" not in top:
            self.fail(
                "",
                "a shop needs its table of events (events: table, user, item), its table of items "
                "(items: table, id, features) or both",
            )
        events = self.events(top["events"]) if "events" in top else None
        item, user = (events.item, events.user) if events else (None, None)
        items = self.table("items", top["items"], item) if "items" in top else None
        users = self.table("users", top["users"], user) if "users" in top else None
        root = folder
        if "root" in top:
            root = folder / Path(self.root(top["root"])).expanduser()
        checks = self.mapping("checks", top["checks"], None) if "checks" in top else {}
        for check, policy in checks.items():
            problem = policy_problem(check, policy)
            if problem:
                self.fail("checks", problem)
        return Shop(file, Path(os.path.normpath(root)), items, events, users, checks)

    def mapping(self, key: str, value: Any, known: tuple[str, ...] | None) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            self.fail(key, f"expected keys and values, got {_shown(value)}")
        for name in value:
            if known is not None and name not in known:
                self.fail(key, f"unknown key {name!r}; {nearest(name, known)}")
        return dict(value)

    def string(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or not value:
            self.fail(key, f"expected a name in text, got {_shown(value)}")
        return self.expand(key, value) if "${" in value else value

    def root(self, value: Any) -> str:
        root = self.string("root", value)
        # A relative path in the environment was written by someone in the working folder.
        return os.path.abspath(root) if str(value).startswith("${") else root

    def expand(self, key: str, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = os.environ.get(name)
            if not found:
                self.fail(
                    key,
                    f"the environment variable {name} of {text!r} is not set; "
                    f"set it (export {name}=...) or write the path out",
                )
            return str(found)

        return _VARIABLE.sub(value, text)

    def strings(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)) or not value:
            self.fail(key, f"expected a list of names such as [a, b], got {_shown(value)}")
        names = tuple(self.string(f"{key}[{i}]", entry) for i, entry in enumerate(value))
        if len(set(names)) < len(names):
            self.fail(key, f"lists {max(names, key=names.count)!r} more than once")
        return names

    def required(self, key: str, value: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            if name not in value:
                self.fail(key, f"{name!r} is missing; it needs {', '.join(names)}")

    def events(self, value: Any) -> EventSpec:
        known = tuple(EventSpec.__dataclass_fields__)
        keys = self.mapping("events", value, known)
        self.required("events", keys, ("table", "user", "item"))
        names = {
            key: self.string(f"events.{key}", keys[key])
            for key in ("table", "user", "item", "time", "type", "rating", "quantity", "price")
            if key in keys
        }
        if names["user"] == names["item"]:
            self.fail("events", f"user and item are the same column {names['user']!r}")
        if "type" in keys and "rating" in keys:
            self.fail("events", "give `type` (with weights) or `rating` as the weight, not both")
        for key, needs in (("weights", "type"), ("type", "weights"), ("threshold", "rating")):
            if key in keys and needs not in keys:
                self.fail(f"events.{key}", f"has no meaning without `{needs}`; add it")
        weights = {}
        for kind, weight in self.mapping("events.weights", keys.get("weights", {}), None).items():
            number = self.number(f"events.weights.{kind}", weight)
            if number < 0:
                self.fail(f"events.weights.{kind}", f"must not be negative, got {number}")
            weights[str(kind)] = number
        if "weights" in keys and not any(weights.values()):
            self.fail("events.weights", "gives no type a weight above 0, so no event would count")
        threshold = None
        if "threshold" in keys:
            threshold = self.number("events.threshold", keys["threshold"])
        return EventSpec(
            **names,
            weights=weights,
            threshold=threshold,
            labels=self.labels(keys.get("labels", {})),
            context=self.context(keys.get("context", {})),
        )

    def labels(self, value: Any) -> dict[str, str]:
        labels = {}
        for name, column in self.mapping("events.labels", value, None).items():
            self.feature_name(f"events.labels.{name}", name)
            labels[name] = self.string(f"events.labels.{name}", column)
        return labels

    def context(self, value: Any) -> dict[str, FeatureSpec]:
        features = {}
        for name, spec in self.mapping("events.context", value, None).items():
            where = f"events.context.{name}"
            self.feature_name(where, name)
            features[name] = self.feature(where, name, spec, has_table=True)
            if not features[name].columns:
                self.fail(where, "must be read from columns of the events table, not from files")
        return features

    def feature_name(self, where: str, name: Any) -> None:
        if not is_feature_name(name):
            self.fail(where, f"{name!r} cannot name a feature; {FEATURE_RULE}")

    def number(self, key: str, value: Any) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
        ):
            self.fail(key, f"expected a number, got {_shown(value)}")
        return float(value)

    def table(self, key: str, value: Any, event_id: str | None) -> TableSpec:
        keys = self.mapping(key, value, ("table", "id", "features"))
        table = self.string(f"{key}.table", keys["table"]) if "table" in keys else None
        if table is not None:
            self.required(key, keys, ("table", "id"))
        elif event_id is None:
            self.fail(key, "'table' is missing; without a table of events it says which there are")
        name = self.string(f"{key}.id", keys["id"]) if "id" in keys else str(event_id)
        features = {}
        given = self.mapping(f"{key}.features", keys.get("features", {}), None)
        for feature, spec in given.items():
            where = f"{key}.features.{feature}"
            self.feature_name(where, feature)
            features[feature] = self.feature(where, feature, spec, has_table=table is not None)
        return TableSpec(table, name, features)

    def feature(self, key: str, name: str, value: Any, *, has_table: bool) -> FeatureSpec:
        if not isinstance(value, Mapping) or "kind" not in value:
            self.fail(key, f"needs a kind: one of {', '.join(KINDS)}")
        kind = value["kind"]
        if kind not in KINDS:
            self.fail(f"{key}.kind", f"unknown kind {_shown(kind)}; {nearest(kind, KINDS)}")
        keys = self.mapping(key, value, ("kind", *_FEATURE_KEYS[kind]))
        sources = [source for source in _SOURCES if source in _FEATURE_KEYS[kind]]
        given = [source for source in sources if source in keys]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            self.fail(key, f"a feature of kind {kind} takes one of {', '.join(sources)}; got {got}")
        columns: tuple[str, ...] = ()
        paths: tuple[str, ...] = ()
        source = f"{key}.{given[0]}"
        if given[0] == "column":
            columns = (self.string(source, keys["column"]),)
        elif given[0] == "columns":
            columns = self.strings(source, keys["columns"])
        elif given[0] == "path":
            paths = (self.string(source, keys["path"]),)
        else:
            paths = self.strings(source, keys["paths"])
        if columns and not has_table:
            self.fail(source, f"needs a table to read {columns[0]!r} from; add `table` beside `id`")
        if kind in MEDIA_KINDS:
            self.check_templates(source, kind, paths)
        separator = _SEPARATORS.get(kind, "")
        if "separator" in keys:
            separator = keys["separator"]
            if not isinstance(separator, str) or (kind != "text" and not separator):
                self.fail(f"{key}.separator", f"expected text, got {_shown(separator)}")
        rows = ""
        if kind == "vector" and paths:
            rows = keys.get("rows", "table" if has_table else "id")
            if rows not in ("table", "id") or (rows == "table" and not has_table):
                self.fail(
                    f"{key}.rows",
                    "expected `table` (the table's row order; needs a table) or `id` (the row that "
                    f"the id spells), got {_shown(rows)}",
                )
        path = paths[0] if paths else None
        templates = paths if kind in MEDIA_KINDS else ()
        return FeatureSpec(name, kind, columns, path, separator, templates, rows)

    def check_templates(self, key: str, kind: str, paths: tuple[str, ...]) -> None:
        for path in paths:
            try:
                fields = template_columns(path)
            except ValueError as error:
                self.fail(key, f"{path!r} is not a template of a path: {error}")
            if not fields:
                self.fail(
                    key,
                    f"{path!r} would be one {kind} file for every row; name a column in braces, as "
                    "in media/{id}.xyz",
                )


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value!r}"
