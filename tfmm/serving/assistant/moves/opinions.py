"""What reviewers say of a product, each time with the sentence that it comes from."""

from __future__ import annotations

from collections.abc import Sequence

from tfmm.serving.ask.keyword_tokens import keyword_tokens
from tfmm.serving.assistant.decision import Item, Say, Value
from tfmm.serving.assistant.known.reviews import Aspect
from tfmm.serving.assistant.moves.base import Turn

_ASPECTS = 3


def opinions(turn: Turn, item: str) -> list[Say]:
    """What is liked and what is not, of the aspects that are asked about, else of all."""
    aspects = turn.reviews.of(item)
    asked = {*keyword_tokens(turn.message.text)}
    named = [aspect for aspect in aspects if asked & {*keyword_tokens(aspect.name)}]
    says = [*_side(named or aspects, True), *_side(named or aspects, False)]
    return says or [Say("no_reviews", {"product": Item(item)})]


def _side(aspects: Sequence[Aspect], praised: bool) -> list[Say]:
    found = [
        aspect
        for aspect in aspects
        if (aspect.said_for if praised else aspect.said_against)
        and (aspect.count_for >= aspect.count_against) == praised
    ][:_ASPECTS]
    if not found:
        return []
    sentence = found[0].said_for if praised else found[0].said_against
    names = Value(tuple(aspect.name for aspect in found))
    template = "review_for" if praised else "review_against"
    return [Say(template, {"aspects": names, "sentence": sentence})]
