"""The features of a table: which kind each column is."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from tfmm.data.fetch.spelling import tidy_address
from tfmm.data.guess.column import MEDIA_ENDINGS, Column
from tfmm.data.guess.words import parts_of, says
from tfmm.data.names import is_feature_name

_SEPARATORS = ("|", ";", " > ", ", ", ",")
_MOST_FILES = 500_000
#: Words a value from which on a column has several, and from which on they are prose.
_SEVERAL, _PROSE = 1.5, 5.0
#: Values that a category may have in a short table too.
_FEW = 20
#: The share of rows whose value others have too, from which on values are of a category.
_SHARED = 0.8


@dataclass(eq=False)
class Features:
    """Features with what was seen of each, and why other columns are none."""

    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    #: The columns of addresses among them.
    fetched: list[str] = field(default_factory=list)

    def add(self, name: str, form: dict[str, Any], seen: str) -> None:
        """Takes a feature, by a name that features may have and none has yet."""
        plain = re.sub(r"[^\w.\-]+", "_", name.strip()).strip("_.-") or "feature"
        plain = plain if is_feature_name(plain) else f"f_{plain}"
        plain = plain if is_feature_name(plain) else "feature"
        distinct, number = plain, 1
        while distinct in self.forms:
            number += 1
            distinct = f"{plain}_{number}"
        self.forms[distinct], self.seen[distinct] = form, seen


def find_features(columns: Mapping[str, Column], id: Column, folder: Path) -> Features:
    """The features that a table's columns make."""
    found = Features()
    others = {name: column for name, column in columns.items() if column is not id}
    flags = [name for name, column in others.items() if column.is_flag]
    texts: list[Column] = []
    if len(flags) >= 3:
        found.add("flags", {"kind": "tags", "columns": flags}, f"{len(flags)} columns of 0 and 1")
    for name, column in others.items():
        if len(flags) >= 3 and name in flags:
            continue
        if reason := _no_feature(column, others):
            found.left[name] = reason
        elif column.addresses:
            _add_addresses(found, column)
        elif column.media:
            _add_files(found, column, folder)
        elif column.lists or (separator := _separator(column)):
            form = {"kind": "tags", "column": name}
            if not column.lists and separator != "|":
                form["separator"] = separator
                if separator == " > ":
                    form |= {"separator": "|", "path": " > "}
            found.add(name, form, column.seen())
        elif column.is_number:
            if _is_code(column):
                found.left[name] = f"numbers that name something: {column.seen()}"
            else:
                low, high = column.numbers.min(), column.numbers.max()
                found.add(
                    name,
                    {"kind": "number", "column": name},
                    f"{column.seen()}; {low:g} to {high:g} in a sample",
                )
        elif _is_text(column):
            texts.append(column)
        elif column.distinct <= max(0.3 * column.filled, _FEW) or column.shared >= _SHARED:
            words = column.words >= _SEVERAL
            more = "; few values, of several words, which kind: text would read" if words else ""
            found.add(name, {"kind": "category", "column": name}, column.seen() + more)
        else:
            found.left[name] = f"too many values for a category: {column.seen()}"
    _add_texts(found, texts)
    return found


def _no_feature(column: Column, others: Mapping[str, Column]) -> str:
    if not column.distinct:
        return "it is empty, or holds objects"
    if column.distinct == 1 and column.rows > 1:
        return f"one value alone: {column.seen()}"
    if column.addresses and not column.media:
        return f"addresses, which do not say what kind of file is there: {column.seen()}"
    if column.time is not None:
        return "times, of which there is no kind of feature"
    return ""


def _is_code(column: Column) -> bool:
    last = [part for part in parts_of(column.name) if not part.isdigit()][-1:]
    return bool(last) and says(last[0], "id")


