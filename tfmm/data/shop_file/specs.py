"""What a shop file says of its tables and their columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tfmm.data.shop_file.path_templates import template_columns

#: Kinds whose values are files.
MEDIA_KINDS: tuple[str, ...] = ("image", "audio", "video")
#: Pictures of a row that are read, where a shop file does not say how many.
PICTURES = 8
KINDS: tuple[str, ...] = ("text", *MEDIA_KINDS, "category", "tags", "number", "vector")


class ShopFileError(ValueError):
    """A shop file, or a table it names, that cannot be used as written."""


class _Given:
    """What a shop file gives of something; what is None is found."""

    def to_dict(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class FormatSpec(_Given):
    """The dialect of a table, as far as the shop file gives it; what is None is found.

    Args:
        delimiter: what parts the cells of a delimited table, one character.
        encoding: the encoding of its bytes, by Python's names.
        decimal: the mark before a number's decimals, "." or ",".
        quote: what encloses cells, one character; "" where nothing does.
        skip: lines above the row of names.
        header: the names of the columns of a table that has no line of them.
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    quote: str | None = None
    skip: int | None = None
    header: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        out = super().to_dict()
        return out if self.header is None else {**out, "header": list(self.header)}


@dataclass(frozen=True)
class TimeSpec(_Given):
    """How a column of times is written, as far as the shop file gives it; else it is found.

    Args:
        format: as `datetime.strptime` takes it.
        unit: of unix times: "s", "ms", "us" or "ns".
        zone: the zone of times that do not name one, by its IANA name; None for UTC.
    """

    format: str | None = None
    unit: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class FeatureSpec:
    """One feature of items or users.

    Args:
        name: the feature's name in the shop file.
        kind: one of `KINDS`.
        columns: the table's columns it is read from.
        path: for image, audio and video, the template of the file's path; for vectors, the .npy
            file.
        separator: what joins the columns of a text, or separates tags or paths in one cell.
        paths: for these, every template when there are several (`path` is the first).
        rows: which row of a vector file belongs to a row of the table: "table" for the same
            position, "id" for the integer that the id spells; "" for other features.
        levels: what separates the levels of a tag, "" where it has none.
        pictures: of images, how many of a row are read at most.
    """

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    path: str | None = None
    separator: str = ""
    paths: tuple[str, ...] = ()
    rows: str = ""
    levels: str = ""
    pictures: int = PICTURES

    def to_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {"kind": self.kind}
        if self.columns:
            out["columns"] = list(self.columns)
            if self.kind != "text" and len(self.columns) == 1:
                out["column"] = out.pop("columns")[0]
        if len(self.paths) > 1:
            out["paths"] = list(self.paths)
        elif self.path is not None:
            out["path"] = self.path
        if self.rows:
            out["rows"] = self.rows
        if self.separator and "path" not in out and "paths" not in out:
            out["separator"] = self.separator
        if self.levels:
            out["path"] = self.levels
        if self.pictures != PICTURES:
            out["pictures"] = self.pictures
        return out


@dataclass(frozen=True)
class ParentSpec:
    """Which product a row is a variant of: a column, and those it holds values of beside ids."""

    column: str
    by: tuple[str, ...] = ()

    def to_dict(self) -> str | dict[str, Any]:
        return {"column": self.column, "by": list(self.by)} if self.by else self.column


@dataclass(frozen=True)
class TableSpec:
    """The table of items or of users; `table` None means that the ids are those seen in events."""

    table: str | None
    id: str
    features: dict[str, FeatureSpec] = field(default_factory=dict)
    format: FormatSpec = FormatSpec()
    parent: ParentSpec | None = None

    def columns(self, key: str) -> dict[str, str]:
        """Every column that is read, with the key of the shop file that asks for it."""
        asked = {self.id: f"{key}.id"}
        if self.parent is not None:
            for column in (self.parent.column, *self.parent.by):
                asked.setdefault(column, f"{key}.parent")
        for name, spec in self.features.items():
            wanted = list(spec.columns)
            if spec.kind in MEDIA_KINDS:
                wanted += [column for path in spec.paths for column in template_columns(path)]
            for column in wanted:
                asked.setdefault(column, f"{key}.features.{name}")
        return asked

    def to_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {} if self.table is None else {"table": self.table}
        if self.format.to_dict():
            out["format"] = self.format.to_dict()
        out["id"] = self.id
        if self.parent is not None:
            out["parent"] = self.parent.to_dict()
        if self.features:
            out["features"] = {name: spec.to_dict() for name, spec in self.features.items()}
        return out


