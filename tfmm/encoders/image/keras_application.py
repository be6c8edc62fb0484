"""Pictures by any model of `tf.keras.applications`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.encoders.cache import file_digests
from tfmm.encoders.image.pretrained_image import ImageNetwork, PretrainedImage
from tfmm.encoders.pretrained.bridge import FROZEN, train_only
from tfmm.encoders.registry import register


@register("keras_application", kind="image")
class KerasApplication(PretrainedImage):
    """A model of `tf.keras.applications` without its classifier, pooled by mean.

    ```python
    photo = encoder("image", "keras_application", model="MobileNetV2", source="mobilenet.h5")
    ```

    Args:
        dim: length of the vectors.
        model: its name in `tf.keras.applications`, as "ResNet50V2" or "EfficientNetV2B0".
        source: where its weights come from: a file that Keras's `save_weights` wrote for the model
            without its classifier (`include_top=False`), "imagenet", which Keras downloads, or
            None for a fresh start, which only a trained network can make use of.
        **common: the arguments of `PretrainedImage`.

    Raises:
        ValueError: no such model or file, weights or a size that do not fit the model, or fresh
            weights that would stay frozen.
    """

    def __init__(
        self,
        dim: int = 64,
        *,
        model: str = "MobileNetV2",
        source: str | None = "imagenet",
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dim, name=name, **common)
        known = [n for n in dir(tf.keras.applications) if n[0].isupper()]
        if model not in known:
            raise ValueError(unknown("model of tf.keras.applications", model, known))
        if source is None and self.train == FROZEN:
            raise ValueError(
                "source=None gives the network random weights, and train='frozen' would keep them. "
                "Give weights, or train='all'."
            )
        self.model = model
        self.source = source

    def _identity(self) -> dict[str, Any]:
        weights = self.source
        if weights not in (None, "imagenet"):
            if not Path(str(weights)).is_file():
                raise ValueError(
                    f"source {weights!r} of {self.model} must be a file of weights, 'imagenet' or "
                    "None, but there is no such file."
                )
            (digest,) = file_digests([Path(str(weights))])
            weights = digest.hex() if digest else weights
        return {"model": self.model, "weights": weights, "size": list(self.size)}

    def _open(self) -> tf.keras.layers.Layer:
        make = getattr(tf.keras.applications, self.model)
        try:
            model = make(include_top=False, weights=self.source, input_shape=(*self.size, 3))
        # A download that fails, a file that is none and a size too small all raise differently.
        except Exception as error:
            raise ValueError(
                f"Cannot make {self.model} of size {self.size} with weights {self.source!r}: "
                f"{error}"
            ) from error
        train_only(model, self.train)
        return ImageNetwork(model, sys.modules[make.__module__].preprocess_input, self.size)
