"""The pieces that a WordPiece tokenizer makes of texts, with the characters that they stand at."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def piece_spans(
    tokenizer: Any, strings: tf.Tensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Ids of `strings [n]`, ragged int32 `[n, (pieces)]`, as the tokenizer itself gives them, and
    the first character of each piece and the one behind its last, ragged int64.

    Accents and case are taken off character by character, so that each byte of what is tokenized
    still knows the character that it came from.

    Args:
        tokenizer: of keras-hub.
        strings: what people wrote.

    Raises:
        ValueError: it is no WordPiece tokenizer.
    """
    import tensorflow_text as tf_text
    from keras_hub.src.tokenizers import word_piece_tokenizer as pieces_of

    if not isinstance(tokenizer, pieces_of.WordPieceTokenizer):
        raise ValueError(
            f"{type(tokenizer).__name__} does not say where its tokens stand in a text. To find "
            "words in texts, choose a preset with a WordPiece tokenizer (BERT, DistilBERT, MiniLM, "
            "…), or the encoder 'lstm'."
        )
    tokenizer._maybe_initialized_tf()
    # A byte that is no UTF-8 is one character, as `tf.strings.length` counts them.
    chars = tf.strings.unicode_split(strings, "UTF-8", errors="replace", replacement_char=0x20)
    plain = chars.flat_values
    if tokenizer.strip_accents:
        plain = tf_text.normalize_utf8(plain, "NFD")
        plain = tf.strings.regex_replace(plain, r"\p{Mn}", "")
    if tokenizer.lowercase:
        folded = tf_text.case_fold_utf8(plain)
        # Folding drops what nobody sees, which words are split at.
        plain = tf.where(folded == "", plain, folded)
    texts = tf.strings.reduce_join(chars.with_flat_values(plain), axis=1)
    size = tf.strings.length(plain)
    origin = tf.range(tf.size(size, tf.int64)) - tf.gather(chars.row_splits, chars.value_rowids())
    origin = tf.repeat(origin, size)
    first = tf.math.cumsum(tf.strings.length(texts, unit="BYTE"), exclusive=True)
    cjk = tokenizer.split_on_cjk
    words, word_start, _ = tf_text.regex_split_with_offsets(
        texts,
        pieces_of.WHITESPACE_PUNCTUATION_AND_CJK_REGEX
        if cjk
        else pieces_of.WHITESPACE_AND_PUNCTUATION_REGEX,
        pieces_of.PUNCTUATION_AND_CJK_REGEX if cjk else pieces_of.PUNCTUATION_REGEX,
    )
    ids, start, end = tokenizer._fast_word_piece.tokenize_with_offsets(words)
    # Bytes of a word to bytes of all texts one after the other.
    shift = word_start + tf.cast(first, tf.int64)[:, None]
    at = tf.gather(shift.flat_values, start.values.value_rowids())
    start_byte = tf.cast(start.flat_values, tf.int64) + at
    end_byte = tf.cast(end.flat_values, tf.int64) + at
    ids = ids.merge_dims(1, 2)
    starts = ids.with_flat_values(tf.gather(origin, start_byte))
    ends = ids.with_flat_values(tf.gather(origin, end_byte - 1) + 1)
    return ids.with_flat_values(tf.cast(ids.flat_values, tf.int32)), starts, ends
