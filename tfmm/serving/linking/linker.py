"""From a shopper's words to the catalogue: values, ranges of numbers, and shown products."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfmm.serving.linking.amounts import Amount, amounts
from tfmm.serving.linking.folded import Folded, fold, phrase, unspaced
from tfmm.serving.linking.places import places, ways
from tfmm.serving.linking.values import Found, Values
from tfmm.serving.linking.vocabulary import BUT, CARRIED, JOINING, NEGATORS, NEGATORS_UNSPACED

if TYPE_CHECKING:
    from tfmm.data.catalog import Catalog

#: Parts of the name of the feature that holds prices.
_PRICES = ("price", "cost", "preis", "prix", "precio", "价")
#: Words before a value that is one letter or a number, such as a size.
_SIZES = frozenset("size sizes sized in a an the code number no is 码 号 尺".split())
#: What ends the reach of a negator.
_STOP = re.compile(r"[.!?;,。！？；，]")
_NEGATED_UNSPACED = re.compile(rf"(?:{'|'.join(NEGATORS_UNSPACED)})[^\W的]{{0,3}}[和或、]?$")
#: Words between a negator and what it takes back, at most.
_REACH = 5
#: How near the name of a number feature stands to its number, in characters.
_NEAR = 24


@dataclass(frozen=True)
class Link:
    """A value of the catalogue that a text names.

    Attributes:
        feature, value: the term, as in `feature=value`.
        start, end: where it stands in the text as written, in characters.
        confidence: from 0 to 1: 1 for the value's own name.
        negated: whether the text takes it back ("not red").
        others: the same words as values of other features, as (feature, value).
    """

    feature: str
    value: str
    start: int
    end: int
    confidence: float
    negated: bool = False
    others: tuple[tuple[str, str], ...] = ()

    @property
    def term(self) -> str:
        """As filters take it."""
        return f"{self.feature}={self.value}"


@dataclass(frozen=True)
class Range:
    """A range of a number feature, both ends in it, None where it is open; see `Link`."""

    feature: str
    low: float | None
    high: float | None
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class Place:
    """A shown product that a text points at: 0 is the first, -1 the last; see `Link`."""

    place: int
    start: int
    end: int


@dataclass(frozen=True)
class Way:
    """A wish for more or less of a number feature than what is shown; see `Link`.

    Attributes:
        feature: the number feature.
        way: "lower" or "higher".
    """

    feature: str
    way: str
    start: int
    end: int


@dataclass(frozen=True)
class Linked:
    """What `Linker.link` finds in a text, each in the order of the text."""

    links: tuple[Link, ...] = ()
    ranges: tuple[Range, ...] = ()
    places: tuple[Place, ...] = ()
    ways: tuple[Way, ...] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """`feature=value` of what is wanted, each once."""
        return tuple(dict.fromkeys(link.term for link in self.links if not link.negated))

    @property
    def refused(self) -> tuple[str, ...]:
        """`feature=value` of what is taken back, each once."""
        return tuple(dict.fromkeys(link.term for link in self.links if link.negated))


class Linker:
    """Links words to the values and numbers of a catalogue.

    Values are found by their own name (case, accents, width and English plurals apart), by other
    words for them, among these a built-in few for colours, sizes and wearers in English and
    Chinese, and despite a slip of the pen or two in longer words. It reads the first 2,000
    characters of a text, needs no TensorFlow and answers in a few thousandths of a second.

    ```python
    linker = Linker({"colour": {"red": 4, "navy": 2}, "brand": {"Adidas": 3}}, ["price"])
    found = linker.link("addidas shoes under $50, not red")
    assert found.terms == ("brand=Adidas",) and found.refused == ("colour=red",)
    assert (found.ranges[0].feature, found.ranges[0].high) == ("price", 50.0)
    ```

    Args:
        values: by feature, how many items have each of its values.
        numbers: the number features.
        synonyms: by value, further words for it.
        words: words of the catalogue's texts, none of which is taken for a misspelt value.
        price: the number feature that amounts of money belong to; by default the first whose name
            says so.

    Raises:
        ValueError: `price` is none of `numbers`.
    """

    def __init__(
        self,
        values: Mapping[str, Mapping[str, int]],
        numbers: Sequence[str] = (),
        *,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        words: Iterable[str] = (),
        price: str | None = None,
    ) -> None:
        if price is not None and price not in numbers:
            there = ", ".join(numbers) or "of which there are none"
            raise ValueError(
                f"price must be one of the number features ({there}), but got {price!r}."
            )
        named = (name for name in numbers if any(part in name.casefold() for part in _PRICES))
        self.price = price or next(named, None)
        self.numbers = {name: " ".join(phrase(name.replace("_", " "))) for name in numbers}
        self.features = {name: frozenset(phrase(name)) for name in values}
        self._values = Values(values, synonyms or {}, words)

    @classmethod
    def from_catalog(
        cls,
        items: Catalog,
        *,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        price: str | None = None,
    ) -> Linker:
        """The linker of a catalogue's category, tags and number features; its texts tell which
        words are spelt as they should be."""
        values: dict[str, dict[str, int]] = {}
        numbers, words = [], Counter[str]()
        for name, column in items.features.items():
            if column.kind in ("category", "tags"):
                codes = column.codes if column.kind == "category" else column.values  # type: ignore[union-attr]
                vocabulary = column.vocabulary  # type: ignore[union-attr]
                counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary))
                values[name] = dict(zip(map(str, vocabulary), counts.tolist(), strict=True))
            elif column.kind == "number":
                numbers.append(name)
            elif column.kind == "text":
                for text in set(column.values):  # type: ignore[union-attr]
                    words.update(set(phrase(str(text))))
        often = (word for word, count in words.items() if count > 1)
        return cls(values, numbers, synonyms=synonyms, words=often, price=price)

    def link(self, text: str) -> Linked:
        """What a text says of the catalogue; `Linked()` of an empty one."""
        folded = fold(text)
        ranges, taken = self._ranges(folded)
        pointed = [(place, *folded.span(start, end)) for place, start, end in places(folded.text)]
        wished = [(way, *folded.span(start, end)) for way, start, end in ways(folded.text)]
        return Linked(
            self._links(folded, text, taken),
            ranges,
            tuple(Place(*one) for one in pointed),
            tuple(Way(self.price, *one) for one in wished) if self.price is not None else (),
        )

    def _links(
        self, folded: Folded, text: str, taken: Sequence[tuple[int, int]]
    ) -> tuple[Link, ...]:
        words = folded.words
        free = [not any(w.start < end and start < w.end for start, end in taken) for w in words]
        links: list[Link] = []
        found = [one for one in self._values.exact(words) if self._meant(one, folded, text, free)]
        for one in found:
            free[one.first : one.last] = [False] * (one.last - one.first)
        for one in self._values.misspelt(words, free):
            if all(free[one.first : one.last]):
                free[one.first : one.last] = [False] * (one.last - one.first)
                found.append(one)
        found.sort(key=lambda one: one.first)
        valued = {place for one in found for place in range(one.first, one.last)}
        for one in found:
            (feature, value), *others = self._preferred(one, folded)
            start, end = folded.span(words[one.first].start, words[one.last - 1].end)
            negated = _negated(folded, one.first, valued)
            links.append(Link(feature, value, start, end, one.confidence, negated, tuple(others)))
        return tuple(links)

    def _meant(self, one: Found, folded: Folded, text: str, free: Sequence[bool]) -> bool:
        """Whether words that are a value's name are meant as that: not one letter or number that
        stands there for something else."""
        if not all(free[one.first : one.last]):
            return False
        word = folded.words[one.first]
        short = len(word.plain) == 1 and not unspaced(word.plain)
        if one.last - one.first > 1 or not (short or word.plain.isdigit()):
            return True
        before = folded.words[one.first - 1].form if one.first else ""
        sized = {part for feature, _ in one.terms for part in self.features[feature]}
        if before in (_SIZES | sized if short else {"size", "码", "号", *sized}):
            return word.plain not in ("a", "i")
        start, _ = folded.span(word.start, word.end)
        return short and len(folded.words) > 1 and text[start].isupper() and word.plain != "i"

    def _preferred(self, one: Found, folded: Folded) -> Sequence[tuple[str, str]]:
        """The terms of a stretch, first of a feature whose name stands beside it."""
        near = folded.words[max(0, one.first - 2) : one.last + 2]
        beside = {word.form for word in near}
        return sorted(one.terms, key=lambda term: not self.features[term[0]] & beside)

    def _ranges(self, folded: Folded) -> tuple[tuple[Range, ...], list[tuple[int, int]]]:
        """The ranges, and where they stand in the folded text."""
        found, taken = [], []
        for one in amounts(folded.text):
            feature = self._counted(one, folded.text)
            if feature is None:
                continue
            taken.append((one.start, one.end))
            place = folded.span(one.start, one.end)
            found.append(Range(feature, one.low, one.high, *place, one.confidence))
        return tuple(sorted(found, key=lambda one: one.start)), taken

    def _counted(self, one: Amount, text: str) -> str | None:
        """The feature that an amount is of; None where nothing says so."""
        if one.money and self.price is not None:
            return self.price
        # The nearest name before the number, else the nearest behind it.
        before, behind = text[max(0, one.start - _NEAR) : one.end], text[one.start :][:_NEAR]
        led = {name: before.rfind(words) for name, words in self.numbers.items()}
        followed = {name: behind.find(words) for name, words in self.numbers.items()}
        if max(led.values(), default=-1) >= 0:
            return max(led, key=led.__getitem__)
        followed = {name: place for name, place in followed.items() if place >= 0}
        if followed:
            return min(followed, key=followed.__getitem__)
        return self.price if one.low != one.high else None


def _negated(folded: Folded, first: int, valued: Set[int]) -> bool:
    """Whether a negator reaches a value, over words that carry it on and values joined to it.

    Of "not a black dress" it reaches "black" alone, and both of "neither black nor a dress".
    """
    words = folded.words
    start = words[first].start
    joined = False
    for place in range(first - 1, max(-1, first - 1 - _REACH), -1):
        plain = words[place].plain
        if _STOP.search(folded.text, words[place].end, start) or unspaced(plain):
            break
        if plain in NEGATORS:
            return True
        if plain == "but":
            return place > 0 and words[place - 1].plain in BUT
        joined = joined or plain in JOINING
        if not (joined if place in valued else plain in CARRIED):
            return False
    return _NEGATED_UNSPACED.search(folded.text, max(0, start - 8), start) is not None
