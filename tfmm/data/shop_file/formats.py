"""The dialect of a table, where the shop file says it."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tfmm.config import Omittable, Section
from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.shop_file.values import Name, Several

#: What a word of a shop file means that YAML writes awkwardly.
_WORDS = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|", "none": ""}


def _character(text: str) -> str:
    found = _WORDS.get(text, text)
    if len(found) != 1 or not found.isascii() or found.isalnum():
        raise ValueError(
            f'{text!r} cannot part cells; give one character, such as ";", or the word tab'
        )
    return found


def _quote(text: str) -> str:
    found = _WORDS.get(text, text)
    if len(found) > 1 or not found.isascii():
        raise ValueError(f"{text!r} cannot enclose cells; give one character, or none")
    return found


def _encoding(text: str) -> str:
    try:
        codecs.lookup(text)
        "".encode(text)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"{text!r} is no encoding of text; such as utf-8, utf-16, cp1252, gb18030, shift_jis"
        ) from error
    return text


class FormatForm(Section):
    """The dialect of a table. What is left out is found, and said in the report."""

    delimiter: Omittable[Annotated[str, Field(min_length=1), AfterValidator(_character)]] = None
    """What parts its cells: one character, or the word tab."""
    encoding: Omittable[Annotated[str, Field(min_length=1), AfterValidator(_encoding)]] = None
    """The encoding of its bytes, by Python's names: utf-8, utf-16, cp1252, gb18030, shift_jis."""
    decimal: Omittable[Literal[".", ","]] = None
    """The mark before a number's decimals."""
    quote: Omittable[Annotated[str, AfterValidator(_quote)]] = None
    """What encloses cells that hold a delimiter: one character, or the word none."""
    skip: Omittable[Annotated[int, Field(ge=0)]] = None
    """Lines above the row of columns' names, or rows of a workbook."""
    header: Omittable[Several[Name]] = None
    """The names of all its columns, in order, where the table has no line of them."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.delimiter is not None and self.delimiter == self.quote:
            raise ValueError(f"`delimiter` and `quote` are the same {self.quote!r}")
        return self

    def spec(self) -> FormatSpec:
        """What it means."""
        return FormatSpec(**dict(self))
