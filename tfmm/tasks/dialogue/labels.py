"""What queries are labelled with: the intent of each, and the tags of its tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.texts.queries import Queries

#: Of a query whose table does not say what is wanted, and of one that is out of scope.
UNSAID, OUT = -1, -2


@dataclass(frozen=True)
class Labels:
    """The intents and slots that a model knows, in order.

    Attributes:
        intents: distinct names, sorted.
        slots: likewise.
    """

    intents: tuple[str, ...]
    slots: tuple[str, ...]

    @classmethod
    def of(cls, queries: Queries, out_of_scope: Collection[str]) -> Labels:
        """Those of a table."""
        intents = set(map(str, queries.intent)) - {"", *out_of_scope}
        slots = {slot.name for slots in queries.slots for slot in slots}
        return cls(tuple(sorted(intents)), tuple(sorted(slots)))

    def codes(self, queries: Queries, out_of_scope: Collection[str]) -> NDArray[np.int32]:
        """int32 `[n]`: the number of each query's intent, `OUT` or `UNSAID`."""
        place = {name: at for at, name in enumerate(self.intents)}
        place |= {name: OUT for name in out_of_scope if name not in place}
        found = (place.get(str(name), UNSAID) for name in queries.intent)
        return np.fromiter(found, np.int32, len(queries))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for `from_dict`."""
        return {"intents": list(self.intents), "slots": list(self.slots)}

    @classmethod
    def from_dict(cls, value: dict[str, Sequence[str]]) -> Labels:
        """What `to_dict` gave."""
        return cls(tuple(value["intents"]), tuple(value["slots"]))
