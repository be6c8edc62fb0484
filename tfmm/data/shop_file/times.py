"""How a column of times is written, where the shop file says it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.specs import TimeSpec
from tfmm.data.shop_file.values import Name, NameToo, in_full

_MOMENT = datetime(2001, 12, 31, 23, 59, 58)


def _format(text: str) -> str:
    try:
        datetime.strptime(_MOMENT.strftime(text), text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no format of times: {error}; such as %d/%m/%Y %H:%M:%S"
        ) from error
    if not any(code in text for code in ("%Y", "%y", "%s", "%c", "%x", "%G")):
        raise ValueError(f"{text!r} has no year; such as %d/%m/%Y")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f"{text!r} is no time zone; such as Europe/Berlin or UTC") from error
    return text


class TimeForm(Section):
    """A column of times, and how it is written. What is left out is found over the column."""

    column: Name
    """The column."""
    format: Omittable[Annotated[str, Field(min_length=1), AfterValidator(_format)]] = None
    """As Python's strptime takes it: %d/%m/%Y %H:%M."""
    unit: Omittable[Literal["s", "ms", "us", "ns"]] = None
    """The unit of numbers that count from 1970."""
    zone: Omittable[Annotated[str, Field(min_length=1), AfterValidator(_zone)]] = None
    """The zone of times that do not name one, such as Europe/Berlin; UTC by default."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.unit is not None and (self.format or self.zone):
            other = "format" if self.format else "zone"
            raise ValueError(f"`unit` is of numbers that count from 1970, which have no `{other}`")
        return self

    def spec(self) -> TimeSpec:
        """What it means."""
        return TimeSpec(self.format, self.unit, self.zone)


#: A column of times, or a mapping that says how they are written.
TimeColumn = Annotated[TimeForm, BeforeValidator(in_full), NameToo()]
