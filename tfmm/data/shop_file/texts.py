"""The texts of a shop file: what shoppers wrote about items, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.formats import FormatForm
from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.shop_file.values import Columns, Name, TableName


class _Texts:
    """What a table of texts is: its file, the columns of its text, and further ones by key."""

    #: The keys that name one column each.
    keys: tuple[str, ...]
    where: str

    def columns(self) -> dict[str, str]:
        """Every column that is read, with the key of the shop file that asks for it."""
        asked = dict.fromkeys(getattr(self, "text", ()), f"{self.where}.text")
        for key in self.keys:
            if (column := getattr(self, key)) is not None:
                asked.setdefault(column, f"{self.where}.{key}")
        return asked

    def to_dict(self) -> dict[str, Any]:
        """The section of a shop file that means the same."""
        out = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self).items()
            if value is not None and key not in ("format", "aspects")
        }
        for key in ("format", "aspects"):
            part = getattr(self, key, None)
            if part is not None and (made := part.to_dict()):
                out[key] = made
        return out


@dataclass(frozen=True)
class AspectSpec(_Texts):
    """The table that says what reviews say of which aspect; see `AspectForm`."""

    table: str
    review: str = "review"
    aspect: str = "aspect"
    polarity: str = "polarity"
    start: str | None = None
    end: str | None = None
    format: FormatSpec = field(default_factory=FormatSpec)

    keys = ("review", "aspect", "polarity", "start", "end")
    where = "reviews.aspects"


@dataclass(frozen=True)
class ReviewSpec(_Texts):
    """The table of reviews; see `ReviewForm`."""

    table: str
    text: tuple[str, ...]
    id: str | None = None
    item: str | None = None
    user: str | None = None
    rating: str | None = None
    part: str | None = None
    aspects: AspectSpec | None = None
    format: FormatSpec = field(default_factory=FormatSpec)

    keys = ("id", "item", "user", "rating", "part")
    where = "reviews"


@dataclass(frozen=True)
class QuerySpec(_Texts):
    """The table of what shoppers ask for; see `QueryForm`."""

    table: str
    text: tuple[str, ...]
    intent: str | None = None
    slots: str | None = None
    part: str | None = None
    format: FormatSpec = field(default_factory=FormatSpec)

    keys = ("intent", "slots", "part")
    where = "queries"


class AspectForm(Section):
    """The table of aspects: a row says that a review speaks of something, and how."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"start": ["end"], "end": ["start"]}}
    )

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    review: Name = "review"
    """The column of the reviews' ids, as `reviews.id` has them."""
    aspect: Name = "aspect"
    """The column of what is spoken of: `battery life`, or a category such as `food`. An empty one
    says that somebody read the review and found none."""
    polarity: Name = "polarity"
    """The column of how: `positive`, `negative` or others; empty where nobody said."""
    start: Omittable[Name] = None
    """The column of the character at which the words of the aspect begin, from 0. Rows with a place
    are terms, which are found in texts; those without one are categories."""
    end: Omittable[Name] = None
    """The column of the character behind the last one."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.start is None) != (self.end is None):
            given, needed = ("start", "end") if self.end is None else ("end", "start")
            raise ValueError(f"`{given}` has no meaning without `{needed}`; add it")
        return self

    def spec(self) -> AspectSpec:
        """What it means."""
        return AspectSpec(**_values(self))


def _table_alone(value: Any) -> Any:
    """The section that a file's name alone stands for."""
    return {"table": value} if isinstance(value, str) else value


class ReviewForm(Section):
    """The table of reviews."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"aspects": ["id"]}})

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    text: Columns
    """The column of the text; or several, whose texts are joined by a line break."""
    id: Omittable[Name] = None
    """The column of the reviews' ids, which `aspects` names them by; the text's own may be it."""
    item: Omittable[Name] = None
    """The column of the items' ids. In a shop without items and events, items are those seen
    here."""
    user: Omittable[Name] = None
    """The column of the users' ids."""
    rating: Omittable[Name] = None
    """The column of what the shopper gave: stars, a number, or a word such as `recommended`."""
    part: Omittable[Name] = None
    """The column that says which part a review is of: `train`, `valid` or `test`."""
    aspects: Omittable[Annotated[AspectForm, BeforeValidator(_table_alone)]] = None
    """The table of aspects, by its file or with its columns."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.aspects is not None and self.id is None:
            raise ValueError("`aspects` names reviews by their ids; add `id`")
        return self

    def spec(self) -> ReviewSpec:
        """What it means."""
        values = _values(self)
        aspects = None if self.aspects is None else self.aspects.spec()
        return ReviewSpec(**{**values, "aspects": aspects})


class QueryForm(Section):
    """The table of what shoppers ask for, in their words."""

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    text: Columns
    """The column of the text; or several, whose texts are joined by a line break."""
    intent: Omittable[Name] = None
    """The column of what is wanted."""
    slots: Omittable[Name] = None
    """The column of the named parts of the text, as JSON: `[["colour", 10, 13], …]`, each with its
    first character, from 0, and the one behind its last."""
    part: Omittable[Name] = None
    """The column that says which part a query is of: `train`, `valid` or `test`."""

    def spec(self) -> QuerySpec:
        """What it means."""
        return QuerySpec(**_values(self))


def _values(form: Any) -> dict[str, Any]:
    values = dict(form)
    format = values.pop("format")
    return {**values, "format": FormatSpec() if format is None else format.spec()}
