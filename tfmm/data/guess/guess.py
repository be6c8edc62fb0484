"""From a folder of tables to the text of a shop file and of a run file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfmm.data.guess.column import Column
from tfmm.data.guess.events import describe
from tfmm.data.guess.features import Features, find_features, picture_files
from tfmm.data.guess.parts import join_parts
from tfmm.data.guess.roles import Found, Roles, find_roles
from tfmm.data.guess.sample import find_tables


@dataclass(frozen=True)
class Guess:
    """What was found in a folder.

    Args:
        shop: the text of a shop file.
        run: the text of a run file beside it.
        summary: lines for the person who asked.
    """

    shop: str
    run: str
    summary: list[str]


def guess(folder: Path) -> Guess:
    """What a folder's tables mean, as a shop file and a run file, each line with what was seen.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no table of events or of items.
    """
    samples, left = find_tables(folder)
    samples, apart = join_parts(samples, folder)
    roles = find_roles(samples)
    said = [*roles.said, *apart, *(f"left out: {line}" for line in left)]
    said += [f"{sample.table}: {note}" for sample in samples for note in sample.notes]
    lines = ["# Written by tfmm init; a guess from the tables in this folder. Look it through."]
    lines += [f"# {_line(one)}" for one in said]
    features = _items(lines, roles, folder)
    split: dict[str, Any] = {}
    summary = []
    if roles.items:
        of = roles.items.parent
        variants = f", variants of {of.form!r}, {of.seen}" if of else ""
        summary.append(f"items: {roles.items.sample.table}, by {roles.items.id.name!r}{variants}")
    if roles.events:
        form, seen, split = describe(roles.events, folder)
        lines.append("events:")
        lines += [_entry(2, key, value, seen.get(key, "")) for key, value in form.items()]
        summary.append(
            f"events: {form['table']}, users {form['user']!r}, items {form['item']!r}, "
            f"times {form.get('time', 'none')!r}"
        )
    if roles.users:
        lines += _table("users", roles.users, _of(roles.users, folder))
        summary.append(f"users: {roles.users.sample.table}, by {roles.users.id.name!r}")
    kinds = [f"{name} ({form['kind']})" for name, form in features.forms.items()]
    summary.append(f"features of items: {', '.join(kinds) or 'none'}")
    if features.fetched:
        names = ", ".join(features.fetched)
        summary.append(f"at addresses: {names}; to fetch them: tfmm fetch {folder / 'shop.yaml'}")
    run = _run(folder, roles, features, split)
    return Guess("\n".join(lines) + "\n", run, [*summary, *said])


def _of(found: Found, folder: Path) -> Features:
    names = found.parent.named if found.parent else ()
    told = {name: one for name, one in found.sample.columns.items() if name not in names}
    features = find_features(told, found.id, folder)
    for form in features.forms.values():
        if found.parent and form["kind"] == "category" and form["column"] in found.parent.options:
            form["kind"] = "tags"
    return features


def _items(lines: list[str], roles: Roles, folder: Path) -> Features:
    """Writes `items`; their features."""
    if roles.items is not None:
        features = _of(roles.items, folder)
        ids = roles.items.id
    else:
        assert roles.events is not None
        features, ids = Features(), roles.events.item
    if not any(form["kind"] == "image" for form in features.forms.values()):
        pictures = picture_files(folder, ids)
        if pictures:
            features.add("photo", {"kind": "image", "path": pictures[0]}, pictures[1])
    _vectors(features, roles, ids, folder)
    if roles.items is not None:
        lines += _table("items", roles.items, features)
    elif features.forms:
        lines += ["items:", "  features:"]
        lines += [
            _entry(4, name, form, features.seen[name]) for name, form in features.forms.items()
        ]
    return features


def _vectors(features: Features, roles: Roles, ids: Column, folder: Path) -> None:
    """Adds .npy files that have a row an item."""
    for path in sorted(folder.glob("*.npy")):
        try:
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        if stored.ndim != 2 or stored.dtype.kind not in "fiu":
            continue
        rows = ""
        if roles.items and roles.items.sample.whole and len(stored) == ids.rows:
            rows = "table"
        elif ids.is_whole and float(np.nanmax(ids.numbers)) < len(stored):
            rows = "id"
        if rows:
            name = re.sub(r"_?(feat(ures?)?|vectors?|emb(eddings?)?)$", "", path.stem) or path.stem
            seen = f"{len(stored):,} rows of {stored.shape[1]} numbers, a row for each {rows}"
            features.add(name, {"kind": "vector", "path": path.name, "rows": rows}, seen)


def _table(key: str, found: Found, features: Features) -> list[str]:
    lines = [f"{key}:", _entry(2, "table", found.sample.table)]
    if found.sample.format:
        lines.append(_entry(2, "format", found.sample.format))
    lines.append(_entry(2, "id", found.id.name, found.why))
    if found.parent:
        lines.append(_entry(2, "parent", found.parent.form, found.parent.seen))
    if features.forms:
        lines.append("  features:")
    lines += [_entry(4, name, form, features.seen[name]) for name, form in features.forms.items()]
    lines += [f"    # {_line(f'{name}: left out, {why}')}" for name, why in features.left.items()]
    return lines


def _entry(indent: int, key: str, value: Any, seen: str = "") -> str:
    """A line of YAML, with what was seen behind it."""
    text = yaml.safe_dump(
        {key: value}, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    comment = f"  # {_line(seen)}" if seen else ""
    return f"{' ' * indent}{text.strip()[1:-1]}{comment}"


def _line(text: str) -> str:
    """Text that stays within a comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _run(folder: Path, roles: Roles, features: Features, split: dict[str, Any]) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.resolve().name).strip("_-") or "shop"
    lines = ["# Written by tfmm init. Everything that is not said has a default.", f"name: {name}"]
    if roles.events is not None:
        lines.append("shop: shop.yaml")
        if split:
            lines.append(_entry(0, "split", split, "its values are 0, 1 and 2"))
        else:
            lines.append("# split: {by: time, valid: 0.1, test: 0.2}  # or user, leave_one_out")
        return "\n".join(lines) + "\n"
    kinds = {name: form["kind"] for name, form in features.forms.items()}
    classes = [name for name, kind in kinds.items() if kind == "category"]
    if ("text" in kinds.values() and len(kinds) > 1) or not classes:
        lines += ["task: search  # there are no events", "shop: shop.yaml"]
        if classes:
            lines.append(f"# or: task: classification, with label: {{feature: {classes[0]}}}")
    else:
        lines += ["task: classification  # there are neither events nor words", "shop: shop.yaml"]
        lines.append(_entry(0, "label", {"feature": classes[0]}))
    return "\n".join(lines) + "\n"
