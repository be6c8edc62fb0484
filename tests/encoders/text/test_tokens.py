"""Tokens: what they are, where they stand, and their states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.presets import write_bert
from tfmm.data.columns import TextColumn
from tfmm.encoders import encoder
from tfmm.encoders.text.tokenizer import split_words
from tfmm.encoders.text.tokens import TokenEncoder, word_spans

TEXTS = [
    "Red summer  dress, size 12!",
    "裙子很好看🎩，质量 cafe",
    "",
    "Warm wool Cafés: 1,000.5 women's",
    "\u200fשלום  <b>red</b> e\u0301té \U0001f469\u200d\U0001f467 dress",
    "...",
]


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bert(tmp_path_factory.mktemp("bert"))


def column() -> TextColumn:
    return TextColumn(np.array(TEXTS, object))


def made(name: str, preset: str, **config: Any) -> TokenEncoder:
    if name == "bert":
        config = {"preset": preset, "train": "all", **config}
    one = encoder("text", name, dim=6, **config)
    one.adapt(column())
    one.build(None)
    assert isinstance(one, TokenEncoder)
    return one


NAMES = ["bag", "lstm", "subwords", "bert"]


def test_words_are_those_of_the_tokenizer_and_know_their_place() -> None:
    words, start, end = word_spans(tf.constant(TEXTS))
    assert words.to_list() == split_words(tf.constant(TEXTS)).to_list()
    for text, row in zip(TEXTS, zip(words, start, end, strict=True), strict=True):
        for word, first, last in zip(*(one.numpy() for one in row), strict=True):
            shown = text[first:last].lower().replace("'", "").replace(",", ".")
            assert shown == word.decode()


def test_marks_and_emoji_are_words_where_they_are_asked_for() -> None:
    words, start, _ = word_spans(tf.constant(["好看🎩，3.5!!", "\x01a\x02"]), marks=True)
    decoded = [[word.decode() for word in row] for row in words.to_list()]
    assert decoded == [["好", "看", "🎩", "，", "3.5", "!", "!"], ["a"]]
    assert start.to_list() == [[0, 1, 2, 3, 4, 7, 8], [1]]


def test_pieces_are_those_that_the_model_reads(preset: str) -> None:
    one = made("bert", preset)
    tokens = one.tokens(tf.constant(TEXTS))
    np.testing.assert_array_equal(tokens.ids, one.tokenize(tf.constant(TEXTS)))  # type: ignore[attr-defined]


def test_pieces_stand_where_their_letters_do(preset: str) -> None:
    one = made("bert", preset)
    one.tokenizer().strip_accents = True  # type: ignore[attr-defined]
    ids, start, end = one.tokens_of(np.array(TEXTS, object))
    known = one.tokenizer().vocabulary  # type: ignore[attr-defined]
    told = [
        (known[i], text[s:e])
        for text, *row in zip(TEXTS, ids, start, end, strict=True)
        for i, s, e in zip(*row, strict=True)
        if e > s and i != 1
    ]
    assert ("dress", "dress") in told
    assert ("cafe", "Café") in told
    assert ("##s", "s") in told
    assert all(piece.removeprefix("##") == shown.lower().replace("é", "e") for piece, shown in told)
    assert (end[:, 0] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_states_pool_to_what_the_encoder_gives(name: str, preset: str) -> None:
    one = made(name, preset)
    tokens = one.tokens(tf.constant(TEXTS))
    assert tokens.start.shape == tokens.end.shape == tokens.ids.shape[:2]
    states, mask = one.states(tokens.ids)
    assert states.dtype == tf.float32
    assert states.shape == (*tokens.start.shape, one.states_width)
    assert mask.shape == tokens.start.shape
    vectors = one.pooled(states, mask)
    assert vectors.shape == (len(TEXTS), 6)
    if name != "subwords":
        np.testing.assert_allclose(vectors, one(tokens.ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_and_padding_change_no_state(name: str, preset: str) -> None:
    one = made(name, preset)
    together, _ = one.states(one.tokens(tf.constant(TEXTS)).ids)
    alone, mask = one.states(one.tokens(tf.constant(TEXTS[1:2])).ids)
    shown = together[1:2, : alone.shape[1]]
    np.testing.assert_allclose(
        tf.boolean_mask(shown, mask), tf.boolean_mask(alone, mask), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_tokens_of_any_number_are_those_of_each(name: str, preset: str, monkeypatch: Any) -> None:
    one = made(name, preset)
    whole = one.tokens_of(np.array(TEXTS, object))
    monkeypatch.setattr("tfmm.encoders.text.tokens._CHUNK", 2)
    for found, expected in zip(one.tokens_of(np.array(TEXTS, object)), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert one.tokens_of(np.array([], object))[1].shape == (0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_text_is_cut_and_a_graph_gives_the_same(name: str, preset: str) -> None:
    option = {"subwords": "max_words"}.get(name, "max_tokens")
    one = made(name, preset, **{option: 4})
    tokens = one.tokens(tf.constant(TEXTS))
    assert tokens.start.shape[1] == 4

    spec = tf.TensorSpec([None], tf.string)
    graph = tf.function(lambda texts: tuple(one.tokens(texts)), [spec], autograph=False)
    for found, expected in zip(graph(tf.constant(TEXTS)), tokens, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_marks_train_embeddings_of_their_own() -> None:
    one = made("lstm", "", marks=True, min_count=1)
    ids = one.tokens(tf.constant(["!", "wow", "，"])).ids.numpy()[:, 0]
    assert ids[0] > 8
    assert ids[2] > 8
    assert ids[1] <= 8
    np.testing.assert_array_equal(one.prepare(column()), one.tokens_of(column().values)[0])
