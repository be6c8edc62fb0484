"""The knowledge of a shop file: which columns say what has which relation to what."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.formats import FormatForm
from tfmm.data.shop_file.specs import FormatSpec, KnowledgeSpec, LinkSpec
from tfmm.data.shop_file.values import Name, TableName


class LinkForm(Section):
    """The table that says which entity an item is: the items table may be it."""

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    item: Name
    """The column of the items' ids."""
    entity: Name
    """The column of what heads and tails call them."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _check_apart(self, "item", "entity")
        return self

    def spec(self) -> LinkSpec:
        """What it means."""
        return LinkSpec(self.table, self.item, self.entity, _format(self.format))


class KnowledgeForm(Section):
    """The table of what is known of items, and of what that is: a triple a row, such as
    `17, brand, Acme`."""

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    head: Name
    """The column of what the triple is about: an item's id, or anything else by its name."""
    relation: Name
    """The column of relations: `brand`, `goes with`."""
    tail: Name
    """The column of what heads have that relation to: another item's id, or anything else."""
    link: Omittable[LinkForm] = None
    """The table of items' other names, where heads and tails do not hold items' ids."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _check_apart(self, "head", "relation", "tail")
        return self

    def spec(self) -> KnowledgeSpec:
        """What it means."""
        link = None if self.link is None else self.link.spec()
        columns = (self.head, self.relation, self.tail)
        return KnowledgeSpec(self.table, *columns, _format(self.format), link)


def _check_apart(form: Section, *keys: str) -> None:
    taken: dict[str, str] = {}
    for key in keys:
        column = getattr(form, key)
        if column in taken:
            raise ValueError(f"`{taken[column]}` and `{key}` are the same column {column!r}")
        taken[column] = key


def _format(form: FormatForm | None) -> FormatSpec:
    return FormatSpec() if form is None else form.spec()
