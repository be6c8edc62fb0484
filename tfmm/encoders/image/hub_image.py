"""Pictures by keras-hub's image backbones."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.image.clip import picture_side, two_sided
from tfmm.encoders.image.pretrained_image import ImageNetwork, PretrainedImage
from tfmm.encoders.pretrained.bridge import FROZEN, Keras3Bridge, train_only
from tfmm.encoders.pretrained.hub_models import identify, load_backbone, load_image_converter
from tfmm.encoders.registry import register
from tfmm.encoders.text.bert import POOLINGS


@register("keras_hub", kind="image")
class KerasHubImage(PretrainedImage):
    """Any keras-hub image backbone: ResNet, MobileNet, EfficientNet, ViT, CLIP's picture side, …

    Pixels are scaled as the preset's own converter says, to 0 to 1 where it has none.

    Args:
        dim: length of the vectors.
        preset: a keras-hub preset ("resnet_18_imagenet"), a hub handle ("hf://user/model") or a
            local folder, Hugging Face's with safetensors included.
        pooling: of a transformer's tokens: "mean", or "cls" for the first.
        **common: the arguments of `PretrainedImage`.

    Raises:
        ValueError: a preset that cannot be loaded or reads no pictures, or a size it does not take.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        preset: str = "",
        pooling: str = "mean",
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.preset = preset
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, but got {pooling!r}.")
        self.pooling = pooling

    def _identity(self) -> dict[str, Any]:
        weights = identify(self.preset)
        return {"weights": weights, "pooling": self.pooling, "size": list(self.size)}

    def _open(self) -> tf.keras.layers.Layer:
        frozen = self.train == FROZEN
        dtype = "float32" if frozen else str(self._dtype_policy.name)
        backbone = load_backbone(self.preset, dtype)
        if two_sided(backbone):
            backbone = picture_side(backbone)
        if len(backbone.inputs) != 1 or len(backbone.inputs[0].shape) != 4:
            names = ", ".join(value.name for value in backbone.inputs)
            raise ValueError(
                f"The backbone of {self.preset!r}, {type(backbone).__name__}, is no image encoder: "
                f"it reads {names}. Give the preset of a backbone that reads pictures alone."
            )
        train_only(backbone, self.train)
        bridge = Keras3Bridge(backbone, name="bridge", trainable=not frozen, dtype=dtype)
        try:
            return ImageNetwork(bridge, _scaling(self.preset), self.size, self.pooling)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(
                f"The backbone of {self.preset!r} cannot read pictures of size {self.size}; it "
                f"was made for {tuple(backbone.inputs[0].shape[1:3])}: {error}"
            ) from error


def _scaling(preset: str) -> Any:
    converter = load_image_converter(preset)
    scale, offset = (1 / 255, 0.0) if converter is None else (converter.scale, converter.offset)
    scale = np.asarray(1.0 if scale is None else scale, np.float32)
    offset = np.asarray(0.0 if offset is None else offset, np.float32)
    return lambda pixels: pixels * scale + offset
