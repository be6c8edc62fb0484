"""Text by its words and the pieces that they are made of, so that a misspelling is half right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import RESERVED, positive, rate
from tfmm.encoders.registry import register
from tfmm.encoders.tabular.embedding import add_table
from tfmm.encoders.text.tokenizer import learn_vocabulary, split_words, tokenize_all, word_table
from tfmm.encoders.text.tokens import TokenEncoder, Tokens, dense, word_spans

if TYPE_CHECKING:
    from tfmm.data.columns import TextColumn


@register("subwords", kind="text")
class Subwords(TokenEncoder):
    """The sum of the embeddings of a text's words and of their pieces of some characters.

    As fastText does it (Bojanowski et al., arXiv:1607.04606): a word is marked at both ends and cut
    into all its pieces of `pieces` characters, which share `buckets` embeddings by hash, so that a
    word that was never seen, or is spelt wrong, still says what its pieces say. Words that occur
    `min_count` times have embeddings of their own besides. Neighbouring words count as a piece too,
    which in Chinese, where each character is a word, are its words of two. The sum is divided by
    the root of how many there are.

    `prepare` gives ids, `int32 [n, T]` padded with 0, words first; `tokenize` gives the same inside
    a graph, in standard ops. A text without words gives zeros.

    Args:
        dim: length of the vectors.
        pieces: the shortest and the longest piece, in characters.
        buckets: embeddings that pieces share.
        max_words: words of a text past this many are left out.
        max_tokens: ids of a text past this many are left out.
        max_vocabulary: the most frequent words that have an embedding of their own.
        min_count: words that occur less often have none.
        token_dropout: share of ids that training leaves out.
        name: Keras's layer name.

    Raises:
        ValueError: pieces, sizes or a share out of range.
    """

    #: Words are cut after this many characters.
    LONGEST_WORD = 32
    #: Ids of a word, where it is a token, are cut after this many.
    MOST_PIECES = 24
    contextual = False

    def __init__(
        self,
        dim: int = 64,
        *,
        pieces: tuple[int, int] = (3, 4),
        buckets: int = 20_000,
        max_words: int = 48,
        max_tokens: int = 256,
        max_vocabulary: int = 50_000,
        min_count: int = 1,
        token_dropout: float = 0.1,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        if isinstance(pieces, str) or len(pieces) != 2 or not 1 <= pieces[0] <= pieces[1]:
            raise ValueError(
                "pieces must be the shortest and the longest piece in characters, such as (3, 4), "
                f"but got {pieces!r}."
            )
        self.pieces = tuple(positive("pieces", length) for length in pieces)
        self.buckets = positive("buckets", buckets)
        self.max_words = positive("max_words", max_words)
        self.max_tokens = positive("max_tokens", max_tokens)
        self.max_vocabulary = positive("max_vocabulary", max_vocabulary)
        self.min_count = positive("min_count", min_count)
        self.token_dropout = rate("token_dropout", token_dropout)

    def vocabularies(self) -> dict[str, list[str]]:
        words = self.state()["vocabulary"]
        pieces = [f"{RESERVED}piece:{bucket}" for bucket in range(self.buckets)]
        return {"embeddings": [f"{RESERVED}padding", *pieces, *words]}

    def tokenize(self, strings: tf.Tensor) -> tf.Tensor:
        """Ids of `strings [n]`, `int32 [n, T]`: 1 to `buckets` are pieces, and words follow."""
        self._check_adapted()
        words = split_words(tf.convert_to_tensor(strings, tf.string))[:, : self.max_words]
        known, pieces = self._cut(words)
        pairs = tf.strings.ngrams(words, 2, " ")
        ids = [
            tf.ragged.boolean_mask(known, known > 0),
            words.with_flat_values(pieces).merge_dims(1, 2),
            self._hashed(pairs),
        ]
        dense = tf.concat(ids, axis=1)[:, : self.max_tokens].to_tensor(default_value=0)
        dense = tf.cast(dense, tf.int32)
        return tf.pad(dense, [[0, 0], [0, tf.maximum(1 - tf.shape(dense)[1], 0)]])

    def tokens(self, strings: tf.Tensor) -> Tokens:
        """A word is a token: its own id, or 0, and those of its pieces; neighbours are none."""
        self._check_adapted()
        words, start, end = (
            one[:, : self.max_words] for one in word_spans(tf.convert_to_tensor(strings, tf.string))
        )
        known, pieces = self._cut(words)
        ids = tf.concat([known.flat_values[:, None], pieces], axis=1)[:, : self.MOST_PIECES]
        flat = tf.cast(ids.to_tensor(default_value=0), tf.int32)
        flat = tf.pad(flat, [[0, 0], [0, tf.maximum(1 - tf.shape(flat)[1], 0)]])
        starts = dense(start)
        # One word more, of no pieces: what pads.
        place = dense(words.with_flat_values(tf.range(tf.shape(flat)[0])), -1) + 1
        table = tf.pad(flat, [[1, 0], [0, 0]])
        return Tokens(tf.gather(table, place), starts, dense(end))

    def _cut(self, words: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """The own id of each word, 0 without one, and the ids `[words, (pieces)]` of its pieces."""
        flat = tf.strings.substr(words.flat_values, 0, self.LONGEST_WORD, unit="UTF8_CHAR")
        known = words.with_flat_values(self.table.lookup(flat))
        marked = tf.strings.unicode_split(tf.strings.join(["<", flat, ">"]), "UTF-8")
        pieces = tf.strings.ngrams(marked, tuple(range(self.pieces[0], self.pieces[1] + 1)), "")
        return known, self._hashed(pieces)

    @property
    def states_width(self) -> int:
        return self.dim

    def states(self, ids: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        shape, mask = tf.shape(ids), tf.reduce_any(ids > 0, axis=2)
        flat = self(tf.reshape(ids, [-1, shape[2]]), training=training)
        return tf.reshape(flat, [shape[0], shape[1], self.dim]), mask

    def pooled(self, states: tf.Tensor, mask: tf.Tensor, training: bool = False) -> tf.Tensor:
        share = tf.cast(mask, states.dtype)
        total = tf.einsum("nt,ntd->nd", share, states)
        return total * tf.math.rsqrt(tf.maximum(tf.reduce_sum(share, axis=1, keepdims=True), 1.0))

    def _hashed(self, strings: tf.RaggedTensor) -> tf.RaggedTensor:
        buckets = tf.strings.to_hash_bucket_fast(strings.flat_values, self.buckets)
        return strings.with_flat_values(1 + buckets)

    def _learn(self, column: TextColumn, cache: Path | None) -> dict[str, Any]:
        words = learn_vocabulary(
            column.values, max_vocabulary=self.max_vocabulary, min_count=self.min_count
        )
        return {"vocabulary": [word for word in words if len(word) <= self.LONGEST_WORD]}

    def _restore(self, state: dict[str, Any]) -> None:
        with tf.init_scope():
            self.table = word_table(state["vocabulary"], 1 + self.buckets)

    def _prepare(self, column: TextColumn, cache: Path | None) -> np.ndarray:
        return tokenize_all(self.tokenize, column.values)

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        rows = 1 + self.buckets + len(self.state()["vocabulary"])
        self.embeddings = add_table(self, rows, self.dim)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        ids = inputs
        if training and self.token_dropout:
            hidden = tf.random.uniform(tf.shape(ids)) < self.token_dropout
            ids = tf.where(hidden, 0, ids)
        # Texts differ much in length, so padding is not looked up.
        there = tf.where(ids > 0)
        found = tf.nn.embedding_lookup(self.embeddings, tf.gather_nd(ids, there))
        n = tf.shape(ids, tf.int64)[0]
        total = tf.math.unsorted_segment_sum(found, there[:, 0], n)
        count = tf.math.count_nonzero(ids > 0, axis=1, dtype=total.dtype)[:, None]
        return total * tf.math.rsqrt(tf.maximum(count, 1.0))

    def embedder(self) -> tf.Module:
        """Strings to vectors, as a module that `tf.saved_model.save` takes.

        Returns:
            A module to call as `module(texts)`, string `[n]`, which gives float32 `[n, dim]`. It is
            loaded with TensorFlow alone, and its ops are those of the stock TensorFlow Serving.

        Raises:
            ValueError: nothing was adapted yet.
        """
        spec = tf.TensorSpec([None], tf.string, name="text")
        return self._embedder(lambda texts: self(self.tokenize(texts)), spec, [self.table])
