"""What the assistant can do, a file a move."""

from __future__ import annotations

from tfmm.serving.assistant.moves.ask import Ask
from tfmm.serving.assistant.moves.base import Move, Turn
from tfmm.serving.assistant.moves.compare import Compare
from tfmm.serving.assistant.moves.more import More
from tfmm.serving.assistant.moves.recommend import Recommend
from tfmm.serving.assistant.moves.refine import Refine
from tfmm.serving.assistant.moves.search import Search
from tfmm.serving.assistant.moves.service import Service
from tfmm.serving.assistant.moves.similar import Similar
from tfmm.serving.assistant.moves.small_talk import SmallTalk
from tfmm.serving.assistant.moves.unknown import Unknown

__all__ = ["Move", "Turn", "standard_moves"]


def standard_moves(threshold: float = 0.4) -> list[Move]:
    """Every move; of equally sure ones the first is taken.

    Args:
        threshold: the confidence below which a person helps.
    """
    return [
        SmallTalk("start_over", 0.97, forgets=True),
        SmallTalk("person", 0.94),
        Compare(),
        Similar(),
        Ask(),
        More(),
        Refine(),
        Recommend(),
        Search(),
        Service(),
        SmallTalk("help", 0.87),
        SmallTalk("thanks", 0.89),
        SmallTalk("goodbye", 0.89),
        SmallTalk("greeting", 0.88),
        Unknown(threshold),
    ]
