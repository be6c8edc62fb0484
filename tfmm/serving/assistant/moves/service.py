"""Questions about the shop rather than its products, answered from its own table."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.assistant.decision import Decision, Say
from tfmm.serving.assistant.moves.base import Turn


class Service:
    """Says the shop's own words; refuses below the table's threshold."""

    intent: ClassVar[str] = "service"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        found = turn.faq.likeness(message.text, message.language.code)
        if not found or found[0][0] < turn.faq.threshold:
            return 0.0
        sure = 0.6 + 0.35 * found[0][0]
        # "That costs too much" is about what is shown rather than about postage.
        shown = turn.state.source and {"cheaper", "dearer", "cheapest", "dearest"} & {*message.cues}
        return 0.6 * sure if message.says_things or message.places or shown else sure

    def act(self, turn: Turn) -> Decision:
        message = turn.message
        entry = turn.faq.best(message.text, message.language.code)
        assert entry is not None  # what is never asked below the threshold
        return Decision(
            self.intent, (Say("", text=entry.answer),), filters=turn.state.filters, faq=entry.id
        )
