"""Which encoding bytes are in, where they are no UTF-8, by the letters that come out."""

from __future__ import annotations

import re
from itertools import islice

# The encodings of tables without Unicode, by what chardet and what Python calls them.
_WIDE = {
    "gb18030": "gb18030",
    "cp932": "cp932",
    "big5": "big5hkscs",
    "cp949": "cp949",
    "euc-jp": "euc_jp",
}
_CYRILLIC = "windows-1251"
# Excel's for Macintosh among them, whose letters are others from the first accent on.
_LATIN = {"windows-1252": "cp1252", "windows-1250": "cp1250", "mac-roman": "mac_roman"}
_NAMES = {**_WIDE, **_LATIN, _CYRILLIC: "cp1251", "macroman": "mac_roman"}
_NAMES |= {"big5-hkscs": "big5hkscs", "big5hkscs": "big5hkscs"}
# How well a language fits some words of it, and hardly ever those of another.
_SURE = 0.015
# Where the small letters of cp1251 begin.
_SMALL = 0xE0
# A letter beyond ASCII next to one of ASCII.
_MIXED = re.compile("[A-Za-z][^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")
# Control characters, and those that encodings leave to their users.
_ODD = re.compile("[\x80-\x9f\ue000-\uf8ff]")
_KANA = re.compile("[\u3041-\u30ff]")
_MOST = 1 << 16
_WORDS = 3


def encoding_by_letters(data: bytes) -> str | None:
    """The encoding of bytes that are not UTF-8; None where none of those known fits.

    Of Western words only some letters are beyond ASCII: read in an East Asian encoding they would
    take the letters beside them along, or end in half a character. Among the others a model of
    languages (chardet) decides.
    """
    telling = b"\n".join(dict.fromkeys(line for line in data.split(b"\n") if not line.isascii()))
    telling = telling[: telling.rfind(b"\n", 0, _MOST)] if len(telling) > _MOST else telling
    fitting = [name for name, codec in _WIDE.items() if _stands_apart(telling, codec)]
    if _is_cyrillic(telling):
        fitting.append(_CYRILLIC)
    if "cp932" in fitting and _has_kana(telling.decode("cp932")):
        return "cp932"
    if fitting:
        return _likeliest(telling, fitting)
    # They share most letters: the one that gives most of them, else that of the likeliest
    # language, else the commonest.
    likely = _likeliest(telling, [*_LATIN], at_least=_SURE)
    # Macintosh's has letters for nearly all bytes, so that these alone do not speak for it.
    tried = [name for name in _LATIN.values() if name in ("cp1252", "cp1250", likely)]
    latin = {name: text for name in tried if (text := _decoded(telling, name)) is not None}
    counts = {name: _letters(text) for name, text in latin.items()}
    best = [name for name, count in counts.items() if count == max(counts.values())]
    if likely in best and latin[likely] != latin[best[0]]:
        return likely
    return best[0] if best else None


def telling_words(text: str) -> list[str]:
    """The first words with letters beyond ASCII, by which a person sees whether it is read right.

    ```python
    from tfmm.data.tables.letters import telling_words

    telling_words("sku;Bezeichnung 17;Mütze, grün")  # ["Mütze", "grün"]
    ```
    """
    words = (found[0] for found in re.finditer(r"[^\W\d_]+", text) if not found[0].isascii())
    return [word[:12] for word in islice(dict.fromkeys(words), _WORDS)]


def _likeliest(data: bytes, names: list[str], at_least: float = 0.0) -> str | None:
    """The encoding of the language that fits best; None where it fits less than `at_least`."""
    # Imported here: few tables need it.
    import chardet

    found = chardet.detect(data, include_encodings=names, no_match_encoding=names[0])
    if found["confidence"] < at_least:
        return None
    return _NAMES.get(str(found["encoding"]).lower(), _NAMES[names[0]])


def _stands_apart(data: bytes, encoding: str) -> bool:
    """Whether bytes decode, and most letters beyond ASCII then stand apart from those of ASCII."""
    text = _decoded(data, encoding)
    if text is None or _ODD.search(text):
        return False
    beyond = sum(not letter.isascii() for letter in text)
    return 2 * len(_MIXED.findall(text)) < beyond


def _has_kana(text: str) -> bool:
    beyond = sum(not letter.isascii() for letter in text)
    return 3 * len(_KANA.findall(text)) > beyond


def _is_cyrillic(data: bytes) -> bool:
    """Whether bytes beyond ASCII make words, of mostly small letters of cp1251."""
    words = b"".join(re.findall(rb"[\x80-\xff]{2,}", data))
    small = sum(byte >= _SMALL for byte in words)
    beyond = sum(byte > 0x7F for byte in data)
    return 2 * small >= beyond and _stands_apart(data, "cp1251")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _letters(text: str) -> int:
    return sum(letter.isalpha() for letter in text if not letter.isascii())
