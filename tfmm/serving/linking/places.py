"""Which of the shown products a sentence speaks of, and which way it wants the next ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tfmm.serving.linking.amounts import number

_ORDINALS = {
    word: place
    for place, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth".split()
    )
}
_PLACE = re.compile(
    rf"\b(?:the|this|that|your|my) (?P<word>{'|'.join(_ORDINALS)}|last|final)\b(?! time| size)"
    rf"|\b(?P<bare>{'|'.join(_ORDINALS)}|last) (?:ones?|item|product|option|result|picture)\b"
    r"|\b(?P<digits>\d{1,2})(?:st|nd|rd|th)\b"
    r"|\b(?:number|item|option|no\.) ?(?P<number>\d{1,2})\b"
    r"|第(?P<chinese>[一二三四五六七八九十\d]{1,3})(?:个|件|款|双|条|张|样|种|项|只)?"
    r"|(?P<end>最后)(?:一)?(?:个|件|款|双|条|张|样|种|项|只)"
)
_WAYS = re.compile(
    r"(?P<lower>\b(?:cheaper(?! than (?:\d|[$€£¥]))|less expensive|lower[ -]priced?|"
    r"more affordable|too expensive|too pricey)\b|便宜一?[点些]|更便宜|太贵)"
    r"|(?P<higher>\b(?:more expensive(?! than (?:\d|[$€£¥]))|pricier|fancier|"
    r"higher[ -]priced?|too cheap)\b|贵一?[点些]|更贵|太便宜)"
)


def places(text: str) -> Iterator[tuple[int, int, int]]:
    """(place, start, end) of each product that a folded text points at; 0 is the first shown, -1
    the last.

    ```python
    assert list(places("is the second one warm?")) == [(1, 3, 13)]
    assert [place for place, *_ in places("第三个和最后一个")] == [2, -1]
    ```
    """
    for match in _PLACE.finditer(text):
        said = {name: value for name, value in match.groupdict().items() if value is not None}
        (name, value), *_ = said.items()
        if name in ("word", "bare"):
            place = _ORDINALS.get(value, -1)
        elif name == "end":
            place = -1
        elif (place := int(number(value)) - 1) < 0:
            continue
        yield place, match.start(), match.end()


def ways(text: str) -> Iterator[tuple[str, int, int]]:
    """("lower" or "higher", start, end) of each wish for a price below or above the shown one.

    ```python
    assert [way for way, *_ in ways("anything cheaper?")] == ["lower"]
    assert [way for way, *_ in ways("有没有便宜一点的")] == ["lower"]
    ```
    """
    for match in _WAYS.finditer(text):
        yield str(match.lastgroup), match.start(), match.end()
