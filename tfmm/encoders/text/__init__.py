"""Encoders of text, from bags of words to BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.encoders.text.bag import BagOfWords, WordEncoder
    from tfmm.encoders.text.bert import Bert, MiniLM
    from tfmm.encoders.text.lstm import LSTM
    from tfmm.encoders.text.subwords import Subwords
    from tfmm.encoders.text.tokenizer import Tokenizer, split_words
    from tfmm.encoders.text.tokens import TokenEncoder, Tokens

__all__ = [
    "LSTM",
    "BagOfWords",
    "Bert",
    "MiniLM",
    "Subwords",
    "TokenEncoder",
    "Tokenizer",
    "Tokens",
    "WordEncoder",
    "split_words",
]

lazy_package(
    __name__,
    {
        "BagOfWords": "tfmm.encoders.text.bag",
        "Bert": "tfmm.encoders.text.bert",
        "LSTM": "tfmm.encoders.text.lstm",
        "MiniLM": "tfmm.encoders.text.bert",
        "Subwords": "tfmm.encoders.text.subwords",
        "TokenEncoder": "tfmm.encoders.text.tokens",
        "Tokenizer": "tfmm.encoders.text.tokenizer",
        "Tokens": "tfmm.encoders.text.tokens",
        "WordEncoder": "tfmm.encoders.text.bag",
        "split_words": "tfmm.encoders.text.tokenizer",
    },
)
