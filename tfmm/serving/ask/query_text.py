"""The words of a search, checked before they leave the client."""

from __future__ import annotations

import unicodedata

#: The longest text that is asked, in characters; what the exported models read at most.
MAX_TEXT = 2000


def query_text(text: object, name: str = "text") -> str:
    """Text as it is asked: UTF-8 in Unicode's form NFC, white space as single spaces.

    Emoji and any script go through; a model that does not know them answers by the rest.

    Args:
        text: a `str`, or its UTF-8 bytes.
        name: what the text is called in errors.

    Raises:
        TypeError: it is neither.
        ValueError: it is empty, longer than `MAX_TEXT`, no UTF-8, or holds control characters.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: these bytes are no UTF-8 ({error.reason} at byte {error.start}): decode "
                "them with their own encoding, or give a picture as image and sound as audio."
            ) from None
    if not isinstance(text, str):
        raise TypeError(f"{name}: expected a string, got {text!r} ({type(text).__name__}).")
    if len(text) > MAX_TEXT:
        raise ValueError(
            f"{name}: {len(text):,} characters, expected at most {MAX_TEXT:,}: search for a title "
            "or a few sentences, not for a whole document."
        )
    words = " ".join(unicodedata.normalize("NFC", text).split())
    if not words:
        raise ValueError(f"{name}: an empty text finds nothing: give at least one word.")
    for place, character in enumerate(words):
        # Cc are control characters, Cs halves of surrogate pairs, as undecodable bytes become.
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(
                f"{name}: character {place + 1} is {character!r}, which no text holds: this looks "
                "like binary data, or like text read with the wrong encoding."
            )
    return words
