"""Numbers in words and digits, and what a sentence says of them: "under 50", "20 到 30 块"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
_UNITS += "fifteen sixteen seventeen eighteen nineteen"
_SMALL = {word: value for value, word in enumerate(_UNITS.split())}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_DIGITS = {word: value for value, word in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_POWERS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}

_UNIT_WORDS = "|".join(sorted(_SMALL, key=len, reverse=True))
_ENGLISH = rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{_UNIT_WORDS}))?|{_UNIT_WORDS}|a(?= hundred))"
_ENGLISH = rf"\b{_ENGLISH}(?: hundred(?: and {_ENGLISH})?)?\b"
_CHINESE = rf"[{''.join(_DIGITS)}{''.join(_POWERS)}]+"
_PLAIN = r"\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?(?:k\b)?"
NUMBER = rf"(?:{_PLAIN}|{_ENGLISH}|{_CHINESE})"

_SIGN = r"[$€£¥￥]|usd|eur|gbp|rmb|cny"
_NAME = r"dollars?|bucks?|euros?|pounds?|yuan|quid|usd|eur|gbp|rmb|cny|块钱|块|元|人民币|美元|欧元"
#: A number with its currency on either side, or bare.
_AMOUNT = rf"(?P<@sign>{_SIGN})?\s?(?P<@>{NUMBER})\s?(?P<@name>[$€£¥]|{_NAME})?"
_ONE = _AMOUNT.replace("@", "one")
_TWO = _AMOUNT.replace("@", "two")
_ALSO = _AMOUNT.replace("@", "also")

_BELOW = (
    r"under|below|less than|cheaper than|lower than|no more than|not more than|at most|up to|"
    r"within|max(?:imum)?(?: of)?|not over|<=?|不超过|不到|低于|少于|便宜过|小于|最多|不高于"
)
_ABOVE = (
    r"over|above|more than|higher than|at least|no less than|min(?:imum)?(?: of)?|from|starting at|"
    r"more expensive than|>=?|超过|高于|多于|不少于|不低于|大于|至少|最少"
)
_ABOUT = r"about|around|roughly|approximately|near|close to|大约|大概|差不多"
_PATTERNS = (
    ("between", rf"(?:between|from|在|从)?\s?{_ONE}\s?(?:and|to|-|–|~|到|至)\s?{_TWO}"),
    ("below", rf"(?:{_BELOW})\s?{_ONE}"),
    ("above", rf"(?:{_ABOVE})\s?{_ONE}"),
    ("below", rf"{_ONE}\s?(?:or less|or under|or below|and under|max\b|以下|以内|之内|之下)"),
    ("above", rf"{_ONE}\s?(?:or more|and up|and above|\+|以上|起)"),
    ("about", rf"(?:{_ABOUT})\s?{_ONE}|{_ALSO}\s?(?:左右|上下|or so)"),
    ("just", _ONE),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
#: How far from a number "about" reaches, as a share of it.
_REACH = 0.2
#: A number of a sentence without anything that says what is counted.
_BARE = 0.4


@dataclass(frozen=True)
class Amount:
    """What a sentence says of a number.

    Attributes:
        low, high: the range, both ends in it; None where it is open.
        start, end: where it stands in the folded text.
        money: whether a currency says that it is a price.
        confidence: from 0 to 1.
    """

    low: float | None
    high: float | None
    start: int
    end: int
    money: bool
    confidence: float


def amounts(text: str) -> Iterator[Amount]:
    """The ranges of numbers in a folded text, those that say most first.

    ```python
    (one,) = amounts("a dress under $50")
    assert (one.low, one.high, one.money) == (None, 50.0, True)
    (one,) = amounts("三十到五十块")
    assert (one.low, one.high) == (30.0, 50.0)
    ```
    """
    taken: list[tuple[int, int]] = []
    for kind, pattern in _COMPILED:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < stop and begin < end for begin, stop in taken) or _within_word(
                text, start, end
            ):
                continue
            said = {name: value for name, value in match.groupdict().items() if value is not None}
            values = [number(said[name]) for name in ("one", "also", "two") if name in said]
            money = any(name.endswith(("sign", "name")) for name in said)
            if kind == "between" and (values[0] >= values[1] or not _spoken(match.group(), money)):
                continue
            if kind == "just" and not money and not said["one"][0].isdigit():
                # "one", "一": an article as often as a number.
                continue
            taken.append((start, end))
            space = len(match.group()) - len(match.group().lstrip())
            yield _range(kind, values, start + space, end, money)


def number(text: str) -> float:
    """The value of what `NUMBER` matches.

    ```python
    assert number("1,200") == 1200 and number("两百五十") == 250
    assert number("a hundred and twenty-five") == 125
    ```
    """
    if text[0].isdigit():
        thousands = text.endswith("k")
        return float(text.rstrip("k").replace(",", "")) * (1_000 if thousands else 1)
    if text[0] in _DIGITS or text[0] in _POWERS:
        return float(_chinese(text))
    hundreds, _, rest = text.partition(" hundred")
    value = _english(hundreds)
    if " hundred" in text:
        value = value * 100 + _english(rest.removeprefix(" and "))
    return float(value)


def _english(text: str) -> int:
    words = text.replace("-", " ").split()
    return sum(_TENS.get(word, _SMALL.get(word, 1 if word == "a" else 0)) for word in words)


def _chinese(text: str) -> int:
    if not any(character in _POWERS for character in text):
        return int("".join(str(_DIGITS[character]) for character in text))
    total, digit, power = 0, 0, 1
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
            continue
        power = _POWERS[character]
        if power == 10_000:
            total, digit = (total + digit) * power, 0
        else:
            total, digit = total + (digit or 1) * power, 0
    # "两百五" leaves the tens unsaid.
    bare = digit and power >= 100 and text[-1] in _DIGITS and text[-2] in _POWERS
    return total + digit * (power // 10 if bare else 1)


def _spoken(text: str, money: bool) -> bool:
    """Whether two numbers are a range: a dash alone may join a model's name or a date."""
    return money or not re.search(r"\d\s?[-–~]\s?\d", text) or text.lstrip().startswith("between")


def _within_word(text: str, start: int, end: int) -> bool:
    """Whether a match is cut out of a longer word or number, such as "xr500"."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return (_latin(before) and _latin(text[start])) or (_latin(text[end - 1]) and _latin(after))


def _latin(character: str) -> bool:
    return character.isalnum() and character.isascii()


def _range(kind: str, values: list[float], start: int, end: int, money: bool) -> Amount:
    sure = 0.95 if money else 0.8
    if kind == "between":
        return Amount(values[0], values[1], start, end, money, sure)
    (value,) = values
    if kind == "below":
        return Amount(None, value, start, end, money, sure)
    if kind == "above":
        return Amount(value, None, start, end, money, sure)
    if kind == "about":
        low, high = value * (1 - _REACH), value * (1 + _REACH)
        return Amount(low, high, start, end, money, 0.9 * sure)
    return Amount(value, value, start, end, money, sure if money else _BARE)
