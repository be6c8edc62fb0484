"""The values of a catalogue's features, found in words by exact match and by likeness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from tfmm.serving.linking.folded import Word, phrase, unspaced
from tfmm.serving.linking.vocabulary import FREQUENT, SAME, SHADES

Term = tuple[str, str]
#: Of a value found by another word for it, and by a shade of it.
_SYNONYM, _SHADE = 0.95, 0.8
#: Letters from which on one slip is forgiven, and two.
_ONE_SLIP, _TWO_SLIPS = 5, 9
#: Candidates whose distance is computed, those with the most letter triples in common.
_CANDIDATES = 24
#: Words that a misspelt value may have, and misspelt stretches that a text is searched for.
_WORDS, _STRETCHES = 3, 60


@dataclass(frozen=True)
class Found:
    """Values that a stretch of words names.

    Attributes:
        first, last: the words, `last` not among them.
        terms: (feature, value), the one that most items have first.
        confidence: from 0 to 1.
    """

    first: int
    last: int
    terms: tuple[Term, ...]
    confidence: float


class Values:
    """Finds values in words.

    Args:
        values: by feature, how many items have each value.
        synonyms: by value, further words for it; they are read before the built-in ones.
        words: what the catalogue says beside its values; none of it is taken for a misspelt value.
    """

    def __init__(
        self,
        values: Mapping[str, Mapping[str, int]],
        synonyms: Mapping[str, Sequence[str]],
        words: Iterable[str],
    ) -> None:
        own: dict[tuple[str, ...], dict[Term, int]] = defaultdict(dict)
        for feature, counts in values.items():
            for value, count in counts.items():
                if key := phrase(value):
                    own[key][feature, value] = count
        self._known: dict[tuple[str, ...], tuple[tuple[Term, ...], float]] = {
            key: (tuple(sorted(terms, key=lambda term: -terms[term])), 1.0)
            for key, terms in own.items()
        }
        self._add_synonyms([(value, *others) for value, others in synonyms.items()])
        self._add_synonyms(SAME)
        for shade, plain in SHADES.items():
            if phrase(plain) in self._known:
                self._known.setdefault(phrase(shade), (self._known[phrase(plain)][0], _SHADE))
        self.longest = max(map(len, self._known), default=0)
        self._spelt = frozenset(words) | {word for key in self._known for word in key} | FREQUENT
        self._by_text = {
            " ".join(key): key
            for key in self._known
            if len(key) <= _WORDS and not any(map(unspaced, key))
        }
        self._texts = [text for text in self._by_text if len(text) >= _ONE_SLIP - 1]
        rows: dict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(self._texts):
            for triple in _triples(text):
                rows[triple].append(row)
        self._rows = {triple: np.array(found, np.int32) for triple, found in rows.items()}

    def _add_synonyms(self, groups: Iterable[Sequence[str]]) -> None:
        for group in groups:
            keys = [phrase(word) for word in group]
            found = next((self._known[key] for key in keys if key in self._known), None)
            if found is not None:
                for key in filter(None, keys):
                    self._known.setdefault(key, (found[0], min(found[1], _SYNONYM)))

    def exact(self, words: Sequence[Word]) -> Iterator[Found]:
        """The longest stretches that name a value or are another word for one, left to right."""
        forms = tuple(word.form for word in words)
        at = 0
        while at < len(forms):
            for last in range(min(len(forms), at + self.longest), at, -1):
                known = self._known.get(forms[at:last])
                if known is not None:
                    yield Found(at, last, *known)
                    at = last - 1
                    break
            at += 1

    def misspelt(self, words: Sequence[Word], free: Sequence[bool]) -> Iterator[Found]:
        """Stretches of free words that are a slip or two away from a value, the nearest first.

        A stretch is tried where one of its words is neither the catalogue's nor a frequent one.
        """
        found, tried = [], 0
        for first, word in enumerate(words):
            for last in range(first + 1, min(len(words), first + _WORDS) + 1):
                part = words[first:last]
                if not all(free[first:last]) or unspaced(part[-1].form):
                    break
                if tried == _STRETCHES or all(word.form in self._spelt for word in part):
                    continue
                tried += 1
                if match := self._nearest(" ".join(word.form for word in part)):
                    found.append(Found(first, last, *match))
        yield from sorted(found, key=lambda one: (-one.confidence, one.first - one.last))

    def _nearest(self, text: str) -> tuple[tuple[Term, ...], float] | None:
        slips = (len(text) >= _ONE_SLIP) + (len(text) >= _TWO_SLIPS)
        rows = [self._rows[triple] for triple in _triples(text) if triple in self._rows]
        if not slips or not rows:
            return None
        best, distance = "", slips + 1
        for text_of in self._candidates(np.concatenate(rows), len(text), slips):
            found = OSA.distance(text, text_of, score_cutoff=distance - 1)
            if found < distance:
                best, distance = text_of, found
        if distance > slips:
            return None
        terms, confidence = self._known[self._by_text[best]]
        return terms, confidence * (1 - 1.5 * distance / len(text))

    def _candidates(self, rows: NDArray[np.int32], length: int, slips: int) -> Iterator[str]:
        """Those of nearly its length that share the most letter triples with a text."""
        shared = np.bincount(rows, minlength=len(self._texts))
        # A slip changes three triples at most.
        enough = np.flatnonzero(shared >= max(1, length - 3 * slips))
        order = np.argsort(-shared[enough], kind="stable")
        near = (self._texts[row] for row in enough[order])
        close = (text for text in near if abs(len(text) - length) <= slips)
        for _, text in zip(range(_CANDIDATES), close, strict=False):
            yield text


def _triples(text: str) -> set[str]:
    """Three neighbouring letters each, with a mark at both ends."""
    marked = f"^{text}$"
    return {marked[at : at + 3] for at in range(len(marked) - 2)}
