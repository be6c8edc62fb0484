"""Pictures, sound and clips: found, checked and decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.data.media.audio import AudioDecodeError
    from tfmm.data.media.images import ImageDecodeError, decode_image, load_thumbnails
    from tfmm.data.media.video import VideoDecodeError

__all__ = [
    "AudioDecodeError",
    "ImageDecodeError",
    "VideoDecodeError",
    "decode_image",
    "load_thumbnails",
]

lazy_package(
    __name__,
    {
        "AudioDecodeError": "tfmm.data.media.audio",
        "ImageDecodeError": "tfmm.data.media.images",
        "VideoDecodeError": "tfmm.data.media.video",
        "decode_image": "tfmm.data.media.images",
        "load_thumbnails": "tfmm.data.media.images",
    },
)
