"""Products like one that is shown: "something like the second, but for winter"."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.assistant.decision import Decision, Say
from tfmm.serving.assistant.filters import Filters
from tfmm.serving.assistant.known.finder import Wanted
from tfmm.serving.assistant.moves.base import Turn, listing
from tfmm.serving.assistant.moves.more import no_such_place
from tfmm.serving.assistant.moves.refine import priced


class Similar:
    """Of the same kind as the reference unless another is named."""

    intent: ClassVar[str] = "similar"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if "similar" not in message.cues or message.picture:
            return 0.0
        return 0.92 if message.points else 0.83 if turn.state.shown else 0.5

    def act(self, turn: Turn) -> Decision:
        pointed = turn.pointed()
        if not turn.state.shown:
            return Decision(self.intent, (Say("needs_products"),))
        if not pointed:
            return no_such_place(turn, self.intent)
        reference = pointed[0]
        filters = priced(turn, turn.narrowed(Filters(_kind(turn, reference))))
        wanted = Wanted("similar", filters, reference=reference, exclude=(reference,))
        found = turn.finder.find(wanted)
        decision = listing(
            turn,
            self.intent,
            found,
            source="similar",
            filters=filters,
            said="similar",
            reference=reference,
        )
        return decision


def _kind(turn: Turn, item_id: str) -> dict[str, tuple[str, ...]]:
    kind = turn.products.kind
    values = turn.products.values(item_id, kind) if kind is not None else ()
    return {kind: values} if kind is not None and values else {}
