"""Words and ids: what survives, what splits, and that it works inside a SavedModel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmm.encoders.text.tokenizer import Tokenizer, learn_vocabulary, split_words

CASES = {
    "Women's T-Shirt, size M": "womens t shirt size m",
    "WH-1000XM4/B": "wh 1000xm4 b",
    "3.5mm jack, 1,000 hours, v1.2.3": "3.5mm jack 1.000 hours v1.2.3",
    "Größe É ŁÓDŹ": "größe é łódź",
    "红色连衣裙2023新款 ABC": "红 色 连 衣 裙 2023 新 款 abc",
    "ユニクロ コーヒー": "ユ ニ ク ロ コ ー ヒ ー",
    "한국어 옷": "한국어 옷",
    "two\twords\nlines": "two words lines",
    "…!?": "",
    "": "",
}


@pytest.mark.parametrize("text", CASES)
def test_splits_text_into_words(text: str) -> None:
    words = [word.decode() for word in split_words(tf.constant([text])).values.numpy()]
    assert words == CASES[text].split()


def test_bytes_that_are_not_utf8_are_passed_over() -> None:
    words = split_words(tf.constant([b"bad\xff\xfebytes"])).values.numpy().tolist()
    assert words == [b"bad", b"bytes"]


def test_vocabulary_is_ordered_by_count_then_alphabet() -> None:
    texts = np.array(["red dress", "red coat", "blue coat", "red"], object)
    assert learn_vocabulary(texts, max_vocabulary=9, min_count=1) == [
        "red",
        "coat",
        "blue",
        "dress",
    ]
    assert learn_vocabulary(texts, max_vocabulary=9, min_count=2) == ["red", "coat"]
    assert learn_vocabulary(texts, max_vocabulary=1, min_count=1) == ["red"]


def test_ids_are_padding_then_unknown_then_vocabulary() -> None:
    tokenizer = Tokenizer(["red", "coat"], oov_buckets=3)
    assert tokenizer.size == 6
    assert tokenizer.rows()[-2:] == ["red", "coat"]
    ids = tokenizer.tokenize(tf.constant(["coat red", "", "red nonesuch"])).numpy()
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids[:2], [[5, 4], [0, 0]])
    assert ids[2, 0] == 4
    assert 1 <= ids[2, 1] <= 3


def test_texts_are_cut_at_max_tokens_and_never_narrower_than_one() -> None:
    tokenizer = Tokenizer(["a"], max_tokens=2)
    assert tokenizer.tokenize(tf.constant(["a a a a", "a"])).shape == (2, 2)
    assert tokenizer.tokenize(tf.constant(["", "!"])).numpy().tolist() == [[0], [0]]
    assert tokenizer.tokenize(tf.constant([], tf.string)).shape == (0, 1)


def test_blocks_of_any_length_give_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer(["a", "b"])
    texts = np.array(["a", "a b a", "", "b", "x b"], object)
    whole = tokenizer.tokenize_all(texts)
    monkeypatch.setattr("tfmm.encoders.text.tokenizer.CHUNK", 2)
    np.testing.assert_array_equal(tokenizer.tokenize_all(texts), whole)
    assert tokenizer.tokenize_all(texts[:0]).shape == (0, 1)


def test_exported_tokenizer_works_without_tfmm(tmp_path: Path) -> None:
    tokenizer = Tokenizer(["红", "red", "coat"])
    module = tf.Module()
    module.tokenizer = tokenizer
    spec = tf.TensorSpec([None], tf.string)
    module.tokenize = tf.function(tokenizer.tokenize, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path))
    texts = ["Red coat", "", "红RED", "other words"]
    script = (
        "import sys, tensorflow as tf\n"
        f"loaded = tf.saved_model.load({str(tmp_path)!r})\n"
        f"print(loaded.tokenize(tf.constant({texts!r})).numpy().tolist())\n"
        "assert not any(name.startswith('tfmm') for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == str(tokenizer.tokenize(tf.constant(texts)).numpy().tolist())


def test_a_catalogue_without_frequent_words_has_an_empty_vocabulary():
    tokenizer = Tokenizer([], oov_buckets=2)
    assert tokenizer.size == 3
    assert set(tokenizer.tokenize(["red shirt"]).numpy()[0]) <= {1, 2}
