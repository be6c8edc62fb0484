"""Random views of pictures: what they keep, and what they change."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfmm.encoders.image.views import cropped_views, moved_maps


def ramps(count: int) -> tf.Tensor:
    """Pictures whose red grows to the right, and whose green grows downwards."""
    across = np.linspace(20, 220, 32).astype(np.uint8)
    picture = np.stack(
        [np.tile(across, (32, 1)), np.tile(across[:, None], 32), np.full((32, 32), 99)], -1
    )
    return tf.constant(np.repeat(picture[None].astype(np.uint8), count, axis=0))


def test_a_whole_view_is_the_picture_or_its_mirror() -> None:
    tf.keras.utils.set_random_seed(1)
    images = ramps(40)
    views = cropped_views(images, zoom=0.0, jitter=0.0).numpy()
    mirrored = views[:, 0, 0, 0] > views[:, 0, -1, 0]
    assert 5 < mirrored.sum() < 35
    turned = np.where(mirrored[:, None, None, None], views[:, :, ::-1], views)
    np.testing.assert_allclose(turned, images.numpy(), atol=0.01)


def test_a_view_is_a_part_of_each_picture_for_itself() -> None:
    tf.keras.utils.set_random_seed(1)
    views = cropped_views(ramps(40), zoom=0.5, jitter=0.0).numpy()
    wide = np.abs(views[:, 0, -1, 0] - views[:, 0, 0, 0])
    tall = views[:, -1, 0, 1] - views[:, 0, 0, 1]
    for seen in (wide, tall):
        assert seen.min() >= 99
        assert seen.max() <= 200.1
        assert np.ptp(seen) > 60
    # A side is cut for itself, and nothing but a part is shown.
    assert np.corrcoef(wide, tall)[0, 1] < 0.6
    np.testing.assert_allclose(views[..., 2], 99, atol=0.01)


def test_light_changes_within_the_range_of_pixels() -> None:
    tf.keras.utils.set_random_seed(1)
    views = cropped_views(ramps(40), zoom=0.0, jitter=0.5).numpy()
    assert views.min() >= 0
    assert views.max() <= 255
    assert np.ptp(views[:, 0, 0, 2]) > 30


def test_maps_are_mirrored_each_for_itself_and_cut_as_one() -> None:
    tf.keras.utils.set_random_seed(1)
    maps = tf.constant(np.tile(np.arange(10.0, dtype="f")[None, None, :, None], (40, 10, 1, 1)))
    shapes = set()
    for _ in range(20):
        views = moved_maps(maps, zoom=0.5).numpy()
        shapes.add(views.shape[1:3])
        step = np.diff(views[:, 0, :, 0], axis=1)
        assert (np.abs(step) == 1).all()
        assert 5 < (step[:, 0] < 0).sum() < 35
    assert {5, 10} >= {min(min(shape) for shape in shapes)}
    assert max(max(shape) for shape in shapes) <= 10
    assert len(shapes) > 5
    whole = moved_maps(maps, zoom=0.0).numpy()
    assert whole.shape == (40, 10, 10, 1)
