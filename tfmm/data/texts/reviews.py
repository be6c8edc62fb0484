"""Reviews: what shoppers wrote about items, and what they said of which aspect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmm.data.columns import as_rows


def _no_texts() -> NDArray[np.object_]:
    return np.empty(0, object)


def _no_places() -> NDArray[np.int32]:
    return np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class Aspects:
    """What reviews say of what.

    Attributes:
        review: int32[k], rows of the reviews, ascending.
        aspect: object[k] of str: the words of a term as the text has them, or a category.
        polarity: object[k] of str in small letters, "" where nobody said.
        start, end: int32[k], characters of the text, the end behind the last; -1 for categories.
    """

    review: NDArray[np.int32] = field(default_factory=_no_places)
    aspect: NDArray[np.object_] = field(default_factory=_no_texts)
    polarity: NDArray[np.object_] = field(default_factory=_no_texts)
    start: NDArray[np.int32] = field(default_factory=_no_places)
    end: NDArray[np.int32] = field(default_factory=_no_places)

    def __len__(self) -> int:
        return len(self.review)

    @property
    def is_term(self) -> NDArray[np.bool_]:
        """bool[k], which have a place in the text; the others are categories."""
        return np.asarray(self.start >= 0)

    def take(self, rows: ArrayLike) -> Aspects:
        """Those at these positions, in this order."""
        rows = as_rows(rows, len(self))
        return Aspects(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Reviews:
    """Reviews in the order of their table.

    Attributes:
        text: object[n] of str, none of them empty.
        item, user: int32[n], rows of the catalogues; -1 where the table does not say, or names
            what the catalogue lacks.
        rating: object[n] of str, what the shopper gave as the table has it; "" where nothing.
        part: object[n] of str: "train", "valid" or "test"; "" where the table does not say.
        annotated: bool[n], whether somebody read it for aspects: the table of aspects names it.
        aspects: what they say of what.
    """

    text: NDArray[np.object_] = field(default_factory=_no_texts)
    item: NDArray[np.int32] = field(default_factory=_no_places)
    user: NDArray[np.int32] = field(default_factory=_no_places)
    rating: NDArray[np.object_] = field(default_factory=_no_texts)
    part: NDArray[np.object_] = field(default_factory=_no_texts)
    annotated: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    aspects: Aspects = field(default_factory=Aspects)

    @classmethod
    def none(cls) -> Self:
        """Those of a shop without a table of them."""
        return cls()

    def __len__(self) -> int:
        return len(self.text)

    def counts(self) -> dict[str, int]:
        """How many `reviews` there are, with a `rated` one among them, `items` that have one,
        `annotated` ones, and `terms` and `categories` in these."""
        terms = int(self.aspects.is_term.sum())
        return {
            "reviews": len(self),
            "rated": int((self.rating != "").sum()),
            "items": len(np.unique(self.item[self.item >= 0])),
            "annotated": int(self.annotated.sum()),
            "terms": terms,
            "categories": len(self.aspects) - terms,
        }
