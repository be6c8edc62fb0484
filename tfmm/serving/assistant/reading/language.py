"""A language: what is heard in it and what is said, as one file holds them."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tfmm.serving.ask.keyword_tokens import UNSPACED
from tfmm.serving.assistant.reading.clean import folded

#: The languages that come with tfmm, a file each.
FOLDER = Path(__file__).with_name("languages")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_LETTERS_READ = 400
_STAR = r".{0,40}?"


class LanguageError(ValueError):
    """A file that holds no language, or one that lacks something."""


@dataclass(frozen=True)
class Heard:
    """A phrase found in a text, and where; `whole` where nothing stood for its `*`."""

    phrase: str
    start: int
    end: int
    whole: bool = True


@dataclass(frozen=True, eq=False)
class Language:
    """What one file of `languages/` holds; `en.yaml` says what its parts mean."""

    code: str
    name: str
    scripts: tuple[str, ...]
    joins: tuple[str, str]
    cues: Mapping[str, Sequence[str]]
    places: Mapping[int, Sequence[str]]
    features: Mapping[str, Sequence[str]]
    questions: Mapping[str, Sequence[str]]
    values: Mapping[str, Sequence[str]]
    synonyms: Mapping[str, Sequence[str]]
    stop: frozenset[str]
    answers: Mapping[str, str]
    phrases: Mapping[str, str]

    @cached_property
    def _patterns(self) -> dict[tuple[str, str | int], tuple[re.Pattern[str], frozenset[str]]]:
        groups: dict[tuple[str, str | int], Sequence[str]] = {}
        groups |= {("cues", name): phrases for name, phrases in self.cues.items()}
        groups |= {("places", place): phrases for place, phrases in self.places.items()}
        groups |= {("features", name): phrases for name, phrases in self.features.items()}
        groups |= {("questions", name): phrases for name, phrases in self.questions.items()}
        return {
            key: (pattern(phrases), frozenset(map(folded, phrases)))
            for key, phrases in groups.items()
            if phrases
        }

    def find(self, part: str, text: str) -> dict[Any, list[Heard]]:
        """By name, where phrases of a part (`cues`, `places`, …) stand in a folded text."""
        found = {}
        for (group, name), (compiled, phrases) in self._patterns.items():
            if group != part:
                continue
            heard = [
                Heard(match.group(), *match.span(), match.group() in phrases)
                for match in compiled.finditer(text)
            ]
            if heard:
                found[name] = heard
        return found

    def concept(self, feature: str) -> str | None:
        """What a catalogue's feature is, such as "colour" for `baseColour`; None for what this
        language has no words for."""
        name = folded(feature)
        return next((key for key, words in self.features.items() if name in (key, *words)), None)

    def feature_name(self, feature: str) -> str:
        """What a feature is called in an answer."""
        concept = self.concept(feature)
        return feature.replace("_", " ") if concept is None else self.features[concept][0]

    def value_name(self, value: str) -> str:
        """What a value is called in an answer."""
        said = self.values.get(value.casefold())
        return said[0] if said and not self.is_written_in(value) else value

    def is_written_in(self, text: str) -> bool:
        """Whether most letters of a text are of this language's scripts."""
        counts = _scripts(text)
        return counts.total() > 0 and 2 * self._share(counts) >= counts.total()

    def _share(self, counts: Counter[str]) -> int:
        return sum(count for name, count in counts.items() if name in self.scripts)

    def listed(self, parts: Sequence[str]) -> str:
        """Parts as a list in a sentence."""
        between, last = self.joins
        head = between.join(parts[:-1])
        return f"{head}{last}{parts[-1]}" if head else "".join(parts)


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """What finds any of some phrases, the longest first, whole words where words are spaced."""
    made = []
    for phrase in sorted({folded(phrase) for phrase in phrases}, key=lambda one: -len(one)):
        body = _STAR.join(re.escape(part.strip()) for part in phrase.split("*"))
        made.append(body if _UNSPACED.search(phrase) else rf"(?<!\w){body}(?!\w)")
    return re.compile("|".join(made))


def load_language(file: str | os.PathLike[str]) -> Language:
    """Reads a language's file.

    Raises:
        OSError: it cannot be read.
        LanguageError: it lacks a part, an answer or a name in an answer that English has.
    """
    try:
        # The base loader leaves every scalar a text: a cue may be "no", a place "-1".
        told = yaml.load(Path(file).read_text(encoding="utf-8"), yaml.BaseLoader)
        made = _made(told)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise LanguageError(
            f"{file} is no language: expected the parts of {FOLDER / 'en.yaml'}; {error!r:.200}"
        ) from error
    if made.code != "en":
        _check(made, load_language(FOLDER / "en.yaml"), file)
    return made


def built_in() -> list[Language]:
    """The languages that come with tfmm, English first."""
    return [load_language(file) for file in sorted(FOLDER.glob("*.yaml"))]


def choose(text: str, languages: Sequence[Language], last: str) -> Language:
    """The language that a text is in: by its script; of several of one script, that whose phrases
    it holds most of; else the one spoken last, else the first."""
    counts = _scripts(text)
    scores = []
    for place, language in enumerate(languages):
        share = language._share(counts)
        rivals = [one for one in languages if set(one.scripts) & set(language.scripts)]
        phrases = len(language.find("cues", folded(text))) if share and len(rivals) > 1 else 0
        # One Chinese character says as much as a few letters.
        weight = 3 if "CJK" in language.scripts else 1
        scores.append((weight * share, phrases, language.code == last, -place))
    best = max(scores)
    if best[0] == 0:
        return next((one for one in languages if one.code == last), languages[0])
    return languages[scores.index(best)]


def _scripts(text: str) -> Counter[str]:
    letters = (letter for letter in text[:_LETTERS_READ] if letter.isalpha())
    return Counter(unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters)


def _made(told: Mapping[str, Any]) -> Language:
    def lists(part: str) -> dict[Any, tuple[str, ...]]:
        return {name: tuple(map(str, words)) for name, words in told[part].items()}

    between, last = told["joins"]
    return Language(
        code=str(told["code"]),
        name=str(told["name"]),
        scripts=tuple(map(str, told["scripts"])),
        joins=(str(between), str(last)),
        cues=lists("cues"),
        places={int(place): words for place, words in lists("places").items()},
        features=lists("features"),
        questions=lists("questions"),
        values=lists("values"),
        synonyms=lists("synonyms"),
        stop=frozenset(folded(str(word)) for word in told["stop"]),
        answers={name: str(text) for name, text in told["answers"].items()},
        phrases={name: str(text) for name, text in told["phrases"].items()},
    )


def _check(made: Language, english: Language, file: str | os.PathLike[str]) -> None:
    for part in ("answers", "phrases"):
        own, expected = getattr(made, part), getattr(english, part)
        for name, text in expected.items():
            if name not in own:
                raise LanguageError(f"{file} lacks {part}, {name}: in English {text!r}.")
            if _names(own[name]) != _names(text):
                raise LanguageError(
                    f"{file}, {part}, {name}: expected the names "
                    f"{', '.join(sorted(_names(text))) or 'none'}, got {own[name]!r}."
                )


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
