"""What values of a shop file may be: names, lists of names, templates of paths, a folder."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from tfmm.config import Listed, Section
from tfmm.data.names import FEATURE_RULE, is_feature_name
from tfmm.data.shop_file.table_urls import check_table_url, is_table_url

T = TypeVar("T")

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _expanded(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise ValueError(
                f"the environment variable {match[1]} of {text!r} is not set; "
                f"set it (export {match[1]}=...) or write the path out"
            )
        return found

    return _VARIABLE.sub(value, text)


def _table(text: str) -> str:
    if not is_table_url(text):
        return _expanded(text)
    # As it is written: what a variable holds may be a password.
    check_table_url(text)
    return text


def _folder(text: str) -> str:
    # A relative path in the environment was written by someone in the working folder.
    return os.path.abspath(_expanded(text)) if text.startswith("${") else _expanded(text)


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"lists {max(names, key=names.count)!r} more than once")
    return names


def _feature_name(name: str) -> str:
    if not is_feature_name(name):
        raise ValueError(f"{name!r} cannot name a feature; {FEATURE_RULE}")
    return name


#: A file or column; `${NAME}` in it is the environment variable NAME.
Name = Annotated[str, Field(min_length=1), AfterValidator(_expanded)]
#: A table: a file, or a URL of a database's.
TableName = Annotated[str, Field(min_length=1), AfterValidator(_table)]
#: One or more, all different.
Several = Annotated[
    Listed[T],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]
#: A path with columns in braces.
Template = Annotated[Name, Field(json_schema_extra={"pattern": r"\{[^{}]+\}"})]
#: What separates values in a cell.
Separator = Annotated[str, Field(min_length=1)]
#: A folder; what a variable at its start says is relative to the working folder.
Folder = Annotated[str, Field(min_length=1), AfterValidator(_folder)]
#: A host, by name or number, with its port or without.
Host = Annotated[str, Field(pattern=r"^([^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[Number, Field(ge=0)]
#: By names of features. JSON schema has no word for a letter of any script.
Named = Annotated[
    dict[Annotated[str, AfterValidator(_feature_name)], T],
    Field(json_schema_extra={"propertyNames": {"pattern": r"^[^\s\d=_.\-][^\s=]*$"}}),
]


def in_full(value: Any) -> Any:
    """The mapping that a column's name alone stands for."""
    if isinstance(value, str):
        return {"column": value}
    if not isinstance(value, (dict, Section)):
        came = "nothing" if value is None else repr(value)
        raise ValueError(f"must be a column's name or a mapping with a `column`, got {came}")
    return value


def _one_alone(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class NameToo:
    """Has JSON schema take a column's name alone."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {"anyOf": [handler(TypeAdapter(Name).core_schema), handler(schema)]}


#: A column, or several that are all different.
Columns = Annotated[Several[Name], BeforeValidator(_one_alone), NameToo()]
