"""What the pretrained picture encoders share: decoding, batches, scaling and pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.media.images import ImageDecodeError, load_thumbnails, thumbnail
from tfmm.data.rows import MappedRows, MeanRows, RaggedRows
from tfmm.encoders.ahead import Decoding
from tfmm.encoders.base import positive, rate
from tfmm.encoders.cache import file_digests, in_memory
from tfmm.encoders.configured import no_config
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.image.every_picture import arranged, every_picture, has_several
from tfmm.encoders.image.views import cropped_views
from tfmm.encoders.pooling import (
    AttentionPooling,
    check_pool,
    encode_several,
    unit_mean_pooling,
)
from tfmm.encoders.pretrained.base import Pretrained

if TYPE_CHECKING:
    from tfmm.data.columns import ImageColumn


class PretrainedImage(Pretrained):
    """Base of the pretrained picture encoders.

    A picture keeps its aspect: it is scaled to fit `size` and centred, see
    `tfmm.data.load_thumbnails`. Frozen, pictures are decoded in threads while the network works on
    the ones before; trained, `prepare` gives thumbnails `uint8 [n, height, width, 3]`.

    Args:
        dim: length of the vectors.
        size: height and width in pixels that the network sees.
        augment: whether training varies the pictures, where the network is trained.
        zoom: the most that augmentation cuts off a picture's height and width, as a share.
        jitter: the most that augmentation changes brightness (of 1) and contrast (relative).
        pool: how the vectors of an item's pictures become one: "mean", of the network's vectors,
            scaled to length one; or "attention", of the projected ones, weighted by what each
            shows.
        **common: the arguments of `Pretrained`.

    Raises:
        ValueError: a size, share or pool out of range, or `augment` for a frozen network, whose
            vectors are computed once.
    """

    unit = "images"

    def __init__(
        self,
        dim: int = 64,
        *,
        size: Sequence[int] = (224, 224),
        augment: bool = False,
        zoom: float = 0.3,
        jitter: float = 0.1,
        pool: str = "mean",
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, name=name, **common)
        if isinstance(size, str) or not hasattr(size, "__len__") or len(size) != 2:
            raise ValueError(f"size must be (height, width) in pixels, but got {size!r}.")
        self.size = tuple(positive("size", side) for side in size)
        self.augment = bool(augment)
        if augment and not self.heavy:
            raise ValueError(
                "augment=True varies pictures in training, but train='frozen' encodes each once. "
                "To resolve this, train a part of the network (train=2, say), or leave `augment` "
                "out."
            )
        self.zoom, self.jitter = rate("zoom", zoom), rate("jitter", jitter)
        self.pool = check_pool(pool)

    def build(self, input_shape: Any) -> None:
        if self.pool == "attention":
            self.attention = AttentionPooling(self.dim)
            self.attention.build([None, None, self.dim])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Vectors of items with one picture each, or several, see `encode_several`; the inputs are
        as `prepare` gives them."""
        encode = (lambda rows: self.encode(rows, training)) if self.heavy else tf.identity
        return self._projected(inputs, encode, training)

    def _projected(
        self, inputs: tf.Tensor, encode: Callable[[tf.Tensor], tf.Tensor], training: bool
    ) -> tf.Tensor:
        if self.pool == "attention":

            def projected(rows: tf.Tensor) -> tf.Tensor:
                return self.head(encode(rows), training=training)

            return encode_several(inputs, projected, self.attention)
        return self.head(encode_several(inputs, encode, unit_mean_pooling), training=training)

    def pictures_embedder(self) -> Embedder:
        """As `embedder`, of items with several pictures: uint8 `[n, P, height, width, 3]`, black
        where there is none."""
        self._check_adapted()
        if not self.built:
            self.build(None)
        pooling = self.attention.weights if self.pool == "attention" else []
        return Embedder(
            lambda pictures: self._projected(pictures, self.encode, False),
            tf.TensorSpec([None, None, *self.size, 3], tf.uint8, name="image"),
            [*self.network().weights, *self.head.weights, *pooling],
            self._resources(),
        )

    def encode(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As `Pretrained.encode`; with `augment`, training sees random views."""
        if training and self.augment:
            inputs = cropped_views(inputs, self.zoom, self.jitter)
        return super().encode(inputs, training)

    def _width(self) -> int:
        return int(self.network().width)

    def _pixels(self) -> tuple[int, int]:
        return self.size[0], self.size[1]

    def _digests(self, column: ImageColumn) -> list[bytes | None]:
        return file_digests([paths[0] if paths else None for paths in column.paths])

    def _blocks(
        self, column: ImageColumn, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], np.ndarray]]:
        pictures: Decoding[np.ndarray] = Decoding(
            lambda path: thumbnail(path, self._pixels()), ImageDecodeError, self.unit
        )
        for part, found in pictures.batches(column.paths, rows, self.encode_batch):
            yield part, np.stack(found)

    def _make_vectors(self, column: ImageColumn, cache: Path | None) -> np.ndarray | MappedRows:
        if not has_several(column):
            return super()._make_vectors(column, cache)
        each, rows = every_picture(column)
        found = super()._make_vectors(each, cache)
        if self.pool == "attention":
            return arranged(RaggedRows, found, rows)
        return in_memory(arranged(MeanRows, found, rows))

    def frozen(self, column: ImageColumn, cache: Path | None = None) -> np.ndarray | MappedRows:
        found = super().frozen(column, cache)
        return MeanRows(found.values, found.rows) if isinstance(found, RaggedRows) else found

    def _inputs(self, column: ImageColumn, cache: Path | None) -> np.ndarray | MappedRows:
        if not has_several(column):
            return self._of_each(column, cache)
        each, rows = every_picture(column)
        return arranged(RaggedRows, self._of_each(each, cache), rows)

    def _of_each(self, column: ImageColumn, cache: Path | None) -> np.ndarray | MappedRows:
        """What the network reads of a column with one picture a row."""
        return load_thumbnails(column, self._pixels(), cache).values

    def _raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, *self.size, 3], tf.uint8, name="image")


class ImageNetwork(tf.keras.layers.Layer):
    """Scaling, a model over pictures, and the mean over its map.

    A model that normalises by batches runs in training as it does after it, by the means and
    variances that it came with: those of a shop's small batches lie so far off that what is learned
    by them does not hold for one picture. Its other weights are trained all the same.

    Args:
        model: a layer from float `[n, h, w, 3]` to `[n, width]` or a map `[n, rows, columns,
            width]` or tokens `[n, T, width]`.
        scale: from pixels float32 of 0 to 255 to what the model reads.
        size: height and width of the pictures.
        pooling: of tokens: "mean", or "cls" for the first.
    """

    def __init__(
        self,
        model: tf.keras.layers.Layer,
        scale: Callable[[tf.Tensor], tf.Tensor],
        size: Sequence[int],
        pooling: str = "mean",
    ) -> None:
        super().__init__(name="network", autocast=False)
        self.model, self.scale, self.pooling = model, scale, pooling
        self._by_batches = _normalises_by_batches(model)
        with tf.init_scope():
            self.width = int(self(tf.zeros([1, *size, 3], tf.uint8)).shape[-1])

    def get_config(self) -> NoReturn:
        """Refused; the encoder around it has a configuration."""
        no_config(self, "it wraps a loaded model. Use that of the encoder that holds it.")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Vectors `[n, width]` of pictures uint8 `[n, h, w, 3]`."""
        pixels = self.scale(tf.cast(images, tf.float32))
        x = self.model(pixels, training=training and not self._by_batches)
        if x.shape.rank == 4:
            return tf.reduce_mean(x, axis=[1, 2])
        if x.shape.rank == 3:
            return x[:, 0] if self.pooling == "cls" else tf.reduce_mean(x, axis=1)
        return x


def _normalises_by_batches(model: tf.keras.layers.Layer) -> bool:
    """Whether some layer of a model, of Keras 2 or of Keras 3 in its bridge, is a batch norm."""
    inner = getattr(model, "inner", None)
    layers = model.submodules if inner is None else inner._flatten_layers()
    return any("BatchNormalization" in type(one).__name__ for one in [model, *layers])
