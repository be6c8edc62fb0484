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


def write_resnet(folder: Path) -> str:
    """A ResNet of two blocks with its converter, untrained; returns the folder."""
    import keras_hub

    tf.keras.utils.set_random_seed(5)
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    backbone.save_to_preset(str(folder))
    converter = keras_hub.layers.ResNetImageConverter(scale=1 / 127.5, offset=-1.0)
    converter.save_to_preset(str(folder))
    return str(folder)


def write_clip(folder: Path) -> str:
    """A CLIP of two small sides with tokenizer and converter, untrained; returns the folder."""
    import keras_hub

    tf.keras.utils.set_random_seed(5)
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    tokens = [*letters, *(f"{c}</w>" for c in letters), "re", "red</w>"]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    size = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "intermediate_dim": 32}
    backbone = keras_hub.models.CLIPBackbone(
        keras_hub.models.CLIPVisionEncoder(patch_size=8, image_shape=(16, 16, 3), **size),
        keras_hub.models.CLIPTextEncoder(
            vocabulary_size=len(tokens), embedding_dim=16, max_sequence_length=12, **size
        ),
        projection_dim=6,
    )
    backbone.save_to_preset(str(folder))
    tokenizer = keras_hub.models.CLIPTokenizer(
        {token: place for place, token in enumerate(tokens)}, ["r e", "re d</w>"]
    )
    tokenizer.save_to_preset(str(folder))
    keras_hub.layers.CLIPImageConverter(scale=1 / 255).save_to_preset(str(folder))
    return str(folder)


def write_hub_text(folder: Path) -> str:
    """A module that gives the mean vector of a text's words; returns the folder."""
    module = tf.Module()
    module.table = tf.Variable(tf.random.stateless_normal([64, 8], [1, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def call(texts: tf.Tensor) -> tf.Tensor:
        words = tf.strings.split(tf.strings.lower(texts))
        rows = words.with_values(tf.strings.to_hash_bucket_fast(words.values, 64))
        return tf.math.divide_no_nan(
            tf.reduce_sum(tf.gather(module.table, rows), axis=1),
            tf.cast(words.row_lengths(), tf.float32)[:, None],
        )

    return _write_module(module, call, folder)


def write_hub_image(folder: Path) -> str:
    """A module that projects a picture's mean colours; returns the folder."""
    module = tf.Module()
    module.kernel = tf.Variable(tf.random.stateless_normal([3, 8], [1, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def call(pictures: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(pictures, axis=[1, 2]) @ module.kernel

    return _write_module(module, call, folder)


def _write_module(module: tf.Module, call: object, folder: Path) -> str:
    saved = tf.train.Checkpoint()
    saved.__call__ = call
    saved.variables = list(module.variables)
    saved.trainable_variables = list(module.variables)
    saved.regularization_losses = []
    tf.saved_model.save(saved, str(folder))
    return str(folder)


def write_mobilenet(file: Path) -> str:
    """Weights of a MobileNet without its classifier, untrained; returns the file."""
    tf.keras.utils.set_random_seed(5)
    model = tf.keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    # Normalisation that has seen pictures: without it the last of many layers gives all but zero.
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    colours = tf.random.stateless_uniform([32, 1, 1, 3], [1, 2], -1.0, 1.0)
    noise = tf.random.stateless_uniform([32, 32, 32, 3], [3, 4], -0.3, 0.3)
    model(colours + noise, training=True)
    model.save_weights(str(file))
    return str(file)
