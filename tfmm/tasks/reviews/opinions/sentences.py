"""Sentences and clauses of texts."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

# A point ends a sentence where white space follows, so that 3.5 is one number.
_SENTENCE = re.compile(r"(?<=[。！？!?；;…\n])|(?<=\.)(?=\s)")
_CLAUSE = re.compile(
    r"(?<=[。！？!?；;…\n，,、:：])(?!\d)|(?<=\.)(?=\s)|\s(?=(?:but|though|although|however|except)\b)"
    r"|(?=但是|但|不过|可是|就是)"
)


class Piece(NamedTuple):
    """A part of a text, without white space around it: its words and its first character."""

    text: str
    start: int


def sentences(text: str) -> list[Piece]:
    """The sentences of a text.

    ```python
    from tfmm.tasks.reviews.opinions.sentences import sentences

    [piece.text for piece in sentences("It is 3.5 cm. 很好！不错")]
    ```
    """
    return _split(_SENTENCE, text)


def clauses(text: str) -> list[Piece]:
    """The parts of a text between commas, and at words such as "but"."""
    return _split(_CLAUSE, text)


def around(pieces: list[Piece], place: int) -> str:
    """The piece in which a character stands."""
    found = ""
    for piece in pieces:
        if piece.start > place:
            break
        found = piece.text
    return found


def _split(pattern: re.Pattern[str], text: str) -> list[Piece]:
    cuts = [0, *(match.end() for match in pattern.finditer(text)), len(text)]
    found = []
    for first, behind in pairwise(cuts):
        part = text[first:behind]
        bare = part.strip()
        if bare:
            found.append(Piece(bare, first + len(part) - len(part.lstrip())))
    return found
