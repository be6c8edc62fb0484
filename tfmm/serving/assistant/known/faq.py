"""A shop's own questions and answers, found by their words, and refused where they do not fit."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from tfmm.serving.ask.keyword_tokens import keyword_tokens
from tfmm.serving.assistant.reading.clean import clean_text
from tfmm.serving.assistant.reading.language import Language, built_in

_COLUMNS = ("question", "answer")
_ONE = re.compile(r"[?？!！;；。.\n]+")
_LONGEST_ANSWER = 2_000


class FaqError(ValueError):
    """A table that holds no questions and answers."""


@dataclass(frozen=True)
class Entry:
    """A question with its answer; `language` is "" for one of any language."""

    id: str
    question: str
    answer: str
    language: str = ""


class Faq:
    """Answers questions of service.

    A question's likeness is the cosine of TF-IDF vectors, Chinese by characters and pairs, times
    the root of the share of the asked words that any question here holds, so that
    a question about something else is refused however rare the one word that it shares.

    ```python
    faq = Faq([Entry("returns", "Can I send things back?", "Within 30 days.")])
    assert faq.best("can I send it back?").answer == "Within 30 days."
    assert faq.best("who won the match?") is None
    ```

    Args:
        entries: the questions; one may hold several wordings, a sentence each.
        stop: words that say nothing.
        threshold: the likeness, 0 to 1, below which there is no answer.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        stop: frozenset[str] = frozenset(),
        threshold: float = 0.3,
    ):
        self.entries = list(entries)
        self.threshold = threshold
        self._stop = stop
        wordings = [
            (row, wording) for row, entry in enumerate(self.entries) for wording in _wordings(entry)
        ]
        self._rows = np.array([row for row, _ in wordings], np.int64)
        self._vectorizer = TfidfVectorizer(analyzer=self._tokens, sublinear_tf=True)
        self._vectors = None
        if any(self._tokens(wording) for _, wording in wordings):
            self._vectors = self._vectorizer.fit_transform([wording for _, wording in wordings])

    @classmethod
    def load(
        cls,
        file: str | os.PathLike[str],
        *,
        languages: Sequence[Language] | None = None,
        threshold: float = 0.3,
    ) -> Self:
        """Reads a CSV table with the columns `question` and `answer`, and perhaps `id`
        and `language` (such as "en").

        Args:
            file: the table.
            languages: whose small words say nothing; by default those that come with tfmm.
            threshold: as of the class.

        Raises:
            OSError: it cannot be read.
            FaqError: it lacks a column, or a row lacks a question or an answer.
        """
        path = Path(file)
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise FaqError(f"{path} is no CSV table: {error}") from None
        for name in _COLUMNS:
            if name not in table:
                raise FaqError(
                    f"{path} has no column {name!r}; it has {', '.join(table.columns)}. Expected "
                    "question and answer, and perhaps id and language."
                )
        entries = []
        for place, row in enumerate(table.to_dict("records"), start=2):
            question, answer = row["question"].strip(), clean_text(row["answer"], _LONGEST_ANSWER)
            if not question or not answer:
                raise FaqError(f"{path}, line {place}: expected a question and an answer.")
            name = row.get("id") or str(place - 1)
            entries.append(Entry(name, question, answer, row.get("language", "")))
        spoken = built_in() if languages is None else languages
        stop = frozenset[str]().union(*(language.stop for language in spoken))
        return cls(entries, stop=stop, threshold=threshold)

    def likeness(self, text: str, language: str = "") -> list[tuple[float, Entry]]:
        """Each entry that may be said in a language with its likeness, 0 to 1, the best first."""
        tokens = self._tokens(text)
        if self._vectors is None or not tokens:
            return []
        # A pair of characters is hardly ever known where one of them is not: they count once.
        single = [token for token in tokens if len(token) != 2 or token.isascii()] or tokens
        known = sum(token in self._vectorizer.vocabulary_ for token in single) / len(single)
        cosines = np.asarray((self._vectors @ self._vectorizer.transform([text]).T).todense())
        best = np.zeros(len(self.entries))
        np.maximum.at(best, self._rows, cosines[:, 0] * np.sqrt(known))
        fits = [
            (float(score), entry)
            for score, entry in zip(best, self.entries, strict=True)
            if not language or entry.language in ("", language)
        ]
        return sorted(fits, key=lambda one: -one[0])

    def best(self, text: str, language: str = "") -> Entry | None:
        """The entry that answers a text; None where none is alike enough."""
        found = self.likeness(text, language)
        return found[0][1] if found and found[0][0] >= self.threshold else None

    def _tokens(self, text: str) -> list[str]:
        return [token for token in keyword_tokens(text) if token not in self._stop]


def _wordings(entry: Entry) -> list[str]:
    """A question as a whole, each of its sentences, and with its answer, whose words may be asked
    for too."""
    sentences = filter(str.strip, _ONE.split(entry.question))
    return list(dict.fromkeys([entry.question, *sentences, f"{entry.question} {entry.answer}"]))
