"""Simple ways to understand a query: what a learned one has to beat."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.classes import svm_margins, text_inputs
from tfmm.data.texts.queries import Queries
from tfmm.tasks.base import RowParts

#: A character of a script without spaces, a word or a mark.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]")
#: Strengths of the support vector machine that are tried.
STRENGTHS = (0.1, 0.3, 1.0)


def majority(codes: NDArray[np.integer], classes: int, parts: RowParts) -> NDArray[np.float64]:
    """float64 `[C]`: the share of training queries with each intent."""
    known = codes[parts.final_train()]
    count = np.bincount(known[known >= 0], minlength=classes)
    return count / max(1, count.sum())


def margins(
    texts: Sequence[str], codes: NDArray[np.integer], classes: int, parts: RowParts
) -> tuple[NDArray[np.float64], float]:
    """Margins float64 `[test, C]` of a linear support vector machine on TF-IDF of words and
    characters, and its strength, chosen by accuracy on validation."""

    train, valid = (rows[codes[rows] >= 0] for rows in (parts.train, parts.valid))
    inputs = text_inputs(texts, train)

    def reached(strength: float) -> float:
        said = svm_margins(inputs[train], codes[train], inputs[valid], classes, strength)
        return float((said.argmax(axis=1) == codes[valid]).mean())

    best = max(STRENGTHS, key=reached)
    final = parts.final_train()[codes[parts.final_train()] >= 0]
    inputs = text_inputs(texts, final)
    return svm_margins(inputs[final], codes[final], inputs[parts.test], classes, best), best


class Dictionary:
    """Finds the words that training queries have as slots; the longest first, left to right.

    Words count that are a slot at least as often as they are none.

    Args:
        queries: the table.
        rows: those that are learned from.
    """

    def __init__(self, queries: Queries, rows: NDArray[np.integer]) -> None:
        said: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        split = {int(row): _words(str(queries.text[row])) for row in rows}
        for row, words in split.items():
            for slot in queries.slots[row]:
                inside = [
                    word for word, start, end in words if start < slot.end and end > slot.start
                ]
                if inside:
                    said[tuple(inside)][slot.name] += 1
        longest = max(map(len, said), default=0)
        met = Counter[tuple[str, ...]]()
        for words in split.values():
            plain = [word for word, *_ in words]
            for first in range(len(plain)):
                for last in range(first + 1, min(len(plain), first + longest) + 1):
                    if (key := tuple(plain[first:last])) in said:
                        met[key] += 1
        self.longest = longest
        self.slots = {
            key: names.most_common(1)[0][0]
            for key, names in said.items()
            if 2 * names.total() >= met[key]
        }

    def find(self, text: str) -> list[tuple[str, int, int]]:
        """The slots of a text."""
        words, found, at = _words(text), [], 0
        while at < len(words):
            for last in range(min(len(words), at + self.longest), at, -1):
                name = self.slots.get(tuple(word for word, *_ in words[at:last]))
                if name is not None:
                    found.append((name, words[at][1], words[last - 1][2]))
                    at = last - 1
                    break
            at += 1
        return found


def _words(text: str) -> list[tuple[str, int, int]]:
    return [(one.group().casefold(), one.start(), one.end()) for one in _WORD.finditer(text)]
