"""Texts from strangers made harmless: nothing of them reaches a terminal or page as more than
letters."""

from __future__ import annotations

import unicodedata

#: Characters of a message that are read; longer ones are refused.
MAX_MESSAGE = 2_000
# Controls (terminal escapes among them), marks of direction and joiners, halves of surrogate
# pairs, private use.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")


def clean_text(text: str, most: int = MAX_MESSAGE) -> str:
    """The first `most` characters of a text in form NFC, in one line, without what shows nothing.

    ```python
    assert clean_text("red\\x1b[31m \\u202edresses\\n") == "red[31m dresses"
    ```
    """
    # NFC may change a text's length a little; no more than this is looked at.
    text = unicodedata.normalize("NFC", " ".join(text[: 2 * most].split()))
    kept = (letter for letter in text if unicodedata.category(letter) not in _INVISIBLE)
    return " ".join("".join(kept).split())[:most]


def folded(text: str) -> str:
    """A text without case and width, letter for letter, so that places in it stay what they are."""
    return "".join(map(_folded_letter, text))


def _folded_letter(letter: str) -> str:
    if letter in "’‘":
        return "'"
    plain = unicodedata.normalize("NFKC", letter).lower()
    return plain if len(plain) == 1 else letter
