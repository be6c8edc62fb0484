"""The CNN: sizes, norms, augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfmm.encoders.image.cnn import CNN, GroupNorm


def pictures(n: int = 6, height: int = 16, width: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (n, height, width, 3), dtype=np.uint8)


def made(**config: Any) -> CNN:
    tf.keras.utils.set_random_seed(0)
    encoder = CNN(6, size=(16, 16), widths=(8, 16), **config)
    encoder.load_state({})
    return encoder


@pytest.mark.parametrize("shape", [(16, 16), (31, 17), (5, 64), (4, 4)])
def test_any_picture_size_works(shape: tuple[int, int]) -> None:
    vectors = made(augment=True)(pictures(2, *shape), training=True)
    assert vectors.shape == (2, 6)
    assert np.isfinite(vectors).all()


def test_missing_picture_gives_zeros() -> None:
    images = pictures()
    images[2] = 0
    for training in (False, True):
        vectors = made()(images, training=training).numpy()
        assert not np.any(vectors[2])
        assert np.any(vectors, axis=1).sum() == 5


def test_group_norm_keeps_pictures_apart_in_training() -> None:
    images, other = pictures(), pictures()
    other[1:] = 255 - other[1:]
    encoder = made(norm="group")
    first = [encoder(x, training=True)[0] for x in (images, other)]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-4, atol=1e-5)


def test_batch_norm_learns_averages() -> None:
    encoder = made(norm="batch")
    images = pictures(32)
    for _ in range(60):
        trained = encoder(images, training=True)
    np.testing.assert_allclose(encoder(images), trained, rtol=0.05, atol=0.05)


def test_group_norm_equals_the_keras_layer() -> None:
    x = tf.random.normal([3, 5, 4, 16], mean=2.0, stddev=3.0)
    theirs = tf.keras.layers.GroupNormalization(groups=8, epsilon=1e-5)
    np.testing.assert_allclose(GroupNorm(8)(x), theirs(x), rtol=1e-3, atol=1e-4)


def test_group_norm_takes_fewer_groups_where_they_do_not_divide() -> None:
    layer = GroupNorm(8)
    assert layer(tf.random.normal([2, 3, 3, 12])).shape == (2, 3, 3, 12)
    assert layer.count == 4


def test_augmentation_varies_pictures_within_bounds_and_only_in_training() -> None:
    encoder, images = made(augment=True), pictures()
    views = [encoder.vary(tf.constant(images)).numpy() for _ in range(2)]
    assert views[0].shape == images.shape
    assert np.abs(views[0]).max() < 1.4
    assert np.abs(views[0] - views[1]).max() > 0.1
    np.testing.assert_array_equal(encoder(images), encoder(images))
    assert np.abs(encoder(images, training=True) - encoder(images, training=True)).max() > 0


def test_without_shift_and_jitter_a_view_is_the_picture_or_its_mirror() -> None:
    encoder = made(augment=True, shift=0.0, jitter=0.0)
    images = pictures(40)
    plain = images / 127.5 - 1
    views = encoder.vary(tf.constant(images)).numpy()
    kept = [np.allclose(view, image, atol=1e-4) for view, image in zip(views, plain, strict=True)]
    turned = [
        np.allclose(view, image[:, ::-1], atol=1e-4)
        for view, image in zip(views, plain, strict=True)
    ]
    assert all(a != b for a, b in zip(kept, turned, strict=True))
    assert 5 < sum(kept) < 35


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": 64}, r"size must be \(height, width\) in pixels, but got 64"),
        ({"size": (64, 0)}, "size must be an integer of 1 or more, but got 0"),
        ({"widths": ()}, r"widths must be channels of one or more stages, but got \(\)"),
        ({"norm": "layer"}, "norm must be one of group, batch, but got 'layer'"),
        ({"jitter": 1}, r"jitter must be a number in \[0, 1\), but got 1"),
    ],
)
def test_bad_config_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(**config)