def _is_text(column: Column) -> bool:
    if column.words >= _PROSE and column.distinct > _FEW:
        return True
    many = column.distinct > 0.3 * column.filled
    if says(column.name, "text"):
        return many and (column.words >= _SEVERAL or column.shared < _SHARED)
    # Names of a few words that most rows share, brands say, are categories in a short table too.
    return many and column.words >= _SEVERAL and column.shared < _SHARED


def _separator(column: Column) -> str:
    """What parts several values in a cell; "" where a cell holds one."""
    if column.is_number or column.words > 12 or says(column.name, "title"):
        return ""
    for mark in _SEPARATORS:
        cells = [text for text in column.texts if mark in text]
        if len(cells) < 0.3 * max(len(column.texts), 1):
            continue
        counted = Counter(part.strip() for text in column.texts for part in text.split(mark))
        long = any(len(part.split()) > 4 for part in counted)
        if "" not in counted and not long and sum(counted.values()) >= 1.5 * len(counted):
            return mark
    return ""


def _add_texts(found: Features, texts: list[Column]) -> None:
    if not texts:
        return
    texts.sort(key=lambda column: (not says(column.name, "title"), column.length))
    seen = "; ".join(f"{column.name}: {column.seen()}{_also(column)}" for column in texts)
    forms, told = found.forms, found.seen
    found.forms, found.seen = {}, {}
    if len(texts) == 1:
        found.add(texts[0].name, {"kind": "text", "column": texts[0].name}, seen)
    else:
        names = [column.name for column in texts]
        found.add("text", {"kind": "text", "columns": names}, seen)
    # Words first: a page shows the first text as a product's name.
    for name, form in forms.items():
        found.add(name, form, told[name])


def _also(column: Column) -> str:
    if column.shared < 0.5:
        return ""
    return f", {column.shared:.0%} of which share theirs, as kind: category would tell"


def _add_addresses(found: Features, column: Column) -> None:
    hosts = Counter(urlsplit(tidy_address(name)).netloc for name in column.addresses)
    most = hosts.most_common(1)[0][0]
    more = f" and {len(hosts) - 1:,} more hosts" if len(hosts) > 1 else ""
    seen = f"addresses at {most}{more}, which `tfmm fetch` and training fetch"
    found.add(column.name, {"kind": column.media, "column": column.name}, seen)
    found.fetched.append(column.name)


def _add_files(found: Features, column: Column, folder: Path) -> None:
    def there(prefix: str) -> int:
        return sum((folder / prefix / text).is_file() for text in some)

    some = column.texts[:200]
    folders = ["", *sorted(path.name for path in folder.iterdir() if path.is_dir())]
    best = max(folders, key=there)
    count = there(best)
    said = f"{count:,} of the first {len(some):,} distinct names are files"
    if not count:
        found.left[column.name] = f"names of files that are not there: {column.seen()}"
    elif best:
        path = f"{best}/{{{column.name}}}"
        found.add(column.name, {"kind": column.media, "path": path}, f"{said} of {best}/")
    else:
        found.add(column.name, {"kind": column.media, "column": column.name}, said)


def picture_files(folder: Path, ids: Column) -> tuple[str, str] | None:
    """The template of pictures that are named after ids, and what was seen; None without any."""
    groups: dict[tuple[str, str], set[str]] = {}
    count = 0
    for top, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending.lower() in MEDIA_ENDINGS["image"]:
                place = os.path.relpath(top, folder).replace(os.sep, "/")
                groups.setdefault((place, ending), set()).add(stem)
                count += 1
        if count > _MOST_FILES:
            break
    shared = {
        key: ids.share_in(Column.of("files", pa.chunked_array([sorted(stems)]), "files"))
        for key, stems in groups.items()
    }
    best = max(shared, key=lambda key: shared[key], default=None)
    if best is None or shared[best] < 0.3:
        return None
    place, ending = best
    before = "" if place == "." else f"{place}/"
    said = f"{shared[best]:.0%} of the ids have a file {before}…{ending}"
    return f"{before}{{{ids.name}}}{ending}", said
