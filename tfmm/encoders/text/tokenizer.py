"""Words as integers, with standard TensorFlow ops only, so that a SavedModel takes strings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import RESERVED, positive

# Scripts written without spaces: each character (with its marks) is a token of its own. The long
# vowel mark of Katakana and the iteration mark of Han belong to no script of their own.
_UNSPACED = (
    r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\x{30FC}\x{3005}]\p{M}*)"
)
_STEPS = (
    # "women's" is one word, "3.5" and "1,000" are one number. Numbers twice, because matches do not
    # overlap: 1.2.3 gives its second point to the second pass.
    (r"(\p{L})['\x{2019}](\p{L})", r"\1\2"),
    (r"(\p{N})[.,](\p{N})", "\\1\ue000\\2"),
    (r"(\p{N})[.,](\p{N})", "\\1\ue000\\2"),
    (r"[^\p{L}\p{M}\p{N}\x{E000}]+", " "),
    (r"\x{E000}", "."),
    (_UNSPACED, r" \1 "),
)
CHUNK = 16_384


def split_words(strings: tf.Tensor) -> tf.RaggedTensor:
    """Lower-cased words of `strings [n]`: ragged strings `[n, (words)]`.

    Text splits at white space and punctuation; letters and digits stay together ("1000xm4"), and so
    do decimals. Each character of Chinese, Japanese kana, Thai, Lao, Khmer and Burmese is a word;
    Korean splits at its spaces. Bytes that are not UTF-8 count as punctuation.
    """
    strings = tf.strings.unicode_transcode(
        strings, "UTF-8", "UTF-8", errors="replace", replacement_char=0x20
    )
    strings = tf.strings.lower(strings, encoding="utf-8")
    for pattern, replacement in _STEPS:
        strings = tf.strings.regex_replace(strings, pattern, replacement)
    return tf.strings.split(strings)


class Tokenizer(tf.Module):
    """Strings to ids over a fixed vocabulary.

    Id 0 is padding, 1 to `oov_buckets` are for words out of the vocabulary (by hash, so that two
    unknown words of a query mostly differ), and the vocabulary follows.

    Args:
        vocabulary: distinct words, as `split_words` makes them.
        max_tokens: words of a text past this many are left out.
        oov_buckets: ids shared by the words out of the vocabulary.
    """

    def __init__(
        self, vocabulary: Iterable[str], *, max_tokens: int = 48, oov_buckets: int = 8
    ) -> None:
        super().__init__()
        self.vocabulary = tuple(vocabulary)
        self.max_tokens = positive("max_tokens", max_tokens)
        self.oov_buckets = positive("oov_buckets", oov_buckets)
        self.table = word_table(self.vocabulary, 1 + self.oov_buckets)

    @property
    def size(self) -> int:
        """Ids in use, padding and unknown included: the rows of an embedding table."""
        return 1 + self.oov_buckets + len(self.vocabulary)

    def rows(self) -> list[str]:
        """The string that each id stands for; padding and unknown have reserved names."""
        unknown = [f"{RESERVED}unknown:{bucket}" for bucket in range(self.oov_buckets)]
        return [f"{RESERVED}padding", *unknown, *self.vocabulary]

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor:
        """Ids of `strings [n]`: `int32 [n, T]`, padded with 0 at the end.

        T is the largest number of words in the batch, at least 1 and at most `max_tokens`.
        """
        return self.ids_of(split_words(tf.convert_to_tensor(strings, tf.string)))

    def ids_of(self, words: tf.RaggedTensor) -> tf.Tensor:
        """Ids of words `[n, (words)]`, as `tokenize` gives those of strings."""
        words = words[:, : self.max_tokens]
        ids = self.table.lookup(words.values)
        buckets = tf.strings.to_hash_bucket_fast(words.values, self.oov_buckets)
        ids = tf.where(ids > 0, ids, 1 + buckets)
        dense = words.with_values(tf.cast(ids, tf.int32)).to_tensor(default_value=0)
        return tf.pad(dense, [[0, 0], [0, tf.maximum(1 - tf.shape(dense)[1], 0)]])

    def tokenize_all(self, strings: np.ndarray) -> np.ndarray:
        """`tokenize` over any number of strings, a block at a time: `int32 [n, T]` in NumPy."""
        return tokenize_all(self.tokenize, strings)


def tokenize_all(tokenize: Callable[[tf.Tensor], tf.Tensor], strings: np.ndarray) -> np.ndarray:
    """`tokenize`, ids int32 `[b, t]` padded with 0, over any number of strings, a block at a time.

    Returns:
        int32 `[n, T]` in NumPy, T the longest.
    """
    blocks = [tokenize(block).numpy() for block in _blocks(strings)]
    width = max((block.shape[1] for block in blocks), default=1)
    out = np.zeros((len(strings), width), np.int32)
    start = 0
    for block in blocks:
        out[start : start + len(block), : block.shape[1]] = block
        start += len(block)
    return out


def word_table(words: Sequence[str], first: int) -> tf.lookup.StaticHashTable:
    """A table from the i-th of `words` to `first` + i, and from all else to 0."""
    # TensorFlow refuses an empty table; no word holds the character of this one.
    keys, numbers = ([*words], range(first, first + len(words))) if words else ([RESERVED], [0])
    initial = tf.lookup.KeyValueTensorInitializer(
        tf.constant(keys, tf.string), tf.constant([*numbers], tf.int64)
    )
    return tf.lookup.StaticHashTable(initial, default_value=0)


def learn_vocabulary(
    strings: np.ndarray,
    *,
    max_vocabulary: int,
    min_count: int,
    split: Callable[[tf.Tensor], tf.RaggedTensor] = split_words,
) -> list[str]:
    """The words of `strings [n]`, most frequent first, ties in alphabetical order.

    Args:
        strings: texts, as Python strings.
        max_vocabulary: words past this many are left out.
        min_count: words that occur less often are left out.
        split: strings `[n]` to words, ragged `[n, (words)]`.
    """
    counts: Counter[bytes] = Counter()
    for block in _blocks(strings):
        counts.update(split(block).values.numpy().tolist())
    frequent = [(-count, word) for word, count in counts.items() if count >= min_count]
    return [word.decode("utf-8") for _, word in sorted(frequent)[:max_vocabulary]]


def _blocks(strings: np.ndarray) -> Iterable[tf.Tensor]:
    for start in range(0, len(strings), CHUNK):
        yield tf.constant([str(text) for text in strings[start : start + CHUNK]], tf.string)
