"""From decisions to sentences, by a language's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfmm.serving.assistant.decision import (
    Count,
    Details,
    Fact,
    Item,
    Name,
    Say,
    Shared,
    Title,
    Value,
    Wish,
)
from tfmm.serving.assistant.filters import Bounds, Filters
from tfmm.serving.assistant.known.products import Products
from tfmm.serving.assistant.reading.language import Language


@dataclass(frozen=True, eq=False)
class Renderer:
    """Says decisions in a language, about the products of a catalogue."""

    products: Products

    def text(self, says: Sequence[Say], language: Language) -> str:
        """The answer, a sentence a line where there are several."""
        return "\n".join(self._sentence(say, language) for say in says)

    def _sentence(self, say: Say, language: Language) -> str:
        if not say.template:
            return say.text
        facts = {name: self._said(fact, language) for name, fact in say.facts.items()}
        return sentence(language.answers[say.template], facts)

    def _said(self, fact: Fact, language: Language) -> str:
        if isinstance(fact, Item):
            return self._item(fact.id, language)
        if isinstance(fact, Title):
            return self.products.title(fact.id)
        if isinstance(fact, Name):
            return capital(self.feature(fact.feature, language))
        if isinstance(fact, Value):
            names = [language.value_name(value) for value in fact.values]
            return language.listed(names) or language.phrases["unknown_value"]
        if isinstance(fact, Wish):
            return self._wish(fact, language)
        if isinstance(fact, Count):
            count = "one_count" if fact.products == 1 else "more_count"
            return language.phrases[count].format(count=fact.products)
        if isinstance(fact, Shared):
            told = [
                f"{self.feature(name, language)} {self._said(value, language)}"
                for name, value in fact.pairs
            ]
            return language.joins[0].join(told)
        if isinstance(fact, Details):
            return self._details(fact.id, language)
        return fact if isinstance(fact, str) else number(fact)

    def feature(self, name: str, language: Language) -> str:
        """What a feature is called; the price is "price" whatever its column's name."""
        return language.feature_name("price" if name == self.products.price else name)

    def _item(self, item_id: str, language: Language) -> str:
        title, price = self.products.title(item_id), self.products.price_of(item_id)
        if price is None:
            return title
        return language.phrases["product"].format(title=title, price=number(price))

    def _wish(self, wish: Wish, language: Language) -> str:
        filters, parts = wish.filters, []
        if wish.picture:
            parts.append(language.phrases["like_picture"])
        wanted = [language.value_name(v) for values in filters.wanted.values() for v in values]
        parts += wanted
        if wish.query:
            parts.append(wish.query)
        parts += [self._bounds(bounds, language) for bounds in filters.ranges.values()]
        if refused := self._refused(filters, language):
            parts.append(language.phrases["without"].format(values=language.listed(refused)))
        return language.joins[0].join(parts)

    def _refused(self, filters: Filters, language: Language) -> list[str]:
        values = [v for found in filters.refused.values() for v in found]
        return [language.value_name(value) for value in (*values, *filters.without)]

    @staticmethod
    def _bounds(bounds: Bounds, language: Language) -> str:
        low, high = bounds
        if low is None:
            return language.phrases["under"].format(high=number(high or 0))
        if high is None:
            return language.phrases["over"].format(low=number(low))
        return language.phrases["between"].format(low=number(low), high=number(high))

    def _details(self, item_id: str, language: Language) -> str:
        rows = [
            (feature, language.listed([language.value_name(value) for value in values]))
            for feature in self.products.catalog.facets
            if (values := self.products.values(item_id, feature))
        ]
        for feature in self.products.catalog.numbers:
            value = self.products.number(item_id, feature)
            if value is not None and feature != self.products.price:
                rows.append((feature, number(value)))
        sentences = self.products.sentences(item_id)[:2]
        told = [f"{capital(self.feature(name, language))}: {value}" for name, value in rows]
        return "; ".join(told) + ("." if told else "") + "".join(f" {one}" for one in sentences)


def sentence(template: str, facts: dict[str, str]) -> str:
    """A template with its names filled in; what fills them is never read as a template itself."""
    return template.format(**facts)


def number(value: float) -> str:
    """A number as it is said: 40, 34.95."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def capital(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]
