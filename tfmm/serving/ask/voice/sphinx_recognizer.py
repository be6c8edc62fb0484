"""Speech recognition without any network, tuned to a catalogue's own words."""

from __future__ import annotations

import json
import os
import re
import threading
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfmm.data.files import write_text
from tfmm.data.search_catalog import SearchCatalog
from tfmm.serving.ask.query_sound import Sound
from tfmm.serving.ask.voice.language_model import bigram_model
from tfmm.serving.ask.voice.pronunciation import Pronouncer, read_dictionary
from tfmm.serving.ask.voice.recognizer import Recognizer, speech

_MODEL, _WORDS, _ABOUT = "catalog.arpa", "catalog.dict", "about.json"
# Of a quiet room, -45 dB. The acoustic model knows no digital silence: of validation queries in
# synthetic speech it got .72 of the words wrong without, .31 at -60 dB, .22 at -45, .43 at -35.
_NOISE = 10 ** (-45 / 20)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_SILENCE = re.compile(r"<[^>]*>|\[[^\]]*\]|\(\d+\)")


class SphinxRecognizer:
    """PocketSphinx (Huggins-Daines et al., ICASSP 2006) with a catalogue's bigrams and dictionary.

    English. Its own language model hears almost nothing of product titles; one of the titles
    themselves knows which words there are and what follows what. Words that the CMU Pronouncing
    Dictionary lacks, brands above all, are said by rule (`tfmm.serving.ask.voice.pronunciation`);
    those in other scripts than Latin cannot be heard and are left out.

    ```python
    recognizer = SphinxRecognizer.from_catalog(catalog, "voice")  # once; then .load("voice")
    client.search(audio="question.wav", recognizer=recognizer)
    ```

    May be shared between threads, whose questions wait for each other.

    Args:
        folder: what `from_titles` or `from_catalog` wrote.

    Raises:
        FileNotFoundError: the folder lacks a file of a recogniser.
        ModuleNotFoundError: the package pocketsphinx is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        root = Path(folder)
        for name in (_MODEL, _WORDS):
            if not (root / name).is_file():
                raise FileNotFoundError(
                    f"{root} holds no recogniser: {name} is missing. "
                    "SphinxRecognizer.from_catalog writes one."
                )
        self._decoder = _decoder(root / _MODEL, root / _WORDS)
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """A recogniser that was written before."""
        return cls(folder)

    @classmethod
    def from_catalog(cls, catalog: SearchCatalog, folder: str | os.PathLike[str]) -> Self:
        """A recogniser of a catalogue's titles, see `from_titles`."""
        return cls.from_titles(catalog.titles, folder)

    @classmethod
    def from_titles(cls, titles: Iterable[str], folder: str | os.PathLike[str]) -> Self:
        """Writes a recogniser of these titles into a folder and loads it.

        Raises:
            ValueError: no title holds a word in Latin letters.
            ModuleNotFoundError: the package pocketsphinx is not installed.
        """
        package = _pocketsphinx()
        pronouncer = Pronouncer(read_dictionary(_dictionary(package)))
        sentences = [spoken_words(title) for title in titles]
        said = {word: pronouncer.say(word) for word in sorted({w for s in sentences for w in s})}
        kept = [[word for word in sentence if said[word]] for sentence in sentences]
        if not any(kept):
            raise ValueError(
                "no title holds a word that can be said in English: PocketSphinx's model hears "
                "English only. HubRecognizer takes multilingual Whisper presets."
            )
        lines = []
        for word, ways in said.items():
            for number, phones in enumerate(ways, start=1):
                name = word if number == 1 else f"{word}({number})"
                lines.append(f"{name} {' '.join(phones)}")
        about = {
            "words": len(said),
            "by_rule": sum(bool(ways) and not pronouncer.known(w) for w, ways in said.items()),
            "left_out": [word for word, ways in said.items() if not ways][:100],
        }
        root = Path(folder)
        model = bigram_model(kept)
        write_text(root / _WORDS, "\n".join(lines) + "\n")
        write_text(root / _ABOUT, json.dumps(about, indent=1) + "\n")
        write_text(root / _MODEL, model)
        return cls(root)

    def text(self, audio: Sound) -> str:
        """As `Recognizer.text`; words come in small letters."""
        samples = speech(audio)
        noise = np.random.default_rng(0).normal(0, _NOISE, len(samples))
        samples = np.clip(samples + noise, -1, 1)
        pcm = np.round(samples * 32_767).astype("<i2").tobytes()
        with self._one_at_a_time:
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
            found = self._decoder.hyp()
        heard = "" if found is None else _SILENCE.sub("", found.hypstr)
        return " ".join(heard.split())


def spoken_words(text: str) -> list[str]:
    """The words of a title as they are spoken and heard: small Latin letters and numbers."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("’", "'")
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    return _WORD.findall(folded.replace("&", " and "))


def english_recognizer() -> Recognizer:
    """PocketSphinx with its own model of English, for comparison."""
    package = _pocketsphinx()
    recognizer = SphinxRecognizer.__new__(SphinxRecognizer)
    model = Path(package.get_model_path("en-us/en-us.lm.bin"))
    recognizer._decoder = _decoder(model, _dictionary(package))
    recognizer._one_at_a_time = threading.Lock()
    return recognizer


def _decoder(model: Path, words: Path) -> Any:
    package = _pocketsphinx()
    return package.Decoder(
        hmm=package.get_model_path("en-us/en-us"),
        lm=str(model),
        dict=str(words),
        loglevel="FATAL",
    )


def _pocketsphinx() -> Any:
    try:
        import pocketsphinx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "recognising speech offline needs the package pocketsphinx. Install it with: "
            "pip install 'tfmm[voice]'"
        ) from error
    return pocketsphinx


def _dictionary(package: Any) -> Path:
    return Path(package.get_model_path("en-us/cmudict-en-us.dict"))
