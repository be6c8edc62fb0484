"""Names of months and days in many languages, as whole English ones."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pandas as pd

#: Those of shops' exports; where several fit, the first.
_LANGUAGES = (
    "en de fr es it pt nl pl ru sv da nb fi cs sk hu ro tr uk el bg hr sl lt lv et id vi ja ko zh"
).split()
_ENGLISH = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
#: What stands beside names and numbers, and says nothing: "3 de enero", "14:30 Uhr", "5 г.".
_FILL = frozenset("de del le la el den der du il om at um uhr klo kl a à г ч år".split())
_WORD = re.compile(r"[^\W\d_]+")
_ORDINAL = re.compile(r"(?<=\d)(?:er|re|e|st|nd|rd|th|º|ª|\.º)\b", re.IGNORECASE)
# The hours of French: 14h30.
_HOURS = re.compile(r"(?<!\d)(\d{1,2}) ?h ?(\d{2})\b")


def in_english(words: pd.Series) -> tuple[pd.Series, str]:
    """A column's texts with the names of months and days in English.

    ```python
    import pandas as pd

    from tfmm.data.events.month_names import in_english

    in_english(pd.Series(["3. März 2024", "15. Dezember 2024"]))  # "3. March 2024", …; "German"
    ```

    Args:
        words: the texts.

    Returns:
        The texts and the language's English name; as they were, and "", where they have names of
        no language known, or of two that disagree.
    """
    used = {_plain(word) for text in words.head(1000) for word in _WORD.findall(_tidy(text))}
    unknown = used - _FILL
    if not unknown:
        return words, ""
    fitting = [language for language in _LANGUAGES if unknown <= _names(language).keys()]
    read = {tuple(_names(language)[word] for word in sorted(unknown)) for language in fitting}
    if len(read) != 1:
        return words, ""
    names = _names(fitting[0])

    def translated(text: str) -> str:
        text = _tidy(text)
        plain = [(found, _plain(found[0])) for found in _WORD.finditer(text)]
        for found, word in reversed(plain):
            english = names.get(word, "" if word in _FILL else found[0])
            text = text[: found.start()] + english + text[found.end() :]
        return _without_dots(text)

    return words.map(translated), _language(fitting[0])


def tidy_format(format: str) -> str:
    """A format as the texts are that `in_english` gives: whole names, no dots, no filling words.

    ```python
    from tfmm.data.events.month_names import tidy_format

    tidy_format("%d. de %b de %Y, %Hh%M")  # "%d %B %Y, %H:%M"
    ```
    """
    format = re.sub(r"(%[HI]) ?h ?(%M)", r"\1:\2", format)
    format = format.replace("%b", "%B").replace("%a", "%A")
    words = re.compile(r"%?[^\W\d_]+")
    kept = words.sub(lambda found: "" if _plain(found[0]) in _FILL else found[0], format)
    return _without_dots(kept)


def _tidy(text: str) -> str:
    """A text without endings of numbers ("1er"), and with a colon between hours and minutes."""
    return _HOURS.sub(r"\1:\2", _ORDINAL.sub("", text))


def _without_dots(text: str) -> str:
    """A text without the dots of abbreviations ("Dez."), days ("3.") and words that are gone."""
    return " ".join(re.sub(r"(?<=[A-Za-z])\.|(?<=\d)\.(?!\d)|(?<=\s)\.", " ", text).split())


@cache
def _names(language: str) -> dict[str, str]:
    """The English name by each name of a month or a day, whole or short, without accents."""
    # Imported here: few tables need it.
    from babel.dates import get_day_names, get_month_names

    months: list[tuple[str, str]] = []
    days: list[tuple[str, str]] = []
    for form in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            named = get_month_names(form, context, language)
            months += [(name.strip("."), _ENGLISH[n - 1]) for n, name in named.items()]
            named = get_day_names(form, context, language)
            days += [(name.strip("."), _DAYS[n]) for n, name in named.items()]
    # The first letters, which people shorten to.
    starts = [(name[:size], month) for name, month in months for size in (3, 4) if len(name) > size]
    starts += [("Mrz", "March")] if language == "de" else []  # Excel's own
    # "mar" of Italian is March, not Tuesday.
    return {**_clear(days), **_clear(starts), **_clear(months)}


def _clear(names: list[tuple[str, str]]) -> dict[str, str]:
    """What each name stands for; those that stand for two are left out."""
    meant: dict[str, set[str]] = {}
    for name, english in names:
        if _WORD.fullmatch(name):
            meant.setdefault(_plain(name), set()).add(english)
    return {name: next(iter(one)) for name, one in meant.items() if len(one) == 1}


def _plain(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _language(code: str) -> str:
    from babel import Locale

    return str(Locale(code).get_display_name("en"))
