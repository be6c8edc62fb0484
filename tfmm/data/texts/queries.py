"""Queries: what shoppers ask for, with what they want and the named parts of their words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Slot(NamedTuple):
    """A named part of a text: its first character, from 0, and the one behind its last."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Queries:
    """Queries in the order of their table.

    Attributes:
        text: object[n] of str, none of them empty.
        intent: object[n] of str, "" where the table does not say.
        slots: object[n] of tuples of `Slot`, by place.
        part: object[n] of str: "train", "valid" or "test"; "" where the table does not say.
    """

    text: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    intent: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    slots: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    part: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))

    @classmethod
    def none(cls) -> Self:
        """Those of a shop without a table of them."""
        return cls()

    def __len__(self) -> int:
        return len(self.text)

    def counts(self) -> dict[str, int]:
        """How many `queries`, distinct `intents`, and `slots` there are."""
        intents = len(set(self.intent) - {""})
        return {
            "queries": len(self),
            "intents": intents,
            "slots": sum(map(len, self.slots)),
        }


def parse_slots(cell: str, text: str) -> tuple[Slot, ...] | str:
    """The slots that a cell spells, by place; or what is wrong with it, in words.

    ```python
    from tfmm.data.texts.queries import parse_slots

    parse_slots('[["people", 12, 13]]', "a table for 2")
    ```

    Args:
        cell: JSON: a list of `[name, start, end]`, or of mappings with these keys; "" for none.
        text: that they are parts of.
    """
    if not cell.strip():
        return ()
    try:
        value = json.loads(cell)
    except json.JSONDecodeError as error:
        return f"no JSON: {error}"
    if not isinstance(value, list):
        return "no list"
    found = []
    for entry in value:
        slot = _slot(entry)
        if slot is None:
            return f"{entry!r} is no [name, start, end]"
        if not 0 <= slot.start < slot.end <= len(text):
            return f"{slot.name!r} from {slot.start} to {slot.end} is no part of the text"
        found.append(slot)
    found.sort(key=lambda slot: slot[1:])
    for one, other in pairwise(found):
        if other.start < one.end:
            return f"{one.name!r} and {other.name!r} overlap"
    return tuple(found)


def _slot(entry: Any) -> Slot | None:
    if isinstance(entry, dict):
        entry = [entry.get(key) for key in Slot._fields]
    if not isinstance(entry, list) or len(entry) != 3:
        return None
    name, *places = entry
    whole = all(isinstance(place, int) and not isinstance(place, bool) for place in places)
    return Slot(name, *places) if isinstance(name, str) and name and whole else None
