"""Pictures by the early and middle maps of EfficientNet-Lite0, their colours and a thumbnail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.base import positive
from tfmm.encoders.image.classic import colour_histogram
from tfmm.encoders.image.efficientnet_lite import (
    PREFIX,
    STAGES,
    EfficientNetLite0,
    lite0,
    load,
    scaled,
)
from tfmm.encoders.image.pretrained_image import ImageNetwork
from tfmm.encoders.pretrained.bridge import train_only
from tfmm.encoders.pretrained.torch_file import read_torch_file
from tfmm.encoders.registry import register

#: Bins of hue, saturation and brightness.
BINS = (12, 4, 4)


@register("lite0_mid", kind="image")
class Lite0Mid(EfficientNetLite0):
    """Means and deviations of EfficientNet-Lite0's early and middle maps on a grid, and colours.

    The last maps of a network trained on ImageNet tell dogs from shoes and forget cut, pattern and
    colour, which a catalogue of one kind of thing is told apart by; the maps before still hold
    them. Of the map after each stage of `stages` a vector has the mean and the standard deviation
    of every channel in each cell of a grid (as Gatys et al., arXiv:1508.06576, describe texture);
    beside them the histogram of colours of `classic` and the picture itself at `thumbnail` pixels.
    Each part is scaled to length one. See `EfficientNetLite0` for the weights.

    Args:
        dim: length of the vectors.
        size: height and width in pixels that the network sees.
        stages: numbers of the stages whose maps are read, 1 to 7.
        grid: rows and columns of the cells.
        colours: whether the histogram of colours is a part.
        thumbnail: height and width of the thumbnail; (0, 0) leaves it out.
        **common: the arguments of `EfficientNetLite0`.

    Raises:
        ModuleNotFoundError: the package with the weights is not installed.
        ValueError: stages or sizes that there are not.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        size: Sequence[int] = (160, 120),
        stages: Sequence[int] = (2, 3, 4, 5),
        grid: Sequence[int] = (3, 2),
        colours: bool = True,
        thumbnail: Sequence[int] = (10, 8),
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, size=size, name=name, **common)
        if self.keep_maps:
            raise ValueError(
                "lite0_mid reads maps of several stages, so that none could be kept in place of "
                "the picture. Leave `keep_maps` out, or use efficientnet_lite0."
            )
        if not stages or not all(
            isinstance(stage, int) and 1 <= stage <= len(STAGES) for stage in stages
        ):
            raise ValueError(f"stages must be numbers of 1 to {len(STAGES)}, but got {stages!r}.")
        self.stages = tuple(sorted(set(stages)))
        if len(grid) != 2:
            raise ValueError(f"grid must be how many rows and columns, but got {grid!r}.")
        self.grid = tuple(positive("grid", count) for count in grid)
        if len(thumbnail) != 2 or min(thumbnail) < 0:
            raise ValueError(f"thumbnail must be (height, width) in pixels, but got {thumbnail!r}.")
        self.colours, self.thumbnail = bool(colours), tuple(thumbnail)

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            "version": 1,
            "stages": list(self.stages),
            "grid": list(self.grid),
            "colours": self.colours,
            "thumbnail": list(self.thumbnail),
        }

    def _open(self) -> tf.keras.layers.Layer:
        whole = lite0()
        load(whole, read_torch_file(self.weights_path()), str(self.weights_path()))
        maps = tf.keras.Model(
            whole.inputs, [_map_after(whole, stage) for stage in self.stages], name="mid_level"
        )
        train_only(maps, self.train)
        parts = _Parts(maps, self.grid, self.colours, self.thumbnail)
        return ImageNetwork(parts, scaled, self.size)


class _Parts(tf.keras.layers.Layer):
    """The parts of a vector side by side, `[n, width]`, of pictures `[n, h, w, 3]` of -1 to 1."""

    def __init__(
        self, maps: tf.keras.Model, grid: Sequence[int], colours: bool, thumbnail: Sequence[int]
    ) -> None:
        super().__init__(name="parts")
        self.maps, self.grid = maps, tuple(grid)
        self.colours, self.thumbnail = colours, tuple(thumbnail)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        maps = self.maps(inputs, training=training)
        parts = []
        for one in maps if isinstance(maps, (list, tuple)) else [maps]:
            parts += _grid_moments(one, self.grid)
        if self.colours:
            pixels = tf.clip_by_value((inputs * 128.0 + 127.0) / 255.0, 0.0, 1.0)
            parts.append(colour_histogram(pixels, BINS))
        if all(self.thumbnail):
            small = tf.image.resize(inputs, self.thumbnail, antialias=True)
            parts.append(tf.reshape(small, [-1, 3 * int(np.prod(self.thumbnail))]))
        return tf.concat([tf.math.l2_normalize(part, axis=1) for part in parts], axis=1)


def _map_after(model: tf.keras.Model, stage: int) -> tf.Tensor:
    """The map that the last block of a stage, counted from 1, gives."""
    last = sum(count for count, *_ in STAGES[:stage]) - 1
    names = [f"{PREFIX}_blocks.{last}.add", f"{PREFIX}_blocks.{last}._bn2"]
    there = {layer.name for layer in model.layers}
    return model.get_layer(next(name for name in names if name in there)).output


def _grid_moments(values: tf.Tensor, grid: Sequence[int]) -> list[tf.Tensor]:
    """Mean and standard deviation of a map `[n, h, w, c]` in each cell, each `[n, cells * c]`."""
    rows = tf.constant(_cells(int(values.shape[1]), grid[0]))
    columns = tf.constant(_cells(int(values.shape[2]), grid[1]))
    mean = tf.einsum("rh,sw,nhwc->nrsc", rows, columns, values)
    square = tf.einsum("rh,sw,nhwc->nrsc", rows, columns, tf.square(values))
    # The gradient of a root at zero is infinite.
    deviation = tf.sqrt(tf.maximum(square - tf.square(mean), 0.0) + 1e-6)
    width = grid[0] * grid[1] * int(values.shape[3])
    return [tf.reshape(part, [-1, width]) for part in (mean, deviation)]


def _cells(length: int, count: int) -> np.ndarray:
    """Weights float32 `[count, length]` that average each of `count` parts of a length.

    A pixel that two parts share counts for both by its shares.
    """
    edges = np.linspace(0, length, count + 1)
    places = np.arange(length)
    upper = np.minimum(edges[1:, None], places + 1)
    lower = np.maximum(edges[:-1, None], places)
    weights = np.maximum(upper - lower, 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
