"""Changes what is shown: cheaper, in another colour, without something, any colour."""

from __future__ import annotations

from statistics import median
from typing import ClassVar

from tfmm.serving.assistant.decision import Decision
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.moves.base import Turn, listing
from tfmm.serving.assistant.moves.search import main_named


class Refine:
    """Keeps the search and changes its filters."""

    intent: ClassVar[str] = "refine"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if not turn.state.source or message.picture:
            return 0.0
        cues = message.cues
        if turn.products.price is not None and ("cheaper" in cues or "dearer" in cues):
            return 0.86
        if _dropped(turn):
            return 0.84
        if not message.says_things or message.strange > 0.7:
            return 0.0
        if main_named(turn):
            fresh = "search" in cues or not ("switch" in cues or "same" in cues)
            return 0.5 if fresh else 0.84
        return 0.84

    def act(self, turn: Turn) -> Decision:
        state = turn.state
        filters = turn.narrowed(state.filters.dropping(_dropped(turn)))
        filters = priced(turn, filters)
        return listing(
            turn,
            self.intent,
            turn.find(state.source, filters),
            source=state.source,
            filters=filters,
            query=state.query,
            picture=state.picture,
            reference=state.reference,
        )


def _dropped(turn: Turn) -> list[str]:
    """Features that no longer matter."""
    message = turn.message
    if "drop" not in message.cues:
        return []
    named = {link.feature for link in (*message.links, *message.refused)}
    return [name for name in message.features if name not in named]


def priced(turn: Turn, filters: Filters) -> Filters:
    """Cheaper or dearer than what is pointed at, else than the middle of what is shown."""
    price, cues = turn.products.price, turn.message.cues
    if price is None or price in turn.message.ranges:
        return filters
    about = turn.pointed() if turn.message.places else list(turn.state.shown)
    prices = [value for item in about if (value := turn.products.price_of(item)) is not None]
    if not prices or not ("cheaper" in cues or "dearer" in cues):
        return filters
    low, high = filters.ranges.get(price, (None, None))
    middle = median(prices)
    if "cheaper" in cues:
        high = round(middle - 0.01, 2)
        low = low if low is not None and low < high else None
    else:
        low = round(middle + 0.01, 2)
        high = high if high is not None and high > low else None
    return filters.changed(Filters(ranges={price: (low, high)}))
