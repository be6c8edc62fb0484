"""The word encoders: padding, unknown words, order, and strings inside a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data.columns import TextColumn
from tfmm.encoders import WordEncoder, encoder

TEXTS = np.array(["red wool coat", "blue dress", "red dress", "", "coat"], object)


@pytest.fixture(params=["bag", "lstm"])
def words(request: pytest.FixtureRequest) -> WordEncoder:
    tf.keras.utils.set_random_seed(0)
    made = encoder("text", request.param, dim=6, width=8, min_count=1)
    assert isinstance(made, WordEncoder)
    made.adapt(TextColumn(TEXTS))
    return made


def test_empty_text_gives_zeros(words: WordEncoder) -> None:
    vectors = words(words.prepare(TextColumn(TEXTS))).numpy()
    np.testing.assert_array_equal(vectors[3], np.zeros(6))
    assert np.any(vectors[[0, 1, 2, 4]], axis=1).all()
    assert not np.any(words(np.zeros((2, 5), np.int32)))


def test_amount_of_padding_does_not_matter(words: WordEncoder) -> None:
    ids = words.prepare(TextColumn(TEXTS))
    padded = np.pad(ids, [[0, 0], [0, 7]])
    np.testing.assert_allclose(words(padded), words(ids), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(words(ids[4:, :1]), words(ids)[4:], rtol=1e-4, atol=1e-5)


def test_graph_tokens_equal_prepared_ones(words: WordEncoder) -> None:
    ids = words.prepare(TextColumn(TEXTS))
    np.testing.assert_array_equal(words.tokenize(tf.constant(TEXTS.tolist())), ids)


def test_word_dropout_replaces_words_by_unknown_ones(words: WordEncoder) -> None:
    words.word_dropout = 0.5
    ids = np.tile(words.prepare(TextColumn(TEXTS)), (50, 1))
    hidden = words.hide_words(tf.constant(ids)).numpy()
    changed = hidden != ids
    assert not changed[ids == 0].any()
    assert 0.4 < changed[ids > 0].mean() < 0.6
    assert set(hidden[changed]) == set(range(1, words.oov_buckets + 1))


def test_exported_encoder_takes_strings(words: WordEncoder, tmp_path: Path) -> None:
    expected = words(words.prepare(TextColumn(TEXTS)))
    module = tf.Module()
    module.encoder = words
    module.embed = tf.function(
        lambda text: words(words.tokenize(text)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    vectors = loaded.embed(tf.constant(TEXTS.tolist()))
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(loaded.embed(tf.constant(["never seen words 红"]))).all()


def test_a_grown_vocabulary_keeps_the_names_of_its_rows(words: WordEncoder) -> None:
    grown = type(words).from_config(words.get_config())
    grown.adapt(TextColumn(np.array([*TEXTS, "green silk coat coat"], object)))
    before, after = words.vocabularies()["embeddings"], grown.vocabularies()["embeddings"]
    assert set(before) < set(after)
    assert before[: 1 + words.oov_buckets] == after[: 1 + words.oov_buckets]


def test_only_the_lstm_reads_order(words: WordEncoder) -> None:
    vectors = words(words.tokenize(tf.constant(["red wool coat", "coat wool red"]))).numpy()
    same = np.allclose(vectors[0], vectors[1], atol=1e-5)
    assert same == (words.registered == "bag")


def test_lstm_equals_the_keras_layer() -> None:
    from tfmm.encoders.text.lstm import LSTMKernel

    inputs = tf.random.normal([7, 3, 5])
    ours = LSTMKernel(4)
    states = ours(inputs)
    theirs = tf.keras.layers.LSTM(4, return_sequences=True, time_major=True)
    theirs.build(inputs.shape)
    theirs.set_weights([ours.kernel, ours.recurrent, tf.reshape(ours.bias, [-1])])
    np.testing.assert_allclose(states, theirs(inputs), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ours.bias, np.eye(4)[[1] * 4].T)
