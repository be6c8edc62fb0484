"""Ids: white space around them and zeros behind their points taken off, and look-alikes told."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfmm.data.tables import objects

# What nobody sees at the ends of an id. NUL and line breaks are left for the check of ids.
_AROUND = r"^[\s\x{a0}\x{ad}\x{200b}\x{200e}\x{200f}\x{2060}\x{3000}\x{feff}]+"
_PLAIN = r"^[!-~]*$"
_FLOAT = r"^-?(0|[1-9][0-9]*)\.0+$"
_HIDDEN = r"[\s\x{a0}\x{ad}\x{200b}-\x{200f}\x{2060}\x{3000}\x{feff}]+"
_DASHES = r"[\x{2010}-\x{2015}\x{2212}\x{fe58}\x{fe63}\x{ff0d}]"
#: What tools write for a missing id, besides nothing.
NO_ID = ("", "nan", "NaN", "<NA>", "None", "null", "NULL")
# Letters of Cyrillic and Greek that look like Latin ones, in lower case.
_ALIKE = str.maketrans("асеіјорѕухһԁкмтвнαονρτυικ", "aceijopsyxhdkmtbhaovptuik")


@dataclass(frozen=True, eq=False)
class TidyIds:
    """Ids that were put right.

    Args:
        ids: as many as were given.
        whole: whether those written as `17.0` are the whole numbers `17` now.
        said: what was put right: words, how many, and examples.
    """

    ids: pa.Array
    whole: bool
    said: list[tuple[str, int, list[str]]] = field(default_factory=list)


def tidy_ids(ids: pa.Array, whole: bool | None = None, known: pa.Array | None = None) -> TidyIds:
    """Ids in NFC, without white space around them; `17.0` is `17` where all are such.

    An id that would become another of them by NFC alone stays, since the table tells them apart.

    ```python
    import pyarrow as pa

    from tfmm.data.cells.ids import tidy_ids

    tidy_ids(pa.array(["17.0", " 18.0"])).ids.to_pylist()
    ```

    Args:
        ids: texts.
        whole: whether `17.0` is `17`; None where the ids decide.
        known: those of the catalogue; an id that is one of them stays as it is.
    """
    said = []
    bare = ids
    # Most columns are of plain characters alone, of which one look is enough.
    if not pc.all(pc.match_substring_regex(ids, _PLAIN)).as_py():
        for pattern in (_AROUND, _AROUND[1:] + "$"):
            bare = pc.replace_substring_regex(bare, pattern, "")
        bare = _composed(bare)
    if known is not None:
        stays = pc.is_in(ids, value_set=known)
        bare = pc.if_else(stays, ids, bare)
    changed = pc.fill_null(pc.not_equal(bare, ids), False)
    if pc.any(changed).as_py():
        said.append(
            (
                "ids had spaces around them or letters in parts",
                *_examples(ids, bare, changed),
            )
        )
    spelled = pc.fill_null(pc.match_substring_regex(bare, _FLOAT), False)
    if whole is None:
        missing = pc.or_(pc.is_in(bare, value_set=pa.array(NO_ID)), pc.is_null(bare))
        whole = bool(pc.any(spelled).as_py() and pc.all(pc.or_(spelled, missing)).as_py())
    if known is not None:
        spelled = pc.and_not(spelled, stays)
    if whole and pc.any(spelled).as_py():
        numbers = pc.replace_substring_regex(bare, r"^(-?[0-9]+)\.0+$", r"\1")
        numbers = pc.if_else(spelled, numbers, bare)
        said.append(("ids are whole numbers", *_examples(bare, numbers, spelled)))
        bare = numbers
    return TidyIds(bare, whole, said)


def _composed(ids: pa.Array) -> pa.Array:
    composed = pc.utf8_normalize(ids, "NFC")
    changed = pc.fill_null(pc.not_equal(composed, ids), False)
    others = ids.filter(pc.invert(changed))
    taken = pc.and_(changed, pc.is_in(composed, value_set=others))
    return pc.if_else(taken, ids, composed)


def _examples(before: pa.Array, after: pa.Array, changed: pa.Array) -> tuple[int, list[str]]:
    pairs = zip(before.filter(changed)[:3], after.filter(changed)[:3], strict=True)
    shown = [f"{one.as_py()!r} is {other.as_py()!r}" for one, other in pairs]
    return int(pc.sum(changed).as_py()), shown


def look_alikes(ids: pa.Array, known: pa.Array | None = None) -> tuple[int, list[str]]:
    """Ids that look like another and differ.

    Args:
        ids: texts.
        known: those to look among; None for `ids` themselves.

    Returns:
        How many there are, and the first three with their difference.
    """
    # Plain numbers are told apart by everyone.
    if known is None and pc.all(pc.match_substring_regex(ids, r"^[1-9][0-9]*$")).as_py():
        return 0, []
    looks = _looks(ids)
    among = ids if known is None else known
    first = pc.index_in(looks, value_set=looks if known is None else _looks(known))
    rows = first.fill_null(-1).to_numpy(zero_copy_only=False)
    found = np.flatnonzero(rows >= 0 if known is not None else rows != np.arange(len(rows)))
    shown = []
    for place in found[:3].tolist():
        one, other = ids[place].as_py(), among[int(rows[place])].as_py()
        shown.append(f"{one!r} looks like {other!r}: {difference(one, other)}")
    return len(found), shown


def _looks(ids: pa.Array) -> pa.Array:
    """What is the same for ids that look alike."""
    looks = pc.utf8_lower(pc.utf8_normalize(ids, "NFKC"))
    looks = pc.replace_substring_regex(looks, _HIDDEN, "")
    looks = pc.replace_substring_regex(looks, _DASHES, "-")
    foreign = pc.invert(pc.fill_null(pc.string_is_ascii(looks), True))
    if pc.any(foreign).as_py():
        plain = [str(text).translate(_ALIKE) for text in objects(looks.filter(foreign))]
        looks = pc.replace_with_mask(looks, foreign, pa.array(plain, pa.string()))
    looks = pc.replace_substring_regex(looks, r"^([0-9]+)\.0+$", r"\1")
    return pc.replace_substring_regex(looks, r"^0+([0-9])", r"\1")


def difference(one: str, other: str) -> str:
    """How two ids that look alike differ, in words."""
    if one.casefold() == other.casefold():
        return "upper and lower case differ"
    if one.lstrip("0") == other.lstrip("0"):
        return "it has more zeros in front" if len(one) > len(other) else "zeros in front are lost"
    if one.split(".0")[0] == other.split(".0")[0]:
        return "one ends in .0"
    place = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    names = [_called(text[place : place + 1]) for text in (one, other)]
    return f"character {place + 1} is {names[0]}, not {names[1]}"


def _called(character: str) -> str:
    if not character:
        return "the end"
    name = unicodedata.name(character, "a character").lower()
    return f"{name} (U+{ord(character):04X})"
