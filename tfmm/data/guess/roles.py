"""Which table holds the events, which the items and which the users."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tfmm.data.guess.column import Column
from tfmm.data.guess.sample import Sample
from tfmm.data.guess.variants import Parent, find_parents
from tfmm.data.guess.words import says

#: The share of the events' ids that a table must have to be theirs: others would be left out.
_KNOWN = {"item": 0.5, "user": 0.9}


@dataclass(frozen=True, eq=False)
class Found:
    """A table with its column of ids, why it is taken for that, and what its variants are of."""

    sample: Sample
    id: Column
    why: str
    parent: Parent | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """A table of events with its columns of users and items."""

    sample: Sample
    user: Column
    item: Column


@dataclass(eq=False)
class Roles:
    """What each table is.

    Attributes:
        events, items, users: the tables; None where there is none.
        said: what else is to be said about tables, those that are left out among it.
    """

    events: Pairs | None = None
    items: Found | None = None
    users: Found | None = None
    said: list[str] = field(default_factory=list)


def find_roles(samples: Sequence[Sample]) -> Roles:
    """What each table is.

    Raises:
        ValueError: there are neither events nor items.
    """
    roles = Roles()
    scored = [(score, pairs) for sample in samples for score, pairs in _pairs(sample, samples)]
    if scored:
        roles.events = max(scored, key=_rank)[1]
    rest = [s for s in samples if roles.events is None or s is not roles.events.sample]
    roles.items = _export(rest, roles) or _owner("item", rest, roles)
    left = [s for s in rest if roles.items is None or s is not roles.items.sample]
    if roles.events is not None:
        roles.users = _owner("user", left, roles)
    elif roles.items is None:
        tables = ", ".join(sample.table for sample in samples) or "no table at all"
        raise ValueError(
            f"found neither events (a column of users and one of items) nor items (a column whose "
            f"ids tell all rows apart) in {tables}. Add such a column, a running number will do, "
            "or write the shop file by hand"
        )
    used = {one.sample.table for one in (roles.events, roles.items, roles.users) if one}
    unused = [sample.table for sample in samples if sample.table not in used]
    others = _best_of_each([one for one in scored if one[1].sample.table in unused])
    if roles.events is not None and others:
        roles.said += _why_these(max(scored, key=_rank), others)
    unused = [table for table in unused if table not in others]
    if unused:
        roles.said.append(f"not used: {', '.join(unused)}")
    return roles


def _rank(one: tuple[float, Pairs]) -> tuple[float, int]:
    score, pairs = one
    return score, pairs.sample.cells.num_rows


def _best_of_each(scored: Sequence[tuple[float, Pairs]]) -> dict[str, tuple[float, Pairs]]:
    """By table what it most likely holds, the likeliest table first."""
    found: dict[str, tuple[float, Pairs]] = {}
    for one in sorted(scored, key=_rank, reverse=True):
        found.setdefault(one[1].sample.table, one)
    return found


def _why_these(best: tuple[float, Pairs], others: Mapping[str, tuple[float, Pairs]]) -> list[str]:
    """What is said where events may be in several tables: what each holds, and why one is taken."""
    score, pairs = best
    table = pairs.sample.table
    told = [f"events may be in {table} ({_holds(pairs)})"]
    told += [f"in {name} ({_holds(one)})" for name, (_, one) in others.items()]
    second, next_best = next(iter(others.values()))
    if _says_events(pairs.sample) > _says_events(next_best.sample):
        why = "its name tells of events"
    elif score > second:
        why = "its columns are more like those of events"
    elif pairs.sample.cells.num_rows > next_best.sample.cells.num_rows:
        why = "it has the most rows"
    else:
        why = "it comes first by name, no more tells them apart"
    return [
        f"{', or '.join(told)}. {table} is taken: {why}",
        "a shop file has one table of events; to use several, write them into one, with a column "
        "that says the type of each for `events.type`, or, where all are of one kind and have the "
        "same columns, name their files by a pattern such as orders_*.csv",
    ]


def _holds(pairs: Pairs) -> str:
    return (
        f"{pairs.sample.of_rows}; {pairs.user.distinct:,} users {pairs.user.name!r}, "
        f"{pairs.item.distinct:,} items {pairs.item.name!r}"
    )


def _says_events(sample: Sample) -> bool:
    return says(sample.table.split(".")[0], "event")


def _pairs(sample: Sample, samples: Sequence[Sample]) -> list[tuple[float, Pairs]]:
    """What could be the users and items of a table of events, each with how likely it is."""
    ids = [column for column in sample.columns.values() if column.could_be_id]
    users = [(column, _likely(column, "user", sample, samples)) for column in ids]
    items = [(column, _likely(column, "item", sample, samples)) for column in ids]
    timed = any(column.time for column in sample.columns.values())
    small = sample.cells.num_rows < 20
    found = []
    for user, of_user in users:
        for item, of_item in items:
            if user is item or min(of_user, of_item) < 2:
                continue
            if not small and (user.is_key or item.is_key):
                continue
            score = of_user + of_item + timed + 2 * _says_events(sample)
            found.append((score, Pairs(sample, user, item)))
    return found


def _likely(column: Column, role: str, sample: Sample, samples: Sequence[Sample]) -> float:
    other = "user" if role == "item" else "item"
    score = 3.0 * says(column.name, role) + says(column.name, "id") - 3 * says(column.name, other)
    score -= 3 * says(column.name, "type")  # a "visitor type" is a kind of users
    for table in samples:
        if table is sample:
            continue
        for key in table.columns.values():
            if key.is_key and _same(key, column) and column.share_in(key) >= _KNOWN[role]:
                named = f"{table.table} {key.name}"
                score += 2.0 * (says(named, role) or not says(named, other))
    return score


def _same(key: Column, column: Column) -> bool:
    """Whether two columns may hold the same ids: small whole numbers are in all tables."""
    if re.sub(r"\W|_", "", key.name).casefold() == re.sub(r"\W|_", "", column.name).casefold():
        return True
    if says(key.name, "item") and says(column.name, "user"):
        return False
    if says(key.name, "user") and says(column.name, "item"):
        return False
    return says(key.name, "id") or not key.is_number


def _export(samples: Sequence[Sample], roles: Roles) -> Found | None:
    """A catalogue whose rows are variants; such ids tell no rows apart."""
    found = [(s, id, parent) for s in samples for id, parent in find_parents(s)]
    if roles.events is None:
        for sample, id, parent in found:
            return Found(sample, id, f"{id.distinct:,} values in {sample.of_rows}", parent)
        return None
    column = roles.events.item
    shared = [(column.share_in(id), sample, id, parent) for sample, id, parent in found]
    if not shared:
        return None
    share, sample, id, parent = max(shared, key=lambda one: one[0])
    if share < _KNOWN["item"]:
        return None
    why = f"{share:.0%} of the {column.distinct:,} {column.name!r} are among its values"
    return Found(sample, id, why, parent)


def _owner(role: str, samples: Sequence[Sample], roles: Roles) -> Found | None:
    keys = [(s, c) for s in samples for c in s.columns.values() if c.is_key]
    if roles.events is None:
        keys = [one for one in keys if not says(one[1].name, "user")]
        ranked = max(keys, key=lambda one: _as_catalogue(*one), default=None)
        if ranked is None:
            return None
        sample, key = ranked
        return Found(sample, key, f"{key.distinct:,} values in {sample.of_rows}")
    pairs = roles.events
    column = pairs.item if role == "item" else pairs.user
    fitting = [(s, k, column.share_in(k)) for s, k in keys if _same(k, column)]
    known = [one for one in fitting if one[2] >= _KNOWN[role]]
    if not known:
        for sample, _, share in fitting:
            if share > 0.1:
                roles.said.append(
                    f"{sample.table} knows {share:.0%} of the {role}s of {pairs.sample.table}; the "
                    "events of others would be left out, so it is not used"
                )
        return None
    sample, key, share = max(
        known, key=lambda one: (one[1].name == column.name, one[2], len(one[0].columns))
    )
    why = (
        f"{key.distinct:,} values in {sample.of_rows}; {share:.0%} of the {column.distinct:,} "
        f"{column.name!r} of {pairs.sample.table} are among them"
    )
    return Found(sample, key, why)


def _as_catalogue(sample: Sample, key: Column) -> tuple[bool, bool, int]:
    named = says(key.name, "item") or says(key.name, "id")
    return named, len(sample.columns) > 2, sample.cells.num_rows
