"""The triples of a shop: which item or entity has which relation to which other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Knowledge:
    """A graph whose nodes are items and entities, and whose edges have one of several relations.

    Attributes:
        n_items: number of items of the catalogue.
        entities: object[e], the names of what is no item.
        relations: object[r], the names of the relations.
        head, tail: int32[t], nodes: the rows of items, and behind these the entities.
        relation: int32[t], places in `relations`.
    """

    n_items: int = 0
    entities: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    relations: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    head: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    relation: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    tail: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    @classmethod
    def none(cls) -> Self:
        """What a shop without a table of it knows."""
        return cls()

    def __len__(self) -> int:
        return len(self.head)

    def counts(self) -> dict[str, int]:
        """How many `triples`, `relations` and `entities` there are, and `items` with a triple."""
        nodes = np.unique(np.concatenate([self.head, self.tail]))
        return {
            "triples": len(self),
            "relations": len(self.relations),
            "items": int((nodes < self.n_items).sum()),
            "entities": len(self.entities),
        }
