"""The shop file as it is written, and what it means."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from tfmm.config import Listed, Omittable, Section
from tfmm.data.checks import CHECKS, policy_problem
from tfmm.data.shop_file.events import EventForm
from tfmm.data.shop_file.features import Feature
from tfmm.data.shop_file.formats import FormatForm
from tfmm.data.shop_file.knowledge import KnowledgeForm
from tfmm.data.shop_file.specs import FormatSpec, ParentSpec, TableSpec
from tfmm.data.shop_file.texts import QueryForm, ReviewForm
from tfmm.data.shop_file.values import (
    Folder,
    Host,
    Name,
    Named,
    NameToo,
    Several,
    TableName,
    in_full,
)


def _known(policies: dict[str, str]) -> dict[str, str]:
    problems = [policy_problem(check, policy) for check, policy in policies.items()]
    told = [problem for problem in problems if problem]
    if told:
        raise ValueError("; ".join(told))
    return policies


_CHECKS: dict[str, Any] = {
    "properties": {
        check.name: {
            "enum": list(check.policies),
            "default": check.default,
            "description": check.meaning,
        }
        for check in CHECKS.values()
    },
    "additionalProperties": False,
}
#: Policy by check.
Policies = Annotated[dict[str, str], AfterValidator(_known), Field(json_schema_extra=_CHECKS)]


class TableForm(Section):
    """The table of items or of users."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"table": ["id"]}})

    table: Omittable[TableName] = None
    """Its file: CSV, TSV, JSON, JSONL, XLSX or Parquet, packed or not; after a `#` the sheet of a
    workbook or the file of a .zip. Or a table of a database: `sqlite:///shop.db#items`,
    `postgresql://user:${PGPASSWORD}@host/db#items`. A star in its name, `orders_*.csv`, names
    several files of the same columns. Without it the ids are those seen in
    events."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    id: Omittable[Name] = None
    """The column of ids; without a table, what their column is called in templates of paths."""
    features: Named[Feature] = Field(default_factory=dict)
    """What is known of each, by names of your own."""

    @model_validator(mode="after")
    def _serves_its_features(self) -> Self:
        if self.table is not None and self.id is None:
            raise ValueError("`id` is missing; a table needs `table` and `id`")
        self.spec("")
        return self

    def spec(self, seen_id: str) -> TableSpec:
        """What it means; `seen_id` names the ids where the table does not."""
        has_table = self.table is not None
        features = {
            name: form.spec(name, has_table=has_table) for name, form in self.features.items()
        }
        format = FormatSpec() if self.format is None else self.format.spec()
        return TableSpec(self.table, self.id or seen_id, features, format)


class ParentForm(Section):
    """The column that says which product a row is a variant of."""

    column: Name
    """The column, empty for rows that are products."""
    by: Omittable[Several[Name]] = None
    """Columns that it holds values of, where those are not the ids: the SKU, for instance."""


class ItemForm(TableForm):
    """The table of items."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"table": ["id"], "parent": ["table"]}}
    )

    parent: Omittable[Annotated[ParentForm, BeforeValidator(in_full), NameToo()]] = None
    """The column of the product that a row is a variant of, its id or a name such as Shopify's
    `Handle`; or a mapping. Answers are products; events of a variant count for its product."""

    @model_validator(mode="after")
    def _has_variants_in_a_table(self) -> Self:
        if self.parent is not None and self.table is None:
            raise ValueError("`parent` is a column of a table; add `table` beside it")
        return self

    def spec(self, seen_id: str) -> TableSpec:
        """What it means; `seen_id` names the ids where the table does not."""
        how = self.parent
        parent = None if how is None else ParentSpec(how.column, how.by or ())
        return replace(super().spec(seen_id), parent=parent)


class FilesForm(Section):
    """Which files the tables may name."""

    allow: Omittable[Annotated[Listed[Folder], Field(min_length=1)]] = None
    """Folders outside the root that cells may name files of; a relative one is relative to it."""
    private_hosts: Omittable[Annotated[Listed[Host], Field(min_length=1)]] = None
    """Hosts in private networks that addresses may lead to, as `nas.local` or `10.0.0.5:8080`;
    without a port, all of them."""


class ShopForm(Section):
    """A shop: what its tables mean. Paths are relative to this file, or to `root`."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in ("events", "items", "reviews", "queries")]
        }
    )

    root: Omittable[Folder] = None
    """The folder that the tables' and media's paths are relative to; `${NAME}` in it is the
    environment variable NAME."""
    items: Omittable[ItemForm] = None
    """The table of items; without it, items are the ids seen in events."""
    events: Omittable[EventForm] = None
    """The table of events; a shop may have only its items."""
    users: Omittable[TableForm] = None
    """The table of users; without it, users are the ids seen in events."""
    knowledge: Omittable[KnowledgeForm] = None
    """The table of what is known of items, in triples, which a graph model reads."""
    reviews: Omittable[ReviewForm] = None
    """The table of reviews, with what they say of which aspect."""
    queries: Omittable[QueryForm] = None
    """The table of what shoppers ask for, in their words."""
    files: Omittable[FilesForm] = None
    """Which files the tables may name, besides those in the root and the folders that this file
    names."""
    checks: Policies = Field(default_factory=dict)
    """What is done about bad rows, by check: `drop` them, `mask` the value, `raise`, or `keep`."""

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if not any((self.events, self.items, self.reviews, self.queries)):
            raise ValueError(
                "a shop needs its table of events (events: table, user, item), its table of items "
                "(items: table, id, features) or both; or one of texts (reviews, queries)"
            )
        for key, table in (("items", self.items), ("users", self.users)):
            if self.events is None and table is not None and table.table is None:
                raise ValueError(
                    f"`{key}`: `table` is missing; without a table of events it says which there "
                    "are"
                )
        return self

    def tables(self) -> tuple[TableSpec | None, TableSpec | None]:
        """What the tables of items and of users mean."""
        item, user = (self.events.item, self.events.user) if self.events else ("", "")
        return (
            None if self.items is None else self.items.spec(item),
            None if self.users is None else self.users.spec(user),
        )
