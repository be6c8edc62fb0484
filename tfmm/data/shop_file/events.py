"""The events of a shop file: which columns say who met which item, when, and what that counts."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.context import ContextFeature
from tfmm.data.shop_file.formats import FormatForm
from tfmm.data.shop_file.specs import EventSpec, FeatureSpec, FormatSpec, TimeSpec
from tfmm.data.shop_file.times import TimeColumn
from tfmm.data.shop_file.values import Name, Named, Number, TableName, Weight


class EventForm(Section):
    """The table of events."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {
                "weights": ["type"],
                "type": ["weights"],
                "threshold": ["rating"],
            },
            "not": {"required": ["type", "rating"]},
        }
    )

    table: TableName
    """Its file, or a table of a database, as of `items`."""
    format: Omittable[FormatForm] = None
    """The table's dialect, where it is not to be found."""
    user: Name
    """The column of the users' ids."""
    item: Name
    """The column of the items' ids."""
    time: Omittable[TimeColumn] = None
    """The column of times, or a mapping that says how they are written."""
    type: Omittable[Name] = None
    """The column of event types; `weights` then gives the weight of every type."""
    weights: dict[Annotated[str, BeforeValidator(str)], Weight] = Field(default_factory=dict)
    """Weight by type; 0 leaves events of that type out."""
    rating: Omittable[Name] = None
    """The column of ratings, which become the weights."""
    threshold: Omittable[Number] = None
    """Ratings below it tell no taste; by default all above 0 do."""
    quantity: Omittable[Name] = None
    """The column of pieces bought; negative ones are returns, which undo a purchase."""
    disliked: Literal["keep", "exclude"] = "keep"
    """Whether what a user rated below 0, or returned, is left out of their answers."""
    price: Omittable[Name] = None
    """The column of what a piece cost."""
    labels: Named[Name] = Field(default_factory=dict)
    """What ranking learns, by name: columns of 0 and 1 or of other numbers."""
    context: Named[ContextFeature] = Field(default_factory=dict)
    """Features of the event itself, by name, read from its columns; those with `after: true` by no
    model."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.user == self.item:
            raise ValueError(f"`user` and `item` are the same column {self.user!r}")
        given = self.model_fields_set
        if {"type", "rating"} <= given:
            raise ValueError("give `type` (with `weights`) or `rating` as the weight, not both")
        for key, needs in (("weights", "type"), ("type", "weights"), ("threshold", "rating")):
            if key in given and needs not in given:
                raise ValueError(f"`{key}` has no meaning without `{needs}`; add it")
        if "disliked" in given and not given & {"rating", "quantity"}:
            raise ValueError("`disliked` has no meaning without `rating` or `quantity`; add one")
        if "weights" in given and not any(self.weights.values()):
            raise ValueError("`weights` gives no type a weight above 0, so no event would count")
        for name, spec in self._context().items():
            if not spec.columns:
                raise ValueError(
                    f"`context.{name}` must be read from columns of the events table, not from "
                    "files"
                )
        return self

    def spec(self) -> EventSpec:
        """What it means."""
        values = {key: value for key, value in self if key not in ("context", "format", "time")}
        how = self.time
        return EventSpec(
            **values,
            time=None if how is None else how.column,
            context=self._context(),
            format=FormatSpec() if self.format is None else self.format.spec(),
            times=TimeSpec() if how is None else how.spec(),
        )

    def _context(self) -> dict[str, FeatureSpec]:
        return {
            name: form.spec(name, has_table=True)
            for name, form in self.context.items()
            if not form.after
        }
