"""Encoders of sound, and the front ends that make pictures of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.encoders.audio.audio import AudioCNN
    from tfmm.encoders.audio.front_ends import LPC, MFCC, FrontEnd, LogMel
    from tfmm.encoders.audio.wav import read_wavs

__all__ = [
    "LPC",
    "MFCC",
    "AudioCNN",
    "FrontEnd",
    "LogMel",
    "read_wavs",
]

lazy_package(
    __name__,
    {
        "AudioCNN": "tfmm.encoders.audio.audio",
        "FrontEnd": "tfmm.encoders.audio.front_ends",
        "LPC": "tfmm.encoders.audio.front_ends",
        "LogMel": "tfmm.encoders.audio.front_ends",
        "MFCC": "tfmm.encoders.audio.front_ends",
        "read_wavs": "tfmm.encoders.audio.wav",
    },
)