@dataclass(frozen=True)
class EventSpec:
    """The table of events.

    Args:
        table: its file.
        user, item: the columns of ids.
        time: the column of times, or None.
        type: the column of event types, or None; `weights` then gives the weight of every type.
        weights: weight by type; 0 leaves events of that type out.
        rating: the column of ratings, which become the weights, or None.
        threshold: ratings below it tell no taste; None takes all above 0.
        quantity, price: columns of numbers: pieces bought, and what one cost; or None.
        labels: columns of 0 and 1 or of other numbers by name: what ranking learns.
        context: features of the event itself, by name.
        format: the table's dialect, as far as it is given.
        times: how the times are written, as far as it is given.
        disliked: "exclude" leaves what a user disliked or returned out of their answers; "keep"
            does not.
    """

    table: str
    user: str
    item: str
    time: str | None = None
    type: str | None = None
    weights: dict[str, float] = field(default_factory=dict)
    rating: str | None = None
    threshold: float | None = None
    quantity: str | None = None
    price: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    context: dict[str, FeatureSpec] = field(default_factory=dict)
    format: FormatSpec = FormatSpec()
    times: TimeSpec = TimeSpec()
    disliked: str = "keep"

    def columns(self) -> dict[str, str]:
        """Every column that is read, with the key of the shop file that asks for it."""
        asked: dict[str, str] = {}
        for key in ("user", "item", "time", "type", "rating", "quantity", "price"):
            column = getattr(self, key)
            if column is not None:
                asked.setdefault(column, f"events.{key}")
        for name, column in self.labels.items():
            asked.setdefault(column, f"events.labels.{name}")
        for name, feature in self.context.items():
            for column in feature.columns:
                asked.setdefault(column, f"events.context.{name}")
        return asked

    def told(self) -> list[str]:
        """The columns that say more of an event than who, what, when and how much it counts."""
        of_context = [column for feature in self.context.values() for column in feature.columns]
        single = (self.type, self.quantity, self.price)
        return [*filter(None, single), *self.labels.values(), *of_context]

    def to_dict(self) -> dict[str, Any]:
        values = {key: getattr(self, key) for key in self.__dataclass_fields__}
        values["context"] = {name: spec.to_dict() for name, spec in self.context.items()}
        values["format"] = self.format.to_dict()
        if self.disliked == "keep":
            del values["disliked"]
        if how := values.pop("times").to_dict():
            values["time"] = {"column": self.time, **how}
        return {key: value for key, value in values.items() if value not in (None, {})}


@dataclass(frozen=True)
class LinkSpec:
    """The table that says which entity of a knowledge graph an item is."""

    table: str
    item: str
    entity: str
    format: FormatSpec = FormatSpec()

    def columns(self) -> dict[str, str]:
        """Every column that is read, with the key of the shop file that asks for it."""
        return {getattr(self, key): f"knowledge.link.{key}" for key in ("item", "entity")}

    def to_dict(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in vars(self).items() if value != FormatSpec()}


@dataclass(frozen=True)
class KnowledgeSpec:
    """The table of what is known: a row says that a head has a relation to a tail.

    Args:
        table: its file.
        head, relation, tail: its columns. Heads and tails are ids of items where they are some, or
            the entities that `link` joins items with, and else entities by themselves.
        format: the table's dialect, as far as it is given.
        link: which entities are which items; None where items go by their ids.
    """

    table: str
    head: str
    relation: str
    tail: str
    format: FormatSpec = FormatSpec()
    link: LinkSpec | None = None

    def columns(self) -> dict[str, str]:
        """Every column that is read, with the key of the shop file that asks for it."""
        return {getattr(self, key): f"knowledge.{key}" for key in ("head", "relation", "tail")}

    def to_dict(self) -> dict[str, Any]:
        values = {key: _plain(value) for key, value in vars(self).items() if value is not None}
        return {key: value for key, value in values.items() if value != {}}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else value.to_dict()
