"""Addresses as tables write them: which cells are some, and how they are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

#: A scheme of two letters or more (one letter is a drive), none before a host, or the file itself.
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.\-]+://|//[^/\s]+\.[^/\s]+/|data:[^\s,;]*[,;]")
#: What parts addresses whatever the shop file says: nothing else stands before a new one.
_BETWEEN = re.compile(r"(?i)(?:\s*[,;|]\s*|\s+)(?=(?:https?:)?//)")
_PARTS = re.compile(r"(?i)([a-z]+):(//[^/?]*)(.*)", re.DOTALL)
#: Letters that an address may hold, which a separator of names may be too.
_MARKS = "-._~:/?[]@!$&'()*+,;="
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_address(name: str) -> bool:
    """Whether the name of a file is an address, `data:` and schemes that are not fetched included.

    ```python
    from tfmm.data.fetch.spelling import is_address

    is_address("//cdn.example.org/盘子 1.jpg?v=12")  # True
    ```
    """
    return _ADDRESS.match(name) is not None


def tidy_address(name: str) -> str:
    """An address as it is asked for: with its scheme, without fragment, other letters escaped."""
    if name[:5].lower() == "data:":
        return name
    # Feeds that were HTML once keep its ampersands.
    text = name.strip().replace("&amp;", "&").partition("#")[0]
    found = _PARTS.fullmatch(f"https:{text}" if text.startswith("//") else text)
    if found is None:
        return text
    scheme, host, rest = found.groups()
    return f"{scheme.lower()}:{host}" + quote(_STRAY_PERCENT.sub("%25", rest), safe="%" + _MARKS)


def why_unasked(address: str) -> str:
    """Why an address is not one that is asked; "" where it is."""
    scheme = address.partition(":")[0].lower()
    if scheme == "data":
        return "a `data:` address holds the file itself; write it into a file and name that"
    return "" if scheme in ("http", "https") else f"{scheme}: only http and https are fetched"


def whole_names(parts: Iterable[str], separator: str) -> list[str]:
    """The names in a cell, whose addresses may hold what separates names.

    ```python
    from tfmm.data.fetch.spelling import whole_names

    whole_names(["https://cdn.example.org/w_400", "h_300/a.jpg"], ",")
    ```

    Args:
        parts: the cell, parted by `separator`.
        separator: what parted it.
    """
    names: list[str] = []
    # A bar or a space is part of no address.
    joins = bool(separator.strip()) and all(letter in _MARKS for letter in separator.strip())
    for part in parts:
        text = part.strip()
        if joins and names and is_address(names[-1]) and not is_address(text):
            names[-1] += separator + part.rstrip()
        elif text:
            names.append(text)
    found: list[str] = []
    for name in names:
        if not is_address(name) or name[:5].lower() == "data:":
            found.append(name)
        else:
            found += (one.strip(" ,;|\t") for one in _BETWEEN.split(name))
    return found
