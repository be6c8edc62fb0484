"""Text by its tokens: where each one stands in the text, and a state for each."""

from __future__ import annotations

import abc
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import Encoder

_CHUNK = 4096
# What marks tokens within a text: no text holds these once they are taken out of it.
_OPEN, _CLOSE = "\x01", "\x02"
# As `split_words` has them: a character of a script without spaces is a word; letters and digits
# are one otherwise, with apostrophes between letters and points between digits.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\x{30FC}\x{3005}"
_PART = r"(?:[^\P{L}" + _UNSPACED + r"]|\p{M}|\p{N})"
_JOINED = r"(?:\p{N}(?:[.,]\p{N})+|[^\P{L}" + _UNSPACED + r"](?:['\x{2019}]\p{L})+)"
_WORD = f"(?:[{_UNSPACED}]" + r"\p{M}*" + f"|(?:{_PART}*{_JOINED})+{_PART}*|{_PART}+)"
_MARK = r"[\p{P}\p{S}]"


class Tokens(NamedTuple):
    """The tokens of n texts, each at most T.

    Attributes:
        ids: int32 `[n, T]`, or `[n, T, P]` where a token has several.
        start, end: int32 `[n, T]`, characters of the text as it was given, the end behind the last;
            0 and 0 where there is no token, or one that stands for no characters.
    """

    ids: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor


class TokenEncoder(Encoder, abc.ABC):
    """Base of the text encoders that have a state for each token beside a vector for the text.

    ```python
    tokens = encoder.tokens(tf.constant(["Red dress", "红色"]))
    states, mask = encoder.states(tokens.ids)  # float32 [n, T, states_width], bool [n, T]
    vectors = encoder.pooled(states, mask)  # as encoder(...) gives them, float32 [n, dim]
    ```

    All of it is made of ops that the stock TensorFlow Serving has, so that what is served can
    answer with places in the text it was given.
    """

    #: What pads ids.
    padding: int = 0
    #: Whether a state knows the tokens around its own.
    contextual: bool = True

    @property
    @abc.abstractmethod
    def states_width(self) -> int:
        """Length of a token's state."""

    @abc.abstractmethod
    def tokens(self, strings: tf.Tensor) -> Tokens:
        """The tokens of `strings [n]`; T is that of the longest, and at least 1."""

    @abc.abstractmethod
    def states(self, ids: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """States float32 `[n, T, states_width]` of token ids, and which are of tokens, bool
        `[n, T]`."""

    @abc.abstractmethod
    def pooled(self, states: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Vectors float32 `[n, dim]` of what `states` gives."""

    def tokens_of(self, strings: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`tokens` over any number of strings, a block at a time: ids, starts and ends in NumPy."""
        blocks: list[list[np.ndarray]] = [[], [], []]
        for at in range(0, max(len(strings), 1), _CHUNK):
            block = tf.constant([str(text) for text in strings[at : at + _CHUNK]], tf.string)
            for found, tokens in zip(blocks, self.tokens(block), strict=True):
                found.append(tokens.numpy())
        width = max(block.shape[1] for block in blocks[0])
        fills = (self.padding, 0, 0)
        ids, start, end = (_joined(b, width, fill) for b, fill in zip(blocks, fills, strict=True))
        return ids, start, end


def word_spans(
    strings: tf.Tensor, marks: bool = False
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Words as `split_words` makes them, with the characters that they stand at.

    Args:
        strings: `[n]`.
        marks: whether each mark of punctuation, symbol and emoji is a word too.

    Returns:
        Lower-cased words, ragged strings `[n, (words)]`, and the first character of each and the
        one behind its last, ragged int32.
    """
    strings = tf.strings.unicode_transcode(
        strings, "UTF-8", "UTF-8", errors="replace", replacement_char=0x20
    )
    strings = tf.strings.regex_replace(strings, f"[{_OPEN}{_CLOSE}]", " ")
    pattern = f"{_WORD}|{_MARK}" if marks else _WORD
    marked = tf.strings.regex_replace(strings, f"({pattern})", f"{_OPEN}\\1{_CLOSE}")
    # A text begins with a piece that is no word, and each word takes with it what follows.
    pieces = tf.strings.split(marked, _OPEN)
    words = tf.strings.regex_replace(pieces.flat_values, f"(?s){_CLOSE}.*", "")
    size = tf.strings.length(pieces.flat_values, unit="UTF8_CHAR")
    firsts = tf.gather(pieces.row_splits, pieces.value_rowids())
    place = tf.range(tf.size(size, tf.int64))
    of_word = place > firsts
    step = size - tf.cast(of_word, tf.int32)
    before = tf.cumsum(step, exclusive=True)
    start = before - tf.gather(before, firsts)
    end = start + tf.strings.length(words, unit="UTF8_CHAR")
    words = tf.strings.lower(words, encoding="utf-8")
    words = tf.strings.regex_replace(words, r"(\p{L})['\x{2019}]", r"\1")
    words = tf.strings.regex_replace(words, r"(\p{N}),", r"\1.")
    found = [pieces.with_flat_values(values) for values in (words, start, end)]
    made, starts, ends = (one[:, 1:] for one in found)
    return made, starts, ends


def dense(values: tf.RaggedTensor, fill: int = 0) -> tf.Tensor:
    """int32 `[n, T]` of ragged numbers, T the longest and at least 1."""
    out = tf.cast(values, tf.int32).to_tensor(default_value=fill)
    return tf.pad(out, [[0, 0], [0, tf.maximum(1 - tf.shape(out)[1], 0)]], constant_values=fill)


def _joined(blocks: list[np.ndarray], width: int, fill: int) -> np.ndarray:
    deep = max((block.shape[2] for block in blocks if block.ndim == 3), default=0)
    out = []
    for block in blocks:
        wide = [(0, 0), (0, width - block.shape[1])]
        wide += [(0, deep - block.shape[2])] if block.ndim == 3 else []
        out.append(np.pad(block, wide, constant_values=fill))
    return np.concatenate(out)
