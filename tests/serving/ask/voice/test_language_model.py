"""The catalogue's bigram model: an ARPA file whose probabilities are probabilities."""

from __future__ import annotations

import pytest

from tfmm.serving.ask.voice.language_model import bigram_model

TITLES = [["red", "shoe"], ["red", "hat"], ["blue", "shoe"], ["red", "shoe"]]


def parsed(text: str) -> tuple[dict[str, tuple[float, float]], dict[tuple[str, str], float]]:
    unigrams, bigrams = {}, {}
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) < 2:
            continue
        words = cells[1].split()
        if len(words) == 1:
            unigrams[words[0]] = (float(cells[0]), float(cells[2]) if len(cells) > 2 else 0.0)
        else:
            bigrams[words[0], words[1]] = float(cells[0])
    return unigrams, bigrams


def chance(text: str, before: str, after: str) -> float:
    unigrams, bigrams = parsed(text)
    if (before, after) in bigrams:
        return 10 ** bigrams[before, after]
    return 10 ** (unigrams[before][1] + unigrams[after][0])


@pytest.mark.parametrize("before", ["<s>", "red", "shoe", "blue"])
def test_what_follows_a_word_sums_to_one(before):
    text = bigram_model(TITLES)
    total = sum(chance(text, before, after) for after in ("red", "blue", "shoe", "hat", "</s>"))
    assert total == pytest.approx(1, abs=1e-3)


def test_what_was_seen_is_likelier_than_what_was_not():
    text = bigram_model(TITLES)
    assert (
        chance(text, "red", "shoe") > chance(text, "red", "hat") > chance(text, "red", "blue") > 0
    )
    assert chance(text, "<s>", "red") > chance(text, "<s>", "blue") > chance(text, "<s>", "hat")


def test_counts_of_the_header_are_those_of_the_lines():
    text = bigram_model(TITLES)
    unigrams, bigrams = parsed(text)
    assert f"ngram 1={len(unigrams)}\nngram 2={len(bigrams)}\n" in text
    assert text.startswith("\\data\\\n")
    assert text.endswith("\\end\\\n")


def test_no_words_are_no_model():
    with pytest.raises(ValueError, match="at least one sentence"):
        bigram_model([[], []])
