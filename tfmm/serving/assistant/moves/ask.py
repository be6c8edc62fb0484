"""Questions about a shown product, answered from its values, its text and its reviews."""

from __future__ import annotations

from typing import ClassVar

from tfmm.serving.ask.keyword_tokens import keyword_tokens
from tfmm.serving.assistant.decision import Decision, Details, Fact, Item, Name, Say, Title, Value
from tfmm.serving.assistant.moves.base import Turn
from tfmm.serving.assistant.moves.more import no_such_place
from tfmm.serving.assistant.moves.opinions import opinions

_EXTREMES = ("cheapest", "dearest")


class Ask:
    """About the product that is pointed at; what nothing says is not answered."""

    intent: ClassVar[str] = "ask"

    def confidence(self, turn: Turn) -> float:
        message = turn.message
        if not turn.state.shown or message.picture:
            return 0.0
        cues = message.cues
        if any(name in cues for name in _EXTREMES) and turn.products.price is not None:
            return 0.9 if not message.links else 0.6
        if _asked(turn):
            return 0.88 if message.points else 0.75
        if message.places and not message.says_things and "about" not in cues:
            return 0.86 if {"reviews", "yes_no"} & {*cues} else 0.6
        if "about" in cues or "reviews" in cues:
            return 0.87 if message.points else 0.7
        questions = "yes_no" in cues or message.text.endswith(("?", "？"))
        if message.places and message.says_things and questions and message.strange < 0.7:
            return 0.87
        if "yes_no" in cues and message.points:
            known = 1 - message.strange
            return (0.89 if message.says_things or message.words else 0.6) * known
        return 0.0

    def act(self, turn: Turn) -> Decision:
        message = turn.message
        extreme = next((name for name in _EXTREMES if name in message.cues), None)
        if extreme is not None and turn.products.price is not None:
            return self._extreme(turn, extreme)
        pointed = turn.pointed()
        if not pointed:
            return no_such_place(turn, self.intent)
        item = pointed[0]
        return self._about(turn, item, _says(turn, item))

    def _extreme(self, turn: Turn, which: str) -> Decision:
        priced = {
            item: price
            for item in turn.state.shown
            if (price := turn.products.price_of(item)) is not None
        }
        if not priced:
            return Decision(self.intent, (Say("unknown"),), filters=turn.state.filters)
        best = (min if which == "cheapest" else max)(priced, key=lambda item: priced[item])
        return self._about(turn, best, [Say(which, {"product": Item(best)})])

    def _about(self, turn: Turn, item: str, says: list[Say]) -> Decision:
        return Decision(
            self.intent, tuple(says), (item,), filters=turn.state.filters, spoken=(item,)
        )


def _asked(turn: Turn) -> tuple[str, ...]:
    """The features that are asked about: "what are its colours?" names one in a question."""
    message = turn.message
    if message.asked or message.says_things or "drop" in message.cues:
        return message.asked
    question = message.text.rstrip().endswith(("?", "？")) and message.points
    return message.features if question else ()


def _says(turn: Turn, item: str) -> list[Say]:
    message = turn.message
    asked = _asked(turn)
    if "reviews" in message.cues and not asked:
        return opinions(turn, item)
    if asked:
        return [_feature(turn, item, feature) for feature in asked]
    if message.links or message.refused:
        return [_yes_or_no(turn, item, link.feature, link.value) for link in message.links] or [
            Say("about", {"product": Item(item), "details": Details(item)})
        ]
    if "about" not in message.cues and (message.words or message.strange):
        if sentence := _sentence(turn, item):
            return [Say("said", {"sentence": sentence})]
        if "yes_no" in message.cues:
            return [Say("unknown")]
    return [Say("about", {"product": Item(item), "details": Details(item)})]


def _feature(turn: Turn, item: str, feature: str) -> Say:
    products = turn.products
    facts: dict[str, Fact] = {"feature": Name(feature), "product": Title(item)}
    if feature in products.catalog.facets:
        if values := products.values(item, feature):
            return Say("feature_is", {**facts, "value": Value(values)})
    elif feature in products.catalog.numbers:
        if (number := products.number(item, feature)) is not None:
            return Say("feature_is", {**facts, "value": number})
    elif feature == "title":
        return Say("about", {"product": Item(item), "details": Details(item)})
    return Say("feature_missing", facts)


def _yes_or_no(turn: Turn, item: str, feature: str, value: str) -> Say:
    values = turn.products.values(item, feature)
    facts: dict[str, Fact] = {
        "feature": Name(feature),
        "product": Title(item),
        "value": Value(values),
    }
    if not values:
        return Say("feature_missing", {"feature": Name(feature), "product": Title(item)})
    return Say("yes" if value in values else "no", facts)


def _sentence(turn: Turn, item: str) -> str:
    """The sentence of the product's text with the most of the asked words; "" for none."""
    asked = {*keyword_tokens(turn.message.text)} - {*turn.message.language.stop}
    best, most = "", 0
    for sentence in turn.products.sentences(item):
        shared = len(asked & {*keyword_tokens(sentence)})
        if shared > most:
            best, most = sentence, shared
    return best
