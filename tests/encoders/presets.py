"""Tiny models in the forms in which keras-hub keeps and reads them."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] red summer dress warm wool coat size cafe ##s ##d "
    "1 2 3 4 5 6 7 8 9 0 ##0 ##1 ##2 ##3 ##4 ##5 ##6 ##7 ##8 ##9"
).split()


def write_bert(folder: Path) -> str:
    """A BERT of two layers and width 16 with its tokenizer, untrained; returns the folder."""
    import keras_hub

    tf.keras.utils.set_random_seed(5)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(WORDS),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
    )
    backbone.save_to_preset(str(folder))
    tokenizer = keras_hub.tokenizers.BertTokenizer(WORDS, lowercase=True)
    tokenizer.save_to_preset(str(folder))
    return str(folder)
