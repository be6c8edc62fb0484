"""How words are said, as phones of the CMU Pronouncing Dictionary: looked up, or read aloud."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

Phones = tuple[str, ...]

_VARIANT = re.compile(r"\(\d+\)$")
_PIECES = re.compile(r"\d+|[^\W\d_]+")
_VOWELS = set("aeiouy")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
# Longer numbers are said digit by digit.
_LONGEST_NUMBER = 4
_MIN_PART = 4
_CONTEXT = 3
# Letters seen before and after, the widest first; what follows says more than what came before.
_CONTEXTS = ((3, 3), (2, 3), (3, 2), (2, 2), (1, 2), (2, 1), (1, 1), (0, 1), (1, 0), (0, 0))
_LEARN_FROM, _ALIGN_FROM = 16_000, 3_000


def read_dictionary(file: Path) -> dict[str, list[Phones]]:
    """The pronunciations of each word in a file of CMU's form."""
    words: dict[str, list[Phones]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split()
        words.setdefault(_VARIANT.sub("", word), []).append(tuple(phones))
    return words


class Pronouncer:
    """Says any word that is written in Latin letters and digits.

    In order: the dictionary; numbers as they are spoken; a compound of two words of the
    dictionary; words without a vowel letter by letter; the rest by rules learned from the
    dictionary, each letter by the widest context around it that was seen there.

    Args:
        dictionary: pronunciations by word.
    """

    def __init__(self, dictionary: Mapping[str, Sequence[Phones]]):
        self._dictionary = dictionary
        self._rules: LetterRules | None = None

    def known(self, word: str) -> bool:
        """Whether the dictionary itself has the word."""
        return word in self._dictionary

    def say(self, word: str) -> list[Phones]:
        """The ways to say a word, the likeliest first; none for one without Latin letters."""
        if word in self._dictionary:
            return list(self._dictionary[word])
        parts = [self._piece(piece) for piece in _PIECES.findall(word)]
        if not parts or not all(parts):
            return []
        return [tuple(phone for part in parts for phone in part)]

    def _piece(self, piece: str) -> Phones:
        if piece in self._dictionary:
            return self._dictionary[piece][0]
        if piece.isdigit():
            return self._joined(number_words(piece)) if piece.isascii() else ()
        if not piece.isascii():
            return ()
        for cut in range(_MIN_PART, len(piece) - _MIN_PART + 1):
            if piece[:cut] in self._dictionary and piece[cut:] in self._dictionary:
                return self._joined([piece[:cut], piece[cut:]])
        if not _VOWELS & set(piece):
            return self._joined(piece)
        if self._rules is None:
            self._rules = LetterRules.learned(self._dictionary)
        return self._rules.say(piece)

    def _joined(self, words: Iterable[str]) -> Phones:
        return tuple(p for word in words for p in self._dictionary.get(word, [()])[0])


def number_words(digits: str) -> list[str]:
    """A number's words: "21" is twenty one; more than four digits are said one by one."""
    if len(digits) > _LONGEST_NUMBER or digits.startswith("0"):
        return [_ONES[int(digit)] for digit in digits]
    number, words = int(digits), []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            words += [_ONES[number // size], name]
            number %= size
    if number >= 20:
        words.append(_TENS[number // 10 - 2])
        number %= 10
    return [*words, _ONES[number]] if number or not words else words


class LetterRules:
    """Letters to phones: each letter by the widest context around it that has been seen.

    Letters and phones are aligned one to none, one or two by expectation maximisation in its
    Viterbi form; after Black, Lenzo and Pagel, "Issues in building general letter to sound rules",
    SSW 1998, with back-off over contexts in place of their trees.
    """

    def __init__(self, rules: Mapping[tuple[str, str, str], Phones]):
        self._rules = rules

    @classmethod
    def learned(cls, dictionary: Mapping[str, Sequence[Phones]]) -> LetterRules:
        """From an evenly spread part of a dictionary; takes some seconds."""
        words = [w for w in dictionary if w.isascii() and w.isalpha() and len(w) > 1]
        words = words[:: max(1, len(words) // _LEARN_FROM)]
        pairs = [(word, dictionary[word][0]) for word in words]
        cost: dict[tuple[str, Phones], float] = {}
        for _ in range(3):
            some = pairs[:: max(1, len(pairs) // _ALIGN_FROM)]
            cost = _prices(part for pair in some for part in _aligned(*pair, cost))
        seen: defaultdict[tuple[str, str, str], Counter[Phones]] = defaultdict(Counter)
        for word, phones in pairs:
            for place, (_, part) in enumerate(_aligned(word, phones, cost)):
                for context in _contexts(word, place):
                    seen[context][part] += 1
        return cls({context: parts.most_common(1)[0][0] for context, parts in seen.items()})

    def say(self, word: str) -> Phones:
        """Phones of a word in the letters a to z."""
        said: list[str] = []
        for place in range(len(word)):
            for context in _contexts(word, place):
                if context in self._rules:
                    said += self._rules[context]
                    break
        return tuple(said)


def _contexts(word: str, place: int) -> list[tuple[str, str, str]]:
    """Letters before, letter, letters after; the widest first, # at the word's ends."""
    padded = "#" * _CONTEXT + word + "#" * _CONTEXT
    at = place + _CONTEXT
    return [
        (padded[at - left : at], padded[at], padded[at + 1 : at + 1 + right])
        for left, right in _CONTEXTS
    ]


def _prices(pairs: Iterable[tuple[str, Phones]]) -> dict[tuple[str, Phones], float]:
    """-log of each part's share of its letter; parts seen once or twice are left out."""
    counts = Counter(pairs)
    letters: Counter[str] = Counter()
    for (letter, _), count in counts.items():
        letters[letter] += count
    return {
        pair: -math.log(count / letters[pair[0]]) for pair, count in counts.items() if count > 2
    }


def _aligned(
    word: str, phones: Phones, cost: Mapping[tuple[str, Phones], float]
) -> list[tuple[str, Phones]]:
    """Each letter with its phones, none, one or two, the cheapest way; empty if there is none."""
    infinite = math.inf
    best = [infinite] * (len(phones) + 1)
    best[0] = 0.0
    chosen: list[list[int]] = []
    for letter in word:
        after = [infinite] * (len(phones) + 1)
        size = [0] * (len(phones) + 1)
        for place, before in enumerate(best):
            if before == infinite:
                continue
            for taken in range(min(2, len(phones) - place) + 1):
                part = phones[place : place + taken]
                # Before anything is known: one phone a letter, consonants in their places.
                price = cost.get((letter, part), 9.0) if cost else _first_guess(letter, part)
                if before + price < after[place + taken]:
                    after[place + taken] = before + price
                    size[place + taken] = taken
        best = after
        chosen.append(size)
    if best[-1] == infinite:
        return []
    parts: list[Phones] = []
    end = len(phones)
    for size in reversed(chosen):
        taken = size[end]
        parts.append(phones[end - taken : end])
        end -= taken
    return list(zip(word, reversed(parts), strict=True))


def _first_guess(letter: str, part: Phones) -> float:
    if not part:
        return 2.0
    vowel = letter in _VOWELS
    same = sum((phone[0] in "AEIOU") == vowel for phone in part)
    alike = any(phone[0].lower() == letter for phone in part)
    return 1.0 + len(part) - same - 0.5 * alike + 2.0 * (len(part) - 1)
