"""What encoders over pretrained networks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.encoders.pretrained.base import Pretrained
    from tfmm.encoders.pretrained.tf_hub import HubImage, HubText

__all__ = [
    "HubImage",
    "HubText",
    "Pretrained",
]

lazy_package(
    __name__,
    {
        "HubImage": "tfmm.encoders.pretrained.tf_hub",
        "HubText": "tfmm.encoders.pretrained.tf_hub",
        "Pretrained": "tfmm.encoders.pretrained.base",
    },
)
