"""Recommendations for the shopper, or after what this conversation spoke of."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.assistant.decision import Decision
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.known.finder import Wanted
from tfmm.serving.assistant.moves.base import Turn, listing


class Recommend:
    """With the filters that the message says."""

    intent: ClassVar[str] = "recommend"

    def confidence(self, turn: Turn) -> float:
        return 0.85 if "recommend" in turn.message.cues and not turn.message.picture else 0.0

    def act(self, turn: Turn) -> Decision:
        message, state = turn.message, turn.state
        filters = Filters(message.wants, message.refuses, message.without, message.ranges)
        wanted = Wanted("recommend", filters, shopper=state.shopper, looked=state.looked)
        after = bool(state.looked) and not state.shopper
        return listing(
            turn,
            self.intent,
            turn.finder.find(wanted),
            source="recommend",
            filters=filters,
            said="recommend_after" if after else "recommend",
        )
