"""What a search asks: words, pictures or sound, checked and in the form its signature takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tfmm.serving.ask.query_picture import Picture, query_picture
from tfmm.serving.ask.query_sound import Sound, query_sound
from tfmm.serving.ask.query_text import query_text

if TYPE_CHECKING:
    from tfmm.serving.ask.voice.recognizer import Recognizer

_Part = TypeVar("_Part")

Texts = str | Sequence[str | None]
Pictures = Picture | Sequence[Picture | None]
Sounds = Sound | Sequence[Sound]


@dataclass(frozen=True, eq=False)
class Query:
    """Searches that are asked together.

    Attributes:
        signature: `search_text`, `search_image`, `search_audio` or `search_mixed`.
        inputs: arrays object[B] by input name, bytes or text, "" for a part that is absent.
        count: B.
        single: whether one search was asked rather than a list.
        texts: the words of each, where the query has words alone.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    count: int
    single: bool
    texts: list[str] | None = None


def make_query(
    text: Texts | None = None,
    image: Pictures | None = None,
    audio: Sounds | None = None,
    recognizer: Recognizer | None = None,
) -> Query:
    """The query of a search's arguments; with a recogniser, sound is asked as the words in it.

    Text and image together are one question ("like this, but red"): lists of equal length, or one
    of them for every one of the other; None or "" in a list leaves that part out.

    Raises:
        TypeError, ValueError, OSError: an argument that cannot be asked, as `query_text`,
            `query_picture` and `query_sound` say, or speech in which no words are heard; in a list,
            with its place from 0.
    """
    given = [name for name, part in _named(text, image, audio) if part is not None]
    if not given or ("audio" in given and len(given) > 1):
        raise ValueError(
            "search takes text, image, both of them, or audio alone; got "
            f"{' and '.join(given) or 'none'}."
        )
    if recognizer is not None:
        if audio is None:
            raise ValueError("a recognizer turns audio into words: give audio.")
        spoken: list[Any] = _parts(
            "audio", audio, lambda part, name: _heard(recognizer, part, name)
        )
        return _query("search_text", {"text": spoken}, _is_one(audio), spoken)
    if audio is not None:
        sounds = _parts("audio", audio, query_sound)
        return _query("search_audio", {"audio": sounds}, _is_one(audio))
    if image is None:
        texts: list[Any] = _parts("text", text, query_text)
        return _query("search_text", {"text": texts}, _is_one(text), texts)
    if text is None:
        return _query(
            "search_image", {"image": _parts("image", image, query_picture)}, _is_one(image)
        )
    return _mixed(text, image)


def _heard(recognizer: Recognizer, sound: Any, name: str) -> str:
    wav = query_sound(sound, name)
    words = recognizer.text(wav)
    if not words:
        raise ValueError(f"{name}: no words were heard: is it speech, and loud enough?")
    return query_text(words, f"{name} as heard")


def _mixed(text: Texts, image: Pictures) -> Query:
    texts = _parts("text", text, query_text, optional=True)
    pictures = _parts("image", image, query_picture, optional=True)
    if _is_one(text):
        texts = texts * len(pictures)
    elif _is_one(image):
        pictures = pictures * len(texts)
    if len(texts) != len(pictures):
        raise ValueError(
            f"text and image: expected as many of one as of the other, got {len(texts)} and "
            f"{len(pictures)}."
        )
    for place, parts in enumerate(zip(texts, pictures, strict=True)):
        if not any(parts):
            raise ValueError(f"text and image: both are absent in search {place}.")
    single = _is_one(text) and _is_one(image)
    return _query("search_mixed", {"text": texts, "image": pictures}, single)


def _query(
    signature: str, parts: dict[str, list[Any]], single: bool, texts: list[str] | None = None
) -> Query:
    inputs = {}
    for name, values in parts.items():
        inputs[name] = np.empty(len(values), object)
        inputs[name][:] = values
    return Query(signature, inputs, len(next(iter(inputs.values()))), single, texts)


def _named(text: Any, image: Any, audio: Any) -> tuple[tuple[str, Any], ...]:
    return ("text", text), ("image", image), ("audio", audio)


def _is_one(part: Any) -> bool:
    return isinstance(part, (str, bytes, os.PathLike))


def _parts(
    name: str, given: Any, check: Callable[[object, str], _Part], *, optional: bool = False
) -> list[_Part | str]:
    if optional and isinstance(given, (str, bytes)) and not given:
        return [""]
    if _is_one(given):
        return [check(given, name)]
    if not isinstance(given, (Sequence, np.ndarray)):
        raise TypeError(f"{name}: expected one or a list of them, got {type(given).__name__}.")
    made: list[_Part | str] = []
    for place, part in enumerate(given):
        absent = optional and (part is None or (isinstance(part, (str, bytes)) and not part))
        made.append("" if absent else check(part, f"{name}[{place}]"))
    return made
