"""The next products of the list."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.assistant.decision import Count, Decision, Say, Wish
from tfmm.serving.assistant.moves.base import Turn, listing


class More:
    """What was shown of the list is not shown again."""

    intent: ClassVar[str] = "more"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if "more" not in message.cues or message.picture:
            return 0.0
        return 0.4 if message.says_things or not turn.state.source else 0.87

    def act(self, turn: Turn) -> Decision:
        state = turn.state
        if not state.source:
            return Decision(self.intent, (Say("needs_products"),))
        exclude = tuple(dict.fromkeys((*state.seen, *filter(None, [state.reference]))))
        found = turn.find(state.source, state.filters, exclude)
        if not found:
            wish = Wish(state.filters, state.query, bool(state.picture))
            named = bool(state.filters or state.query or state.picture)
            says = Say("no_more", {"what": wish}) if named else Say("no_more_any")
            return Decision(self.intent, (says,), filters=state.filters)
        return listing(
            turn,
            self.intent,
            found,
            source=state.source,
            filters=state.filters,
            said="more",
            query=state.query,
            picture=state.picture,
            reference=state.reference,
        )


def no_such_place(turn: Turn, intent: str) -> Decision:
    """The answer to a place that the list does not have."""
    says = Say("no_such_place", {"count": Count(len(turn.state.shown))})
    return Decision(intent, (says,), filters=turn.state.filters)
