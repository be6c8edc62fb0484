"""Subwords: words and pieces, misspellings, Chinese, and text that is none."""

import numpy as np
import pytest
import tensorflow as tf

from tfmm import encoders
from tfmm.data.columns import TextColumn

TITLES = ["Red summer dress", "Blue running shoes", "红色连衣裙", "蓝色跑鞋", ""]


@pytest.fixture(scope="module")
def subwords():
    tf.keras.utils.set_random_seed(0)
    made = encoders.encoder("text", "subwords", dim=32, buckets=5000)
    made.adapt(TextColumn(np.array(TITLES, object)))
    return made


def cosine(encoder, one, other):
    vectors = tf.math.l2_normalize(encoder(encoder.tokenize([one, other])), axis=1)
    return float(tf.reduce_sum(vectors[0] * vectors[1]))


def test_a_misspelt_text_is_nearer_to_what_was_meant(subwords):
    assert cosine(subwords, "runing shoos", TITLES[1]) > 0.3
    assert cosine(subwords, "runing shoos", TITLES[1]) > 2 * cosine(subwords, "runing", TITLES[0])


def test_chinese_words_are_found_within_text_without_spaces(subwords):
    assert cosine(subwords, "连衣裙", TITLES[2]) > 0.5
    assert abs(cosine(subwords, "连衣裙", TITLES[3])) < 0.3


def test_words_have_ids_of_their_own_after_the_pieces(subwords):
    ids = subwords.tokenize(["red", "rde"]).numpy()
    rows = subwords.vocabularies()["embeddings"]
    assert [rows[i] for i in ids[0] if i > subwords.buckets] == ["red"]
    assert (ids[1] <= subwords.buckets).all()
    assert (ids[1] > 0).any()


@pytest.mark.parametrize("text", ["", "👗 👟", "!?", b"\xff\xfe", " \x00\x01"])
def test_text_without_words_gives_zeros(subwords, text):
    assert not subwords(subwords.tokenize([text])).numpy().any()


def test_length_is_bounded(subwords):
    ids = subwords.tokenize(["word " * 9000, "x" * 10_000])
    assert ids.shape[1] <= subwords.max_tokens
    assert np.isfinite(subwords(ids)).all()


def test_its_embedder_takes_strings(subwords, tmp_path):
    tf.saved_model.save(subwords.embedder(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    expected = subwords(subwords.tokenize(TITLES))
    np.testing.assert_allclose(loaded.embed(tf.constant(TITLES)), expected, atol=1e-5)


def test_pieces_out_of_order_are_refused():
    with pytest.raises(ValueError, match="shortest and the longest"):
        encoders.encoder("text", "subwords", pieces=(4, 3))
