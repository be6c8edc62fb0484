"""Features of events: as those of items and users, and perhaps known only after the event."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tfmm.config import Section
from tfmm.data.shop_file import features


class _Told(Section):
    """When it is known."""

    after: bool = False
    """Whether it is known only after the event, as how long a film was watched; no model reads
    it."""


class ContextText(features.TextForm, _Told):
    """Words, of one column or of several, which are joined."""


class ContextImage(features.ImageForm, _Told):
    """Pictures; refused, since events have no files."""


class ContextMedia(features.MediaForm, _Told):
    """Sounds and clips; refused, since events have no files."""


class ContextCategory(features.CategoryForm, _Told):
    """One value of a set."""


class ContextTags(features.TagsForm, _Told):
    """Any number of values."""


class ContextNumber(features.NumberForm, _Told):
    """A number."""


class ContextVector(features.VectorForm, _Told):
    """Numbers of one length; refused where they are in a file."""


ContextFeature = Annotated[
    ContextText
    | ContextImage
    | ContextMedia
    | ContextCategory
    | ContextTags
    | ContextNumber
    | ContextVector,
    Field(discriminator="kind"),
]
