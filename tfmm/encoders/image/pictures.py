"""Encoded picture files to pixels, inside the graph that is served."""

from __future__ import annotations

import tensorflow as tf


def read_pictures(files: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """The pixels of picture files, as `tfmm.data.media.images.thumbnail` makes them in training.

    A picture is scaled to fit and centred, and the rest is filled with the mean colour of its
    border. JPEG, PNG, GIF (its first frame) and BMP are read, of any depth of colour; transparency
    is laid over white. A camera's EXIF orientation is not applied: the client turns pictures, and
    refuses those that do not decode, because one of them fails the batch that it came in.

    Args:
        files: string `[n]`, whole files; "" gives a black picture.
        size: height and width in pixels.

    Returns:
        uint8 `[n, height, width, 3]`.
    """

    def read(file: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            tf.strings.length(file) > 0,
            lambda: _fitted(_decoded(file), size),
            lambda: tf.zeros([*size, 3], tf.uint8),
        )

    spec = tf.TensorSpec([*size, 3], tf.uint8)
    return tf.map_fn(read, files, fn_output_signature=spec)


def _decoded(file: tf.Tensor) -> tf.Tensor:
    """Pixels float32 `[h, w, 3]` of 0 to 255."""
    pixels = tf.cast(tf.io.decode_image(file, expand_animations=False), tf.float32)
    pixels = tf.ensure_shape(pixels, [None, None, None])
    channels = tf.shape(pixels)[2]
    colours = tf.cond(
        channels < 3, lambda: tf.repeat(pixels[:, :, :1], 3, axis=2), lambda: pixels[:, :, :3]
    )
    # Two channels are grey and transparency, four colour and transparency.
    opaque = tf.cond(
        channels % 2 == 0,
        lambda: pixels[:, :, channels - 1 : channels] / 255.0,
        lambda: tf.ones_like(pixels[:, :, :1]),
    )
    return tf.ensure_shape(colours * opaque + 255.0 * (1.0 - opaque), [None, None, 3])


def _fitted(pixels: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    height, width = (tf.cast(side, tf.float32) for side in size)
    shape = tf.cast(tf.shape(pixels), tf.float32)
    scale = tf.minimum(height / shape[0], width / shape[1])
    fit = tf.stack([_side(shape[0] * scale, size[0]), _side(shape[1] * scale, size[1])])
    small = tf.image.resize(pixels, fit, "bicubic", antialias=True)
    small = tf.clip_by_value(tf.round(small), 0.0, 255.0)
    border = tf.concat([small[0], small[-1], small[:, 0], small[:, -1]], axis=0)
    colour = tf.round(tf.reduce_mean(border, axis=0))
    top, left = (size[0] - fit[0]) // 2, (size[1] - fit[1]) // 2
    # What is added stands at the colour, not at black.
    placed = tf.image.pad_to_bounding_box(small - colour, top, left, *size) + colour
    return tf.ensure_shape(tf.cast(placed, tf.uint8), [*size, 3])


def _side(length: tf.Tensor, most: int) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(tf.round(length), tf.int32), 1, most)
