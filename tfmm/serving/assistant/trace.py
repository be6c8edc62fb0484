"""What happened in a turn, to be read by people: what was heard, weighed, decided and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmm.serving.assistant.decision import Decision
from tfmm.serving.assistant.reading.message import Message


@dataclass(frozen=True)
class Trace:
    """One turn of `Assistant.trace`.

    Attributes:
        turn: its number, from 1.
        message: what was understood; None for what was refused unread.
        weighed: the confidence of each move that came into question, the surest first.
        decision: what was done.
        answer: what was said.
        worded_by: "template", or what else worded the answer.
        seconds: from the message to the answer.
    """

    turn: int
    message: Message | None
    weighed: Mapping[str, float]
    decision: Decision
    answer: str
    worded_by: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        told: dict[str, Any] = {"turn": self.turn}
        if self.message is not None:
            told |= {"heard": self.message.text, "language": self.message.language.code}
            told["understood"] = understood(self.message)
        return told | {
            "weighed": {name: round(sure, 3) for name, sure in self.weighed.items()},
            "decision": self.decision.to_json(),
            "answer": self.answer,
            "worded_by": self.worded_by,
            "seconds": round(self.seconds, 4),
        }

    def __str__(self) -> str:
        told = self.to_json()
        lines = [f"turn {self.turn}: {told.get('heard', '(not read)')!r}"]
        names = ("language", "understood", "weighed", "decision", "answer", "worded_by")
        lines += [f"  {name}: {told[name]}" for name in names if name in told]
        return "\n".join([*lines, f"  seconds: {told['seconds']}"])


def understood(message: Message) -> dict[str, Any]:
    """What a message was read as, without what is empty."""
    told = {
        "phrases": dict(message.cues),
        "wants": {name: list(values) for name, values in message.wants.items()},
        "refuses": {name: list(values) for name, values in message.refuses.items()},
        "without": list(message.without),
        "ranges": {name: list(bounds) for name, bounds in message.ranges.items()},
        "places": list(message.places),
        "asks": list(message.asked),
        "words": list(message.words),
        "unknown_share": round(message.strange, 2),
        "picture": message.picture,
        "model": {name: round(sure, 3) for name, sure in message.intents.items()},
    }
    return {name: value for name, value in told.items() if value}
