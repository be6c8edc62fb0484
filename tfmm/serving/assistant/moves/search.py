"""A new search by words, a picture or both, with filters from what the words link to."""

from __future__ import annotations

import base64
from typing import ClassVar

from tfmm.serving.assistant.decision import Decision
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.known.finder import Wanted
from tfmm.serving.assistant.moves.base import Turn, listing


class Search:
    """Forgets what was searched before."""

    intent: ClassVar[str] = "search"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if message.picture:
            return 0.95
        known = 1 - message.strange
        if message.links and main_named(turn):
            return 0.8 if known >= 0.3 else 0.3
        if message.links or message.ranges:
            return (0.6 if turn.state.source else 0.75) if known >= 0.3 else 0.3
        if message.words:
            return 0.65 * known if "search" in message.cues else 0.6 * known
        return 0.0

    def act(self, turn: Turn) -> Decision:
        message = turn.message
        filters = Filters(message.wants, message.refuses, message.without, message.ranges)
        query = " ".join(message.words)
        wanted = Wanted("search", filters, query, base64.b64decode(turn.picture) or None)
        return listing(
            turn,
            self.intent,
            turn.finder.find(wanted),
            source="search",
            filters=filters,
            query=query,
            picture=turn.picture,
        )


def main_named(turn: Turn) -> bool:
    """Whether the message names what kind of product is wanted."""
    return any(link.feature == turn.products.kind for link in turn.message.links)
