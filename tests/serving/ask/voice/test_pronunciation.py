"""How words are said that a pronouncing dictionary has or lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfmm.serving.ask.voice.pronunciation import (
    LetterRules,
    Pronouncer,
    number_words,
    read_dictionary,
)


@pytest.fixture(scope="module")
def dictionary():
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="needs tfmm[voice]")
    return read_dictionary(Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")))


@pytest.fixture(scope="module")
def pronouncer(dictionary):
    return Pronouncer(dictionary)


def said(*words: str) -> list[tuple[str, ...]]:
    return [tuple(" ".join(words).split())]


def test_a_dictionary_keeps_every_way_to_say_a_word(tmp_path):
    file = tmp_path / "words.dict"
    file.write_text("a AH\na(2) EY\nshoe SH UW\n")
    assert read_dictionary(file) == {"a": [("AH",), ("EY",)], "shoe": [("SH", "UW")]}


def test_known_words_are_looked_up(pronouncer):
    assert pronouncer.known("shoe")
    assert pronouncer.say("shoe") == said("SH UW")
    assert len(pronouncer.say("either")) == 2


def test_numbers_are_said_as_words(pronouncer):
    assert number_words("21") == ["twenty", "one"]
    assert number_words("0") == ["zero"]
    assert number_words("10") == ["ten"]
    assert number_words("1215") == "one thousand two hundred fifteen".split()
    assert number_words("007") == ["zero", "zero", "seven"]
    assert number_words("12345") == "one two three four five".split()
    assert pronouncer.say("21") == said("T W EH N T IY W AH N")
    assert pronouncer.say("shoe2") == said("SH UW T UW")


def test_compounds_are_said_as_their_parts(pronouncer):
    assert not pronouncer.known("kidswear")
    assert pronouncer.say("kidswear") == said("K IH D Z", "W EH R")


def test_words_without_a_vowel_are_spelled(pronouncer):
    assert not pronouncer.known("dkn")
    assert pronouncer.say("dkn") == said("D IY", "K EY", "EH N")


def test_other_scripts_cannot_be_said(pronouncer):
    assert pronouncer.say("帽子") == []
    assert pronouncer.say("٣") == []
    assert pronouncer.say("--") == []


def test_rules_learned_from_some_words_say_others(dictionary):
    words = [w for w in dictionary if w.isalpha() and 3 < len(w) < 8]
    held = words[3::60]
    rules = LetterRules.learned({word: dictionary[word] for word in words[::25]})
    right = wrong = 0
    for word in held:
        for letter, phones in zip(rules.say(word)[:1], dictionary[word][0][:1], strict=False):
            right += letter == phones
            wrong += letter != phones
    # The first sound of an English word is told by its letters nearly always.
    assert right / (right + wrong) > 0.75
