"""What a search gives for one request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Hits:
    """Items found for one request, best first: equally long lists of ids and scores, padding
    removed."""

    item_id: list[str]
    score: list[float]

    def __len__(self) -> int:
        return len(self.item_id)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(zip(self.item_id, self.score, strict=True))

    @classmethod
    def without_padding(cls, ids: list[str], scores: list[float]) -> Hits:
        """A row of a signature's answer, without the "" that fills it up."""
        kept = [(i, s) for i, s in zip(ids, scores, strict=True) if i]
        return cls([i for i, _ in kept], [s for _, s in kept])
