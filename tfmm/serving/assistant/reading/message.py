"""What a turn says, read by phrases of the language and by linking to the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from tfmm.serving.ask.keyword_tokens import UNSPACED, keyword_tokens
from tfmm.serving.assistant.filters import Bounds
from tfmm.serving.assistant.known.products import Products
from tfmm.serving.assistant.reading.clean import folded
from tfmm.serving.assistant.reading.language import Heard, Language
from tfmm.serving.linking import Link, Range

#: Links that a slip of the pen might explain no better than chance are left out.
_SURE = 0.6
_WORD = re.compile(
    rf"[{UNSPACED}]+|(?:(?![{UNSPACED}])[^\W_])+(?:['-](?:(?![{UNSPACED}])[^\W_])+)*"
)
_HAN = re.compile(f"[{UNSPACED}]")
_NUMBER = re.compile(r"\s?\D{0,2}?(\d{1,7}(?:\.\d{1,2})?)")
#: Characters between a phrase that takes back and the word that it takes back.
_REACH = 12
#: Characters between a word and a phrase behind it that takes it back.
_JUST = 3


@dataclass(frozen=True)
class Message:
    """One turn as it was understood.

    Attributes:
        text: cleaned, "" for a picture alone.
        language: that it is in.
        picture: whether a picture came with it.
        cues: phrases found, by what they mean.
        links: values of the catalogue that it names; `refused` those that it takes back.
        without: words that products must not hold.
        ranges: by number feature.
        places: products of the shown list, from 1, -1 for the last.
        asked: features that it asks about; `features` those that it names.
        words: further words that the catalogue holds.
        strange: share of what it says that nothing here knows, 0 to 1.
        intents: what a model takes it for, by the assistant's intents; () where there is none.
        in_scope: the model's probability that it is anything it knows; None without a model.
    """

    text: str
    language: Language
    picture: bool = False
    cues: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    refused: tuple[Link, ...] = ()
    without: tuple[str, ...] = ()
    ranges: Mapping[str, Bounds] = field(default_factory=dict)
    places: tuple[int, ...] = ()
    asked: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    strange: float = 0.0
    intents: Mapping[str, float] = field(default_factory=dict)
    in_scope: float | None = None

    @property
    def wants(self) -> dict[str, tuple[str, ...]]:
        """Values that it names, by feature."""
        return _by_feature(self.links)

    @property
    def refuses(self) -> dict[str, tuple[str, ...]]:
        """Values that it takes back, by feature."""
        return _by_feature(self.refused)

    @property
    def points(self) -> bool:
        """Whether it speaks of a product that is shown."""
        return bool(self.places or "pronoun" in self.cues)

    @property
    def says_things(self) -> bool:
        """Whether it says anything of the catalogue."""
        return bool(self.links or self.refused or self.without or self.ranges or self.picture)


def read(text: str, language: Language, products: Products, picture: bool = False) -> Message:
    """Reads a cleaned text, in time that grows with its length at most."""
    low = folded(text)
    linked = products.linker.link(text)
    taken = [(link.start, link.end) for link in linked.links if link.confidence >= _SURE]
    pointed = language.find("places", _blanked(low, taken))
    spans = [(one.start, one.end) for heard in pointed.values() for one in heard]
    # "Number 3" is a place in the list before it is a price.
    counted = [
        found
        for found in linked.ranges
        if found.confidence >= _SURE
        and not any(found.start < end and start < found.end for start, end in spans)
    ]
    taken += [(found.start, found.end) for found in counted]
    # Values count before phrases: the "色" of "红色" names no feature.
    free = _blanked(low, taken)
    cues = {name: heard[0].phrase for name, heard in language.find("cues", low).items()}
    places = _places(pointed)
    features = _features(language, "features", free, products)
    asked = _features(language, "questions", low, products)
    ranges = {found.feature: _bounds(found, language, low) for found in counted}
    ranges |= _ranges_in(language, low, taken, products, ranges)
    for part in ("cues", "places", "features", "questions"):
        for heard in language.find(part, free).values():
            taken += [(one.start, one.end) for one in heard if one.whole]
    heard_cues = language.find("cues", low)
    refused_at = heard_cues.get("without", [])
    after = heard_cues.get("without_after", [])
    starts = {link.start for link in linked.links}
    links: list[Link] = []
    refused: list[Link] = []
    for link in linked.links:
        if link.confidence >= _SURE:
            back = link.negated or _taken_back(link, refused_at, after, starts)
            (refused if back else links).append(link)
    words, without, strange = _rest(low, taken, language, products, (refused_at, after))
    said = len(links) + len(refused) + len(words) + len(without) + len(ranges)
    share = strange / (strange + said) if strange else 0.0
    return Message(
        text,
        language,
        picture,
        cues,
        tuple(links),
        tuple(refused),
        without,
        ranges,
        places,
        asked,
        features,
        words,
        share,
    )


def _by_feature(links: Sequence[Link]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for link in links:
        values = found.setdefault(link.feature, [])
        if link.value not in values:
            values.append(link.value)
    return {name: tuple(values) for name, values in found.items()}


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\x00" * (end - start)
    return "".join(letters)


def _bounds(found: Range, language: Language, text: str) -> Bounds:
    """A range as it is meant: "not over 50" is up to 50, and so is a bare "50 euros"."""
    low, high = found.low, found.high
    if low is not None and low == high:
        return None, high
    before = text[max(0, found.start - _REACH) : found.start].rstrip()
    heard = language.find("cues", before).get("negators", [])
    if high is None and any(len(before) - one.end <= _JUST for one in heard):
        return None, low
    return low, high


def _places(found: Mapping[int, Sequence[Heard]]) -> tuple[int, ...]:
    at = [(heard.start, int(place)) for place, all_heard in found.items() for heard in all_heard]
    return tuple(dict.fromkeys(place for _, place in sorted(at)))


def _features(language: Language, part: str, text: str, products: Products) -> tuple[str, ...]:
    """The catalogue's features whose concept's phrases stand in a text; "title" is one of them."""
    concepts = language.find(part, text)
    named = [name for name in products.features if _concept(language, name, products) in concepts]
    own = [name for name in products.features if part == "features" and folded(name) in text]
    title = ["title"] if "title" in concepts else []
    return tuple(dict.fromkeys([*named, *own, *title]))


def _concept(language: Language, feature: str, products: Products) -> str | None:
    return "price" if feature == products.price else language.concept(feature)


def _ranges_in(
    language: Language,
    text: str,
    taken: list[tuple[int, int]],
    products: Products,
    known: Mapping[str, Bounds],
) -> dict[str, Bounds]:
    """A price bound in words that linking does not know, such as another language's "unter 50"."""
    if products.price is None or products.price in known:
        return {}
    cues = language.find("cues", text)
    low: float | None = None
    high: float | None = None
    for name in ("below", "above"):
        for heard in cues.get(name, []):
            if match := _NUMBER.match(text, heard.end):
                taken.append((heard.start, match.end()))
                value = float(match.group(1))
                low, high = (low, value) if name == "below" else (value, high)
    return {} if low is None and high is None else {products.price: (low, high)}


