"""Text by words: a bag of embeddings, and what the text encoders share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import positive, rate
from tfmm.encoders.registry import register
from tfmm.encoders.tabular.embedding import add_table, masked_mean
from tfmm.encoders.text.tokenizer import Tokenizer, learn_vocabulary, split_words, tokenize_all
from tfmm.encoders.text.tokens import TokenEncoder, Tokens, dense, word_spans

if TYPE_CHECKING:
    from tfmm.data.columns import TextColumn


class WordEncoder(TokenEncoder):
    """Base of the text encoders that embed words of a vocabulary learned from the catalogue.

    `prepare` gives token ids, `int32 [n, T]` padded with 0, T the longest text but at most
    `max_tokens`; `tokenize` gives the same inside a graph, for strings that come later. A text
    without words gives zeros.

    Args:
        dim: length of the vectors.
        width: length of the word embeddings.
        max_tokens: words of a text past this many are left out.
        max_vocabulary: the most frequent words that have an embedding of their own.
        min_count: words that occur less often share the `oov_buckets`.
        oov_buckets: embeddings shared by all other words, by hash.
        word_dropout: share of words that training replaces by one of the shared embeddings, which
            is also what trains those for words that only come in serving.
        marks: whether each mark of punctuation, symbol and emoji is a word too, which tells what
            people feel.
        name: Keras's layer name.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        width: int = 64,
        max_tokens: int = 48,
        max_vocabulary: int = 20_000,
        min_count: int = 2,
        oov_buckets: int = 8,
        word_dropout: float = 0.1,
        marks: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.width = positive("width", width)
        self.max_tokens = positive("max_tokens", max_tokens)
        self.max_vocabulary = positive("max_vocabulary", max_vocabulary)
        self.min_count = positive("min_count", min_count)
        self.oov_buckets = positive("oov_buckets", oov_buckets)
        self.word_dropout = rate("word_dropout", word_dropout)
        self.marks = bool(marks)

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor:
        """Ids of `strings [n]`, `int32 [n, T]`, in standard ops that a SavedModel can hold."""
        self._check_adapted()
        if self.marks:
            return self.tokens(strings).ids
        return self.tokenizer.tokenize(strings)

    def tokens(self, strings: tf.Tensor) -> Tokens:
        self._check_adapted()
        words, start, end = word_spans(tf.convert_to_tensor(strings, tf.string), self.marks)
        most = self.max_tokens
        ids = self.tokenizer.ids_of(words)
        return Tokens(ids, dense(start[:, :most]), dense(end[:, :most]))

    def vocabularies(self) -> dict[str, list[str]]:
        self._check_adapted()
        return {"embeddings": self.tokenizer.rows()}

    def _learn(self, column: TextColumn, cache: Path | None) -> dict[str, Any]:
        words = learn_vocabulary(
            column.values,
            max_vocabulary=self.max_vocabulary,
            min_count=self.min_count,
            split=(lambda texts: word_spans(texts, True)[0]) if self.marks else split_words,
        )
        return {"vocabulary": words}

    def _restore(self, state: dict[str, Any]) -> None:
        self.tokenizer = Tokenizer(
            state["vocabulary"], max_tokens=self.max_tokens, oov_buckets=self.oov_buckets
        )

    def _prepare(self, column: TextColumn, cache: Path | None) -> np.ndarray:
        return tokenize_all(self.tokenize, column.values)

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        self.embeddings = add_table(self, self.tokenizer.size, self.width)
        super().build(input_shape)

    def embedder(self) -> tf.Module:
        """Strings to vectors, as a module that `tf.saved_model.save` takes.

        Returns:
            A module to call as `module(texts)`, string `[n]`, which gives float32 `[n, dim]`. It is
            loaded with TensorFlow alone, and its ops are those of the stock TensorFlow Serving.

        Raises:
            ValueError: nothing was adapted yet.
        """
        spec = tf.TensorSpec([None], tf.string, name="text")
        return self._embedder(lambda texts: self(self.tokenize(texts)), spec, [self.tokenizer])

    def hide_words(self, ids: tf.Tensor) -> tf.Tensor:
        """Training's word dropout over `ids int32 [n, T]`: hidden words become unknown ones."""
        if not self.word_dropout:
            return ids
        hidden = tf.random.uniform(tf.shape(ids)) < self.word_dropout
        unknown = tf.random.uniform(tf.shape(ids), 1, self.oov_buckets + 1, dtype=ids.dtype)
        return tf.where(hidden & (ids > 0), unknown, ids)


@register("bag", kind="text")
class BagOfWords(WordEncoder):
    """The mean of a text's word embeddings, projected without a bias.

    Fast and strong where word order says little, as in titles (cf. fastText, arXiv:1607.01759). See
    `WordEncoder` for the arguments.
    """

    contextual = False

    def build(self, input_shape: Any) -> None:
        self.projection = tf.keras.layers.Dense(self.dim, use_bias=False, name="projection")
        self.projection.build([None, self.width])
        super().build(input_shape)

    @property
    def states_width(self) -> int:
        return self.width

    def states(self, ids: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        ids = self.hide_words(ids) if training else ids
        return tf.nn.embedding_lookup(self.embeddings, ids), ids > 0

    def pooled(self, states: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.projection(masked_mean(states, mask))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.pooled(*self.states(inputs, training), training)
