"""Tables of databases, by URL. What `${NAME}` in one stands for is looked up when it is read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_KNOWN = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")
_SUCH_AS = "such as sqlite:///shop.db#orders or postgresql://user:${PGPASSWORD}@host/db#orders"


@dataclass(frozen=True)
class TableUrl:
    """A table of a database.

    Args:
        written: the URL as a shop file has it, which holds no password and may be shown.
        root: the folder that a relative path of SQLite's file is relative to.
    """

    written: str
    root: Path

    def __str__(self) -> str:
        return self.written

    @property
    def table(self) -> str:
        """The table's name, as it is written after the `#`."""
        return self.written.partition("#")[2]

    def url(self) -> str:
        """The database's URL with the values of variables, a password among them: not to be shown.

        Raises:
            ValueError: for a variable that is not set.
        """
        return _filled(self.written.partition("#")[0])


def placed(root: Path, table: str) -> Path | TableUrl:
    """Where the table of a shop file is: a file relative to the root, or a database's table."""
    return TableUrl(table, root) if is_table_url(table) else root / table


def is_table_url(table: str) -> bool:
    """Whether a shop file's `table` is a URL, or a variable that holds one."""
    text = table.partition("#")[0]
    if alone := _VARIABLE.fullmatch(text):
        text = os.environ.get(alone[1], "")
    return "://" in text


def check_table_url(written: str) -> None:
    """Looks whether a URL can be used.

    Raises:
        ValueError: for a database that is not known, a variable that is not set, a missing name
            of the table, and a password: the shop file is copied into the folders of runs.
    """
    text, _, table = written.partition("#")
    scheme = _filled(text).partition("://")[0]
    if scheme.casefold() not in _KNOWN:
        raise ValueError(
            f"tables are read from SQLite and PostgreSQL, not from {scheme!r}; {_SUCH_AS}"
        )
    if _VARIABLE.sub("", _password(text)):
        raise ValueError(
            "the URL holds a password, which would be copied into the folders of runs; put it in "
            f"an environment variable and name that, {_SUCH_AS}"
        )
    if not table:
        raise ValueError(f"the URL names no table; add it after a #, {_SUCH_AS}")


def _password(text: str) -> str:
    """The passwords that a URL spells out."""
    scheme, _, rest = text.partition("://")
    if scheme.casefold() == "sqlite":
        return ""
    rest, _, query = rest.partition("?")
    _, _, password = rest.rpartition("@")[0].partition(":")
    return password + "".join(value for key, value in parse_qsl(query) if "password" in key)


def _filled(text: str) -> str:
    """A URL with the values of its variables, which are quoted where they are of its user."""
    scheme, mark, rest = text.partition("://")
    user, at, place = rest.rpartition("@") if scheme.casefold() != "sqlite" else ("", "", rest)
    user = _VARIABLE.sub(lambda found: quote(_value(found[1]), safe=""), user)
    return _VARIABLE.sub(lambda found: _value(found[1]), f"{scheme}{mark}") + (
        user + at + _VARIABLE.sub(lambda found: _value(found[1]), place)
    )


def _value(name: str) -> str:
    found = os.environ.get(name)
    if not found:
        raise ValueError(f"the environment variable {name} is not set; set it (export {name}=...)")
    return found