def _taken_back(
    link: Link, before: Sequence[Heard], after: Sequence[Heard], starts: Set[int]
) -> bool:
    """Whether a phrase such as "without" ends just before a value, or one such as "除外" comes just
    behind it and not just before another."""
    if any(0 <= link.start - cue.end <= 2 for cue in before):
        return True
    return any(
        0 <= cue.start - link.end <= _JUST and not starts & {cue.end, cue.end + 1} for cue in after
    )


def _rest(
    text: str,
    taken: Sequence[tuple[int, int]],
    language: Language,
    products: Products,
    refused_at: tuple[Sequence[Heard], Sequence[Heard]],
) -> tuple[tuple[str, ...], tuple[str, ...], float]:
    """Words that the catalogue holds, those among them that are taken back, and how much else is
    said."""
    left = _blanked(text, taken)
    words: list[str] = []
    without: list[str] = []

    before, behind = refused_at

    def found(word: str, start: int, end: int) -> None:
        near = any(0 <= start - cue.end <= _REACH for cue in before)
        near = near or any(0 <= cue.start - end <= _JUST for cue in behind)
        (without if near else words).append(word)

    # Other words for what is a word of titles rather than a value, such as "有图案": "patterned".
    for word, others in {**language.values, **language.synonyms}.items():
        known = products.keywords.known(word)
        for other in others:
            place = left.find(folded(other))
            if place >= 0 and known and set(known) == set(keyword_tokens(word)):
                found(word, place, place + len(other))
                left = _blanked(left, [(place, place + len(other))])
    strange = 0.0
    for match in _WORD.finditer(left):
        word = match.group()
        if _HAN.match(word):
            for small in sorted(language.stop, key=len, reverse=True):
                word = word.replace(small, " ")
            for part in word.split():
                known = [token for token in products.keywords.known(part) if len(token) > 1]
                for token in known:
                    found(token, *match.span())
                strange += 0.5 * len(part) if not known else 0.0
        elif word not in language.stop and len(word) > 1:
            if products.keywords.known(word):
                found(word, *match.span())
            else:
                strange += 1.0
    return tuple(dict.fromkeys(words)), tuple(dict.fromkeys(without)), strange
