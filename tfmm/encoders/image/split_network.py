"""A picture network in two: what comes before the trained layers, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfmm.encoders.image.pretrained_image import ImageNetwork


class SplitNetwork(ImageNetwork):
    """An `ImageNetwork` that also takes up in the middle, at the map before its trained layers.

    Args:
        model: as of `ImageNetwork`, its layers in the order in which data passes them.
        ends: names of the layers after which it may be cut, in their order; it is cut at the last
            one before the first trained layer.
        scale, size: as of `ImageNetwork`.

    Raises:
        ValueError: layers are trained before the first of `ends`.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        ends: Sequence[str],
        scale: Callable[[tf.Tensor], tf.Tensor],
        size: Sequence[int],
    ) -> None:
        names = [layer.name for layer in model.layers]
        trained = [place for place, one in enumerate(model.layers) if one.trainable_weights]
        first = min(trained, default=len(names))
        before = [name for name in ends if names.index(name) < first]
        if not before:
            raise ValueError(
                f"{model.name!r} is trained from the layer {names[first]!r} on, before which no "
                "block ends, so that no map could be kept. Train fewer layers, or leave "
                "`keep_maps` out."
            )
        #: The layer whose map is kept.
        self.map_name = before[-1]
        super().__init__(model, scale, size)
        cut = model.get_layer(self.map_name).output
        self._first = tf.keras.Model(model.inputs, cut, name="before")
        self._rest = _rest(model, names.index(self.map_name))
        with tf.init_scope():
            pictures = tf.zeros([1, *size, 3], tf.uint8)
            #: Height, width and channels of the map.
            self.map_shape = tuple(self.before(pictures).shape[1:].as_list())

    def before(self, images: tf.Tensor) -> tf.Tensor:
        """Maps float32 `[n, *map_shape]` of pictures uint8 `[n, h, w, 3]`."""
        return self._first(self.scale(tf.cast(images, tf.float32)), training=False)

    def after(self, maps: tf.Tensor) -> tf.Tensor:
        """Vectors `[n, width]` of maps `[n, rows, columns, channels]`, whole or a part of them."""
        return tf.reduce_mean(self._rest(maps, training=False), axis=[1, 2])


def _rest(model: tf.keras.Model, at: int) -> tf.keras.Model:
    """The layers of a model after the one at a place, on maps of any size."""
    cut = model.layers[at].output
    start = tf.keras.Input((None, None, cut.shape[-1]))
    made: dict[int, Any] = {id(cut): start}
    for layer in model.layers[at + 1 :]:
        read = layer.input
        if isinstance(read, list):
            made[id(layer.output)] = layer([made[id(one)] for one in read])
        else:
            made[id(layer.output)] = layer(made[id(read)])
    return tf.keras.Model(start, made[id(model.output)], name="after")
