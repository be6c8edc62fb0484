"""Whether a text says only what a draft says: its numbers, its products, its values."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tfmm.serving.ask.keyword_tokens import keyword_tokens, squashed

if TYPE_CHECKING:
    from tfmm.serving.assistant.known.products import Products
    from tfmm.serving.assistant.wording.wording import Draft

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MARKUP = re.compile(r"[<>]|https?:|www\.", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"«「]([^“”\"«»「」]{2,200})[”\"»」]")


def unfounded(text: str, draft: Draft, products: Products) -> str:
    """Why a text cannot stand for a draft; "" where it can.

    Every number and every value of the catalogue in it must be in the draft (or, for values, in
    what was asked), every title and every quotation too; the draft's numbers must all be there,
    and there is neither markup nor an address.
    """
    if _MARKUP.search(text):
        return "it holds markup or an address"
    numbers, known = Counter(_numbers(text)), Counter(_numbers(draft.text))
    if extra := numbers.keys() - known.keys():
        return f"the number {min(extra)} is not the answer's"
    if lost := known.keys() - numbers.keys():
        return f"the number {min(lost)} is lost"
    said, drafted = squashed(text), squashed(draft.text)
    for title in draft.titles:
        if squashed(title) in drafted and squashed(title) not in said:
            return f"the product {title!r} is lost"
    allowed = _values(draft.text, products) | _values(draft.asked, products)
    if new := _values(text, products) - allowed:
        return f"{'='.join(min(new))} is not the answer's"
    for match in _QUOTED.finditer(text):
        if squashed(match.group(1)) not in drafted:
            return "it quotes what nobody said"
    if title := _foreign_title(text, draft, products):
        return f"the product {title!r} is not the answer's"
    return ""


def _numbers(text: str) -> list[str]:
    return [number.rstrip(".,").replace(",", ".") for number in _NUMBER.findall(text)]


def _values(text: str, products: Products) -> set[tuple[str, str]]:
    return {(link.feature, link.value) for link in products.linker.link(text).links}


def _foreign_title(text: str, draft: Draft, products: Products) -> str:
    """A title of two words or more that the text holds and the draft does not; "" for none."""
    said, drafted = squashed(text), squashed(draft.text)
    hits = products.keywords.search(text, 20)
    for item in hits.item_id:
        title = products.title(item)
        plain = squashed(title)
        if len(keyword_tokens(title)) > 1 and plain in said and plain not in drafted:
            return title
    return ""
