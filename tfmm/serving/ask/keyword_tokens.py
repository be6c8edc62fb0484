"""Words of titles and queries as keyword search compares them, in any script."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces: Han, kana, Hangul, Thai, Lao, Burmese, Khmer.
UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f"
UNSPACED += "\u1780-\u17ff\U00020000-\U0003ffff"
_RUN = re.compile(
    f"[{UNSPACED}]+|(?:(?![{UNSPACED}])[^\\W_])+(?:[-_.'’/&+](?:(?![{UNSPACED}])[^\\W_])+)*"
)
_PARTS = re.compile(r"[^\W_]+")
_JOINTS = re.compile(r"[-_.'’/&+]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_HAS_DIGIT = re.compile(r"\d")
_CODE_LENGTH = 3


def keyword_tokens(text: str) -> list[str]:
    """The tokens of a text, in order, repeats kept.

    Case, accents and width are folded; English plurals lose their s (Harman, "How effective is
    suffixing?", JASIS 1991, the S stemmer). What hyphens and dots join gives itself without them
    and its parts, so that "XR-500", "xr500" and "XR 500" meet. Runs of scripts written without
    spaces give their characters and pairs of neighbours.
    """
    tokens: list[str] = []
    for match in _RUN.finditer(_folded(text)):
        run = match.group()
        if re.match(f"[{UNSPACED}]", run):
            tokens += run
            tokens += [run[place : place + 2] for place in range(len(run) - 1)]
            continue
        whole = _JOINTS.sub("", run)
        tokens.append(singular(whole))
        if whole != run:
            # A lone letter ("men's", "t-shirt") says nothing.
            parts = (part for part in _PARTS.findall(run) if len(part) > 1 or part.isdigit())
            tokens += map(singular, parts)
    return tokens


def is_code(token: str) -> bool:
    """Whether a token may be a product's code or model number: it holds a digit and is no size."""
    return len(token) >= _CODE_LENGTH and _HAS_DIGIT.search(token) is not None


def squashed(text: str) -> str:
    """A text without anything but its letters and digits, folded: to compare codes."""
    return "".join(_PARTS.findall(_folded(text)))


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", text))


def singular(word: str) -> str:
    """An English plural without its s (the S stemmer); any other word as it is."""
    if len(word) < 4 or not word.endswith("s") or not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word if word.endswith(("ss", "us")) else word[:-1]
