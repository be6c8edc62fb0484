"""Random views of pictures, which training learns from in their place."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def moved_views(
    images: tf.Tensor, shift: float, jitter: float, dtype: Any = tf.float32
) -> tf.Tensor:
    """Pictures flipped, the batch moved as one, their brightness and contrast changed.

    Args:
        images: uint8 `[n, h, w, 3]`.
        shift: the most that pictures move, as a share of their height and width.
        jitter: the most that brightness (of 1) and contrast (relative) change.
        dtype: of the result.

    Returns:
        `[n, h, w, 3]`, of about 0 to 255.
    """
    n, height, width = (tf.shape(images)[axis] for axis in range(3))
    x = tf.cast(images, dtype)
    flip = tf.random.uniform([n, 1, 1, 1]) < 0.5
    x = tf.where(flip, x[:, :, ::-1], x)
    # One move for the whole batch: a slice of the mirrored border costs next to nothing, while a
    # crop of its own for each picture would cost a good part of a small network.
    rows, columns = (
        tf.cast(shift * tf.cast(side, tf.float32), tf.int32) for side in (height, width)
    )
    x = tf.pad(x, [[0, 0], [rows, rows], [columns, columns], [0, 0]], "SYMMETRIC")
    top = tf.random.uniform([], 0, 2 * rows + 1, tf.int32)
    left = tf.random.uniform([], 0, 2 * columns + 1, tf.int32)
    x = tf.ensure_shape(x[:, top : top + height, left : left + width], images.shape)
    return _lit(x, jitter)


def cropped_views(images: tf.Tensor, zoom: float, jitter: float) -> tf.Tensor:
    """A random part of each picture at full size, flipped or not, its light changed.

    Height and width of a part are drawn apart, so that shapes vary a little too (cf. Szegedy et
    al., arXiv:1409.4842, section 6).

    Args:
        images: uint8 `[n, h, w, 3]`.
        zoom: the most that is cut off a picture's height and width, as a share of them.
        jitter: as of `moved_views`.

    Returns:
        float32 `[n, h, w, 3]` of 0 to 255.
    """
    n, height, width = (tf.shape(images)[axis] for axis in range(3))
    side = 1.0 - zoom * tf.random.uniform([n, 2])
    start = (1.0 - side) * tf.random.uniform([n, 2])
    (top, left), (bottom, right) = (tf.unstack(at, axis=1) for at in (start, start + side))
    flip = tf.random.uniform([n]) < 0.5
    # A box whose right side comes first is read backwards.
    boxes = [top, tf.where(flip, right, left), bottom, tf.where(flip, left, right)]
    x = tf.image.crop_and_resize(
        tf.cast(images, tf.float32), tf.stack(boxes, axis=1), tf.range(n), [height, width]
    )
    x = tf.ensure_shape(x, images.shape)
    return tf.clip_by_value(_lit(x, jitter), 0.0, 255.0)


def moved_maps(maps: tf.Tensor, zoom: float) -> tf.Tensor:
    """A random part of maps that a network made of pictures, mirrored or not.

    Convolutions make of a mirrored picture a mirrored map, but for their borders. The part is one
    for the whole batch, so that it stays a batch.

    Args:
        maps: float `[n, rows, columns, channels]`.
        zoom: the most that is cut off the maps' height and width, as a share of them.

    Returns:
        float `[n, fewer rows, fewer columns, channels]`.
    """
    n = tf.shape(maps)[0]
    flip = tf.random.uniform([n, 1, 1, 1]) < 0.5
    x = tf.where(flip, maps[:, :, ::-1], maps)
    spans = []
    for side in (maps.shape[1], maps.shape[2]):
        least = max(1, round((1.0 - zoom) * side))
        length = tf.random.uniform([], least, side + 1, tf.int32)
        start = tf.random.uniform([], 0, side - length + 1, tf.int32)
        spans.append(slice(start, start + length))
    return x[:, spans[0], spans[1]]


def _lit(pixels: tf.Tensor, jitter: float) -> tf.Tensor:
    """Pixels of 0 to 255 with a brightness and a contrast of their own for each picture."""
    contrast, brightness = tf.unstack(
        tf.random.uniform([2, tf.shape(pixels)[0], 1, 1, 1], -jitter, jitter, dtype=pixels.dtype)
    )
    return pixels * (1.0 + contrast) + 127.5 * (2.0 * brightness - contrast)
