"""What the assistant decided in a turn: plain facts, from which any language's answer is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfmm.serving.assistant.filters import Filters


@dataclass(frozen=True)
class Item:
    """A product in an answer, said by title and price."""

    id: str


@dataclass(frozen=True)
class Title:
    """A product in an answer, said by its title alone."""

    id: str


@dataclass(frozen=True)
class Name:
    """A feature in an answer, said by its name."""

    feature: str


@dataclass(frozen=True)
class Value:
    """Values of a feature in an answer."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """What was looked for, said by its filters and words."""

    filters: Filters
    query: str = ""
    picture: bool = False


@dataclass(frozen=True)
class Details:
    """All that is known of a product."""

    id: str


@dataclass(frozen=True)
class Count:
    """How many products, as it is said."""

    products: int


@dataclass(frozen=True)
class Shared:
    """Features with what they are, as a list."""

    pairs: tuple[tuple[str, Value | float], ...]


Fact = Item | Title | Name | Value | Wish | Details | Count | Shared | str | float | int


@dataclass(frozen=True)
class Say:
    """A sentence to say: an answer of the language files, and the facts that fill it.

    With `template` "" its `text` is said as it is: words of the shop's own.
    """

    template: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Decision:
    """What is done in a turn.

    Attributes:
        intent: the name of the move.
        says: the sentences of the answer.
        products: those that are shown or spoken of, in order.
        listed: whether `products` are the new list; otherwise the list stays as it was.
        filters: what the list's products meet from now on.
        source, query, picture, reference: what the list comes from; see `State`.
        spoken: products that became the topic.
        found: how many products there are for a list in all, as far as is known.
        forgets: whether the conversation starts over.
        faq: the id of the question of service that was answered; "".
    """

    intent: str
    says: tuple[Say, ...]
    products: tuple[str, ...] = ()
    listed: bool = False
    filters: Filters = field(default_factory=Filters)
    source: str = ""
    query: str = ""
    picture: str = ""
    reference: str = ""
    spoken: tuple[str, ...] = ()
    found: int = 0
    forgets: bool = False
    faq: str = ""

    def to_json(self) -> dict[str, Any]:
        """What was decided, without what is empty."""
        told = {
            "intent": self.intent,
            "filters": self.filters.to_json(),
            "source": self.source,
            "query": self.query,
            "picture": bool(self.picture),
            "reference": self.reference,
            "products": list(self.products),
            "found": self.found,
            "faq": self.faq,
            "says": [say.template or "shop's own words" for say in self.says],
        }
        return {name: value for name, value in told.items() if value}
