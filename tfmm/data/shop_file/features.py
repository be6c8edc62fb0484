"""The features of a shop file: the keys that each kind has, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.path_templates import template_columns
from tfmm.data.shop_file.specs import PICTURES, FeatureSpec
from tfmm.data.shop_file.values import Name, Separator, Several, Template


def _one_of(*keys: str) -> ConfigDict:
    """Has JSON schema say that a mapping takes one of these keys."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [key]} for key in keys]})


class FeatureForm(Section):
    """A feature: its kind, and where its values are."""

    #: The keys that say where values are, of which it has one.
    sources: ClassVar[tuple[str, ...]] = ("column",)

    kind: str
    column: Omittable[Name] = None
    """The table's column."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [source for source in self.sources if source in self.model_fields_set]
        if len(given) != 1:
            raise ValueError(
                f"a feature of kind {self.kind} takes one of {', '.join(self.sources)}; got "
                f"{' and '.join(given) or 'none'}"
            )
        return self

    def spec(self, name: str, *, has_table: bool) -> FeatureSpec:
        """What it means.

        Args:
            name: the feature's name.
            has_table: whether there is a table to read it from.

        Raises:
            ValueError: it needs a table, and there is none.
        """
        made = self._spec(name, has_table)
        if made.columns and not has_table:
            (source,) = self.model_fields_set.intersection(self.sources)
            raise ValueError(
                f"`features.{name}.{source}` needs a table to read {made.columns[0]!r} from; add "
                "`table` beside `id`"
            )
        return made

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        raise NotImplementedError


class SeveralForm(FeatureForm):
    """A feature that may be read from several columns."""

    sources: ClassVar[tuple[str, ...]] = ("column", "columns")

    columns: Omittable[Several[Name]] = None

    @property
    def given_columns(self) -> tuple[str, ...]:
        """The columns, be they one or several."""
        return self.columns or (() if self.column is None else (self.column,))


class TextForm(SeveralForm):
    """Words, of one column or of several, which are joined."""

    model_config = _one_of(*SeveralForm.sources)

    kind: Literal["text"]
    separator: str = " "
    """What joins the columns."""

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        return FeatureSpec(name, self.kind, self.given_columns, separator=self.separator)


class TagsForm(SeveralForm):
    """Any number of values: of one column that spells them all, or a column of 0 and 1 for each."""

    model_config = _one_of(*SeveralForm.sources)

    kind: Literal["tags"]
    separator: Separator = "|"
    """What separates the tags of a cell."""
    path: Omittable[Separator] = None
    """What separates the levels of a tag, as in `Home > Beds`; all above a tag are tags too."""

    @model_validator(mode="after")
    def _parts_levels(self) -> Self:
        if self.path is not None and self.columns is not None:
            raise ValueError("`path` is of tags that one `column` spells, not of `columns`")
        if self.path == self.separator:
            raise ValueError(f"`path` and `separator` are the same {self.path!r}")
        return self

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        return FeatureSpec(
            name,
            self.kind,
            self.given_columns,
            separator=self.separator,
            levels=self.path or "",
        )


class CategoryForm(FeatureForm):
    """One value of a set."""

    kind: Literal["category"]
    column: Name
    """The table's column."""

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        return FeatureSpec(name, self.kind, (self.column,))


class NumberForm(FeatureForm):
    """A number."""

    kind: Literal["number"]
    column: Name
    """The table's column."""

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        return FeatureSpec(name, self.kind, (self.column,))


class MediaForm(FeatureForm):
    """A file, or several, of which sounds and clips are read by the first."""

    sources = ("path", "paths", "column")
    model_config = _one_of(*sources)

    kind: Literal["audio", "video"]
    column: Omittable[Name] = None
    """The column that has the files' paths."""
    path: Omittable[Template] = None
    """The path, with columns in braces, as in `images/{sku}.jpg`."""
    paths: Omittable[Several[Template]] = None
    """Several such paths; whatever there is of them is the feature."""
    separator: Separator = "|"
    """What separates the paths of a cell of `column`."""

    @field_validator("path", "paths")
    @classmethod
    def _are_templates(cls, value: str | tuple[str, ...], info: ValidationInfo) -> object:
        for path in (value,) if isinstance(value, str) else value:
            try:
                columns = template_columns(path)
            except ValueError as error:
                raise ValueError(f"{path!r} is not a template of a path: {error}") from error
            if not columns:
                raise ValueError(
                    f"{path!r} would be one {info.data.get('kind', '')} file for every row; name a "
                    "column in braces, as in media/{id}.xyz"
                )
        return value

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        columns = () if self.column is None else (self.column,)
        paths = self.paths or (() if self.path is None else (self.path,))
        first = paths[0] if paths else None
        return FeatureSpec(name, self.kind, columns, first, self.separator, paths)


class ImageForm(MediaForm):
    """A picture, or several, all of which are read."""

    kind: Literal["image"]  # type: ignore[assignment]
    pictures: int = Field(PICTURES, ge=1)
    """How many pictures of a row are read at most, the first ones; others are counted."""

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        return replace(super()._spec(name, has_table), pictures=self.pictures)


class VectorForm(SeveralForm):
    """Vectors that there are already."""

    sources = ("path", "column", "columns")
    model_config = _one_of(*sources)

    kind: Literal["vector"]
    column: Omittable[Name] = None
    """The column, of lists of numbers."""
    columns: Omittable[Several[Name]] = None
    """A column for each component."""
    path: Omittable[Name] = None
    """An .npy file of numbers `[rows, dimensions]`."""
    rows: Omittable[Literal["table", "id"]] = None
    """Which row of the file is whose: `table`, the table's row order, which needs a table, or
    `id`, the row that the id spells. By default `table` where there is one."""

    def _spec(self, name: str, has_table: bool) -> FeatureSpec:
        if self.path is None:
            return FeatureSpec(name, self.kind, self.given_columns)
        rows = self.rows or ("table" if has_table else "id")
        if rows == "table" and not has_table:
            raise ValueError(
                f"`features.{name}.rows` is `table` (the table's row order), but there is no "
                "table; say `id` (the row that the id spells) or add `table` beside `id`"
            )
        return FeatureSpec(name, self.kind, path=self.path, rows=rows)


#: A feature of a shop file: the form that its `kind` has.
Feature = Annotated[
    TextForm | ImageForm | MediaForm | CategoryForm | TagsForm | NumberForm | VectorForm,
    Field(discriminator="kind"),
]
