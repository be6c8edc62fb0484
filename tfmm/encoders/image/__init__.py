"""Encoders of pictures, trained from nothing or pretrained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.encoders.image.classic import ClassicFeatures
    from tfmm.encoders.image.cnn import CNN
    from tfmm.encoders.image.efficientnet_lite import EfficientNetLite0
    from tfmm.encoders.image.hub_image import KerasHubImage
    from tfmm.encoders.image.keras_application import KerasApplication
    from tfmm.encoders.image.mid_level import Lite0Mid

__all__ = [
    "CNN",
    "ClassicFeatures",
    "EfficientNetLite0",
    "KerasApplication",
    "KerasHubImage",
    "Lite0Mid",
]

lazy_package(
    __name__,
    {
        "CNN": "tfmm.encoders.image.cnn",
        "ClassicFeatures": "tfmm.encoders.image.classic",
        "EfficientNetLite0": "tfmm.encoders.image.efficientnet_lite",
        "KerasApplication": "tfmm.encoders.image.keras_application",
        "KerasHubImage": "tfmm.encoders.image.hub_image",
        "Lite0Mid": "tfmm.encoders.image.mid_level",
    },
)
