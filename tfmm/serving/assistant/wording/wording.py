"""Words for an answer whose facts are decided: what a wording gets, and what becomes of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tfmm.serving.assistant.reading.clean import clean_text
from tfmm.serving.assistant.reading.language import Language
from tfmm.serving.assistant.wording.facts import unfounded

if TYPE_CHECKING:
    from tfmm.serving.assistant.known.products import Products

_log = logging.getLogger(__name__)
_LONGEST = 1_200


@dataclass(frozen=True)
class Draft:
    """An answer as templates say it.

    Attributes:
        text: the templates' words, with every fact.
        language: that it is in.
        asked: what was said to it, cleaned; a stranger's words.
        titles: of the products that it is about.
    """

    text: str
    language: Language
    asked: str
    titles: tuple[str, ...]


class Wording(Protocol):
    """Says a draft in other words."""

    def __call__(self, draft: Draft) -> str:
        """The answer's text."""
        ...


def by_template(draft: Draft) -> str:
    """The templates' own words."""
    return draft.text


def worded(wording: Wording, draft: Draft, products: Products) -> tuple[str, str]:
    """The answer's text, and what worded it.

    The templates' text is kept where the wording fails, says nothing or too much, or says a
    number, a product or a value that is not the draft's.
    """
    if wording is by_template:
        return draft.text, "template"
    try:
        text = clean_text(wording(draft), 2 * _LONGEST)
    # Whatever a language model fails with, the shopper gets the answer.
    except Exception:
        _log.exception("the wording failed; the template's answer is given")
        return draft.text, "template (the wording failed)"
    reason = "it is empty or too long" if not 0 < len(text) <= _LONGEST else ""
    reason = reason or unfounded(text, draft, products)
    if reason:
        return draft.text, f"template ({reason})"
    return text, type(wording).__name__
