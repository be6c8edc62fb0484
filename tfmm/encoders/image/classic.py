"""Picture features from before neural networks: colour, texture, shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.image.pretrained_image import ImageNetwork, PretrainedImage
from tfmm.encoders.registry import register

ORIENTATIONS = 8
GREY = (0.299, 0.587, 0.114)


@register("classic", kind="image")
class ClassicFeatures(PretrainedImage):
    """Colour histogram, texture and shape moments of a picture; nothing in it is learned.

    Colour decides much in fashion, and features trained on ImageNet forget it. Encoding costs next
    to nothing beside decoding. Three parts, each scaled to length one:
    - the histogram of hue, saturation and brightness (Swain and Ballard, "Color indexing", 1991),
      a pixel shared between the two nearest bins of each, and weighed down where it looks like the
      picture's border, which is most often background;
    - histograms of the directions of edges, weighed by their strength, in 2 × 2 parts of the
      picture (Dalal and Triggs, CVPR 2005);
    - where the foreground lies and how it spreads: its share, centre and second moments (Hu, 1962).

    Args:
        dim: length of the vectors.
        size: height and width in pixels that are looked at.
        bins: of hue, saturation and brightness.
        **common: the arguments of `PretrainedImage` other than `train`.

    Raises:
        ValueError: a size or number of bins out of range, or `train` other than "frozen".
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        size: Sequence[int] = (64, 64),
        bins: Sequence[int] = (12, 4, 4),
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, size=size, name=name, **common)
        if self.heavy:
            raise ValueError(f"train must be 'frozen': nothing is learned, but got {self.train!r}.")
        if isinstance(bins, str) or not hasattr(bins, "__len__") or len(bins) != 3:
            raise ValueError(
                f"bins must be how many of hue, saturation and brightness, but got {bins!r}."
            )
        self.bins = tuple(positive("bins", count) for count in bins)

    def _identity(self) -> dict[str, Any]:
        return {"version": 1, "size": list(self.size), "bins": list(self.bins)}

    def _open(self) -> tf.keras.layers.Layer:
        return ImageNetwork(_Features(self.bins), lambda pixels: pixels / 255.0, self.size)


class _Features(tf.keras.layers.Layer):
    """Features `[n, bins + 32 + 6]` of pictures float `[n, h, w, 3]` of 0 to 1."""

    def __init__(self, bins: Sequence[int]) -> None:
        super().__init__(name="features")
        self.bins = tuple(bins)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        parts = [
            colour_histogram(inputs, self.bins),
            _edges(inputs),
            _moments(_foreground(inputs)),
        ]
        return tf.concat([tf.math.l2_normalize(part, axis=1) for part in parts], axis=1)


def colour_histogram(x: tf.Tensor, bins: Sequence[int]) -> tf.Tensor:
    """The histogram `[n, h * s * v]` of hue, saturation and brightness of pictures of 0 to 1.

    Args:
        x: float `[n, height, width, 3]`.
        bins: of hue, saturation and brightness.
    """
    hsv = tf.image.rgb_to_hsv(x)
    hue, saturation, value = (
        _soft_bins(hsv[..., axis], count, circular=axis == 0) for axis, count in enumerate(bins)
    )
    # The hue of grey says nothing: it is spread over all hues.
    share = hsv[..., 1:2]
    hue = share * hue + (1.0 - share) / bins[0]
    weight = (0.1 + _foreground(x))[..., None]
    histogram = tf.einsum("nxyh,nxys,nxyv->nhsv", hue * weight, saturation, value)
    flat = tf.reshape(histogram, [-1, int(np.prod(bins))])
    # Square roots keep one large area from hiding all else (Hellinger's distance).
    return tf.sqrt(flat)


def _foreground(x: tf.Tensor) -> tf.Tensor:
    """How unlike the border's mean colour each pixel is, 0 to 1: `[n, h, w]`."""
    rows = tf.concat([x[:, 0], x[:, -1]], axis=1)
    columns = tf.concat([x[:, :, 0], x[:, :, -1]], axis=1)
    border = tf.reduce_mean(tf.concat([rows, columns], axis=1), axis=1)
    distance = tf.norm(x - border[:, None, None], axis=3)
    return 1.0 - tf.exp(-10.0 * distance)


def _soft_bins(values: tf.Tensor, count: int, circular: bool) -> tf.Tensor:
    """Shares of the two nearest of `count` bins over 0 to 1, on a new last axis."""
    if circular:
        centres = tf.range(count, dtype=tf.float32) / count
        distance = tf.abs(values[..., None] - centres)
        distance = tf.minimum(distance, 1.0 - distance) * count
    else:
        centres = tf.linspace(0.0, 1.0, count) if count > 1 else tf.constant([0.5])
        distance = tf.abs(values[..., None] - centres) * max(count - 1, 1)
    return tf.maximum(1.0 - distance, 0.0) if count > 1 else tf.ones_like(distance)


def _edges(x: tf.Tensor) -> tf.Tensor:
    grey = tf.tensordot(x, tf.constant(GREY), axes=1)[..., None]
    vertical, horizontal = tf.unstack(tf.image.sobel_edges(grey)[:, :, :, 0], axis=-1)
    strength = tf.sqrt(vertical**2 + horizontal**2 + 1e-12)
    direction = tf.math.floormod(tf.atan2(vertical, horizontal) / np.pi, 1.0)
    shares = _soft_bins(direction, ORIENTATIONS, circular=True) * strength[..., None]
    height, width = shares.shape[1] // 2, shares.shape[2] // 2
    quarters = [
        shares[:, rows, columns]
        for rows in (slice(None, height), slice(height, None))
        for columns in (slice(None, width), slice(width, None))
    ]
    sums = [tf.reduce_mean(quarter, axis=[1, 2]) for quarter in quarters]
    return tf.sqrt(tf.concat(sums, axis=1))


def _moments(foreground: tf.Tensor) -> tf.Tensor:
    """Share, centre and second central moments `[n, 6]` of where the foreground lies."""
    total = tf.reduce_mean(foreground, axis=[1, 2])
    y = tf.linspace(-1.0, 1.0, foreground.shape[1])[None, :, None]
    x = tf.linspace(-1.0, 1.0, foreground.shape[2])[None, None, :]

    def mean(values: tf.Tensor) -> tf.Tensor:
        return tf.math.divide_no_nan(tf.reduce_mean(foreground * values, axis=[1, 2]), total)

    top, left = mean(y), mean(x)
    dy, dx = y - top[:, None, None], x - left[:, None, None]
    return tf.stack([total, top, left, mean(dy * dy), mean(dx * dx), mean(dy * dx)], axis=1)
