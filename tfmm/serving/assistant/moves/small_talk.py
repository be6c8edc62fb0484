"""Greetings, thanks and the like: a cue, and an answer of the same name."""

from __future__ import annotations

from tfmm.serving.assistant.decision import Decision, Say
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.moves.base import Turn


class SmallTalk:
    """What is said to a cue that stands alone.

    Args:
        intent: the cue's and the answer's name.
        sure: the confidence where the turn says nothing of products.
        forgets: whether the conversation starts over.
    """

    def __init__(self, intent: str, sure: float = 0.9, forgets: bool = False):
        self.intent = intent
        self._sure = sure
        self._forgets = forgets

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if self.intent not in message.cues or message.picture:
            return 0.0
        if message.says_things or message.places:
            return 0.3
        # "Can you help me return this?" is about more than help.
        return self._sure if message.strange == 0 and not message.words else self._sure - 0.3

    def act(self, turn: Turn) -> Decision:
        filters = Filters() if self._forgets else turn.state.filters
        return Decision(self.intent, (Say(self.intent),), filters=filters, forgets=self._forgets)
