"""Two shown products side by side, by what is known of them."""

from __future__ import annotations

import re
from typing import ClassVar

from tfmm.serving.assistant.decision import Decision, Item, Name, Say, Shared, Value
from tfmm.serving.assistant.moves.base import Turn
from tfmm.serving.assistant.moves.more import no_such_place

_DIGITS = re.compile(r"(?<!\d)\d{1,2}(?!\d)")


class Compare:
    """Where they differ a row each, and what they share."""

    intent: ClassVar[str] = "compare"

    def confidence(self, turn: Turn) -> float:
        if "compare" not in turn.message.cues:
            return 0.0
        return 0.93 if turn.state.shown and not turn.message.picture else 0.55

    def act(self, turn: Turn) -> Decision:
        shown = turn.state.shown
        if len(shown) == 1:
            return no_such_place(turn, self.intent)
        if not shown:
            return Decision(self.intent, (Say("needs_products"),), filters=turn.state.filters)
        places = _places(turn)
        if any(place > len(shown) for place in places):
            return no_such_place(turn, self.intent)
        first, second = (shown[place - 1 if place > 0 else place] for place in places)
        says = [Say("compare", {"first": Item(first), "second": Item(second)})]
        says += _rows(turn, first, second)
        return Decision(
            self.intent,
            tuple(says),
            (first, second),
            filters=turn.state.filters,
            spoken=(first, second),
        )


def _places(turn: Turn) -> tuple[int, int]:
    """The two that are meant: those that are named, else the one that is and its neighbour."""
    message, count = turn.message, len(turn.state.shown)
    places = list(message.places)
    if len(places) < 2 and not message.ranges:
        digits = [int(digits) for digits in _DIGITS.findall(message.text)]
        places += [place for place in digits if 1 <= place <= 99 and place not in places]
    if len(places) == 1:
        other = 1 if places[0] not in (1, -count) else 2
        places = [places[0], other]
    first, second = places[:2] or (1, 2)
    return first, second


def _rows(turn: Turn, first: str, second: str) -> list[Say]:
    rows: list[Say] = []
    same: list[tuple[str, Value | float]] = []
    products = turn.products
    for feature in products.features:
        if feature in products.catalog.facets:
            one, other = products.values(first, feature), products.values(second, feature)
            values: tuple[Value | float | None, Value | float | None] = (
                Value(one) if one else None,
                Value(other) if other else None,
            )
        else:
            values = products.number(first, feature), products.number(second, feature)
        if values == (None, None):
            continue
        left, right = (Value(()) if value is None else value for value in values)
        if left == right:
            same.append((feature, left))
        else:
            facts = {"feature": Name(feature), "first_value": left, "second_value": right}
            rows.append(Say("compare_row", facts))
    return rows + ([Say("compare_same", {"shared": Shared(tuple(same))})] if same else [])
