"""What every move is: how sure it is that a turn is for it, and what it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tfmm.serving.assistant.decision import Count, Decision, Fact, Item, Say, Wish
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.known.faq import Faq
from tfmm.serving.assistant.known.finder import Finder, Wanted
from tfmm.serving.assistant.known.products import Products
from tfmm.serving.assistant.known.reviews import Reviews
from tfmm.serving.assistant.reading.message import Message
from tfmm.serving.assistant.state import State


@dataclass(frozen=True, eq=False)
class Turn:
    """A turn as moves see it.

    Attributes:
        message: what was said.
        state: the conversation before it.
        products, finder, faq, reviews: what there is to answer from.
        picture: the picture that came with it, as base64; "".
        shown: how many products a list shows.
    """

    message: Message
    state: State
    products: Products
    finder: Finder
    faq: Faq
    reviews: Reviews
    picture: str
    shown: int

    def find(self, source: str, filters: Filters, exclude: tuple[str, ...] = ()) -> list[str]:
        """All products for a source of the state with other filters."""
        state = self.state
        return self.finder.find(
            Wanted(
                source,
                filters,
                state.query,
                state.picture_bytes,
                state.reference,
                state.shopper,
                state.looked,
                exclude,
            )
        )

    def pointed(self) -> list[str]:
        """The shown products that the message points at, in its order; of a pronoun the product
        that was spoken of last if it is shown, else the first. Empty for a place that is not."""
        shown, places = self.state.shown, self.message.places
        if places:
            if any(place > len(shown) for place in places):
                return []
            return [shown[place - 1 if place > 0 else place] for place in places]
        if not shown:
            return []
        return [self.state.focus if self.state.focus in shown else shown[0]]

    def narrowed(self, filters: Filters) -> Filters:
        """Filters with what the message says: a feature's values replaced, but tags added to those
        there are while any product has them all."""
        message = self.message
        said = Filters(message.wants, message.refuses, message.without, message.ranges)
        changed = filters.changed(said)
        for feature, values in message.wants.items():
            if feature in self.products.several and feature in filters.wanted:
                both = changed.dropping([feature]).adding(
                    feature, (*filters.wanted[feature], *values)
                )
                if self.products.mask(both).any():
                    changed = both
        return changed


class Move(Protocol):
    """One thing that the assistant can do."""

    @property
    def intent(self) -> str:
        """Its name."""
        ...

    def confidence(self, turn: Turn) -> float:
        """How sure it is that the turn asks for it, 0 to 1."""
        ...

    def act(self, turn: Turn) -> Decision:
        """What is done. Asked only of the move that is surest."""
        ...


def listing(
    turn: Turn,
    intent: str,
    found: Sequence[str],
    *,
    source: str,
    filters: Filters,
    said: str = "found",
    query: str = "",
    picture: str = "",
    reference: str = "",
) -> Decision:
    """The decision to show the first of some found products as the new list."""
    products = tuple(found[: turn.shown])
    wish = Wish(filters, query, bool(picture))
    named = bool(filters or query or picture)
    if not products:
        says = Say("nothing", {"what": wish}) if named else Say("nothing_any")
    elif said == "found" and len(found) == 1 and named:
        says = Say("found_one", {"what": wish, "first": Item(products[0])})
    elif said == "found" and named and not picture:
        facts: dict[str, Fact] = {
            "count": Count(len(found)),
            "what": wish,
            "first": Item(products[0]),
        }
        says = Say("found", facts)
    elif said == "similar":
        says = Say("similar", {"reference": Item(reference), "first": Item(products[0])})
    else:
        says = Say("found_any" if said == "found" else said, {"first": Item(products[0])})
    return Decision(
        intent,
        (says,),
        products,
        listed=True,
        filters=filters,
        source=source,
        query=query,
        picture=picture,
        reference=reference,
        found=len(found),
    )
