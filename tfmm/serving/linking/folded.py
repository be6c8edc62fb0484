"""A shopper's words as linking compares them, each with its place in what was written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from tfmm.serving.ask.keyword_tokens import UNSPACED, singular

#: Characters of a text that are read; what stands behind them is left out.
LIMIT = 2_000
_WORD = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])[^\W_])+(?:['’](?:(?![{UNSPACED}])[^\W_])+)*")
_UNSPACED_ONLY = re.compile(f"[{UNSPACED}]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True)
class Word:
    """A word, or one character of a script that is written without spaces.

    Attributes:
        form: as it is compared: folded, English plurals without their s.
        plain: folded alone.
        start, end: where it stands in the folded text.
    """

    form: str
    plain: str
    start: int
    end: int


@dataclass(frozen=True)
class Folded:
    """A text without case, width, accents and invisible marks.

    Attributes:
        text: the folded text.
        places: for each of its characters, and for its end, the place in the text as written.
        words: its words.
    """

    text: str
    places: tuple[int, ...]
    words: tuple[Word, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the folded text stands in the text as written."""
        return self.places[start], self.places[end - 1] + 1 if end > start else self.places[start]


def fold(text: str) -> Folded:
    """Folds the first `LIMIT` characters of a text.

    ```python
    folded = fold("Grüne ＤＲＥＳＳＥＳ")
    assert folded.text == "grune dresses"
    assert [word.form for word in folded.words] == ["grune", "dress"]
    ```
    """
    text = text[:LIMIT]
    if text.isascii():
        folded, places = text.lower(), tuple(range(len(text) + 1))
    else:
        pieces: list[str] = []
        at: list[int] = []
        for place, character in enumerate(text):
            piece = folded_character(character)
            pieces.append(piece)
            at += [place] * len(piece)
        folded, places = "".join(pieces), (*at, len(text))
    words = tuple(
        Word(singular(match.group()), match.group(), match.start(), match.end())
        for match in _WORD.finditer(folded)
    )
    return Folded(folded, places, words)


def folded_character(character: str) -> str:
    """One character without case, width and accents; "" for one that shows nothing."""
    if unicodedata.category(character) in ("Cf", "Mn"):
        # A mark of direction or a joiner; an accent of its own.
        return ""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", character)).casefold()
    return unicodedata.normalize("NFC", plain)


def phrase(text: str) -> tuple[str, ...]:
    """The words of a value, as those of a sentence are compared."""
    return tuple(word.form for word in fold(text).words)


def unspaced(word: str) -> bool:
    """Whether a word is of a script that is written without spaces."""
    return _UNSPACED_ONLY.fullmatch(word) is not None
