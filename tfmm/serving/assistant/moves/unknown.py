"""Below confidence: a person helps."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.assistant.decision import Decision, Say
from tfmm.serving.assistant.moves.base import Turn


class Unknown:
    """Taken where no other move is as sure as this.

    Args:
        threshold: the confidence below which nothing is answered.
    """

    intent: ClassVar[str] = "unknown"

    def __init__(self, threshold: float = 0.4):
        self.threshold = threshold

    def confidence(self, turn: Turn) -> float:
        return self.threshold

    def act(self, turn: Turn) -> Decision:
        said = Say("unknown" if turn.message.text else "silent")
        return Decision(self.intent, (said,), filters=turn.state.filters)
