"""CLIP's two sides, each an encoder of its own, in one space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.encoders.presets import write_clip
from tfmm.data.columns import ImageColumn, TextColumn
from tfmm.encoders import Bert, KerasHubImage

TEXTS = ["red", "Red", "a very long text of many more letters than it has places for", ""]


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def pictures(tmp_path: Path) -> ImageColumn:
    rng = np.random.default_rng(3)
    for i in range(3):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    return ImageColumn(tuple((tmp_path / f"{i}.png",) for i in range(3)))


def test_both_sides_give_what_the_whole_model_compares(preset: str, pictures: ImageColumn) -> None:
    import keras_hub

    words, photo = Bert(4, preset=preset), KerasHubImage(4, preset=preset, size=(16, 16))
    whole = keras_hub.models.Backbone.from_preset(preset)
    pixels = np.stack([np.asarray(Image.open(paths[0])) for paths in pictures.paths])
    ids = words.tokenize(tf.constant(TEXTS[:1]))
    np.testing.assert_array_equal(ids, [[74, 73, 75]])
    both = {"images": tf.constant(pixels / np.float32(255)), "token_ids": ids}
    logits = whole(both)["vision_logits"]
    cosine = photo.encode(pixels).numpy() @ words.encode(ids).numpy().T
    scale = np.exp(float(np.asarray(whole.clip_head.logit_scale)))
    np.testing.assert_allclose(cosine, np.asarray(logits) / scale, atol=1e-5)


def test_text_side_encodes_a_column(preset: str) -> None:
    column = TextColumn(np.array(TEXTS, object))
    encoder = Bert(4, preset=preset)
    encoder.adapt(column)
    assert encoder.tokenize(tf.constant(TEXTS)).shape == (4, 12)
    vectors = encoder.prepare(column)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0], rtol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 0.01


def test_a_side_is_trained_and_exported(preset: str, pictures: ImageColumn, tmp_path: Path) -> None:
    encoder = KerasHubImage(4, preset=preset, size=(16, 16), train=2)
    encoder.adapt(pictures)
    inputs = tf.constant(np.asarray(encoder.prepare(pictures)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(inputs, training=True)[:, 0])
    assert all(g is not None for g in tape.gradient(loss, encoder.trainable_variables))
    assert 0 < len(encoder.network().trainable_variables) < len(encoder.network().variables)
    tf.saved_model.save(encoder.embedder(), str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(loaded.embed(inputs), encoder(inputs), atol=1e-5)


def test_a_trained_side_sees_varied_pictures_in_training_alone(
    preset: str, pictures: ImageColumn
) -> None:
    encoder = KerasHubImage(4, preset=preset, size=(16, 16), train=2, augment=True)
    encoder.adapt(pictures)
    inputs = tf.constant(np.asarray(encoder.prepare(pictures)))
    np.testing.assert_array_equal(encoder(inputs), encoder(inputs))
    varied = [encoder(inputs, training=True).numpy() for _ in range(2)]
    assert np.abs(varied[0] - varied[1]).max() > 1e-4
    assert type(encoder).from_config(encoder.get_config()).augment
