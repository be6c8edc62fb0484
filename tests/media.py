"""Synthesised sound as WAV files of every form, and pictures as clips."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PCM, FLOAT = 1, 3


def tone(
    pitch: float, seconds: float = 1.0, rate: int = 16_000, overtones: int = 1
) -> NDArray[np.float64]:
    """A tone of `pitch` Hz with its overtones, [n]."""
    time = np.arange(round(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, overtones + 1)]
    return 0.4 * np.sum(parts, axis=0)


def wav(
    samples: NDArray[np.float64],
    rate: int = 16_000,
    bits: int = 16,
    coding: int = PCM,
    *,
    extensible: bool = False,
    before: bytes = b"",
) -> bytes:
    """The bytes of a WAV file of samples [n] or [n, channels], -1 to 1.

    Args:
        bits: of a sample.
        coding: PCM or FLOAT.
        extensible: whether its header has the form WAVE_FORMAT_EXTENSIBLE.
        before: chunks to write before the sound.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    width = channels * bits // 8
    fmt = struct.pack("<HHIIHH", coding, channels, rate, rate * width, width, bits)
    if extensible:
        guid = struct.pack("<H", coding) + bytes.fromhex("000000001000800000aa00389b71")
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHI", 22, bits, 0) + guid
    data = _data(samples.reshape(-1), bits, coding)
    body = b"WAVE" + chunk(b"fmt ", fmt) + before + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a RIFF file, with its pad byte."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _data(samples: NDArray[np.float64], bits: int, coding: int) -> bytes:
    if coding == FLOAT:
        return samples.astype("<f4").tobytes()
    scaled = np.clip(np.round(samples * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if bits == 8:
        return (scaled + 128).astype(np.uint8).tobytes()
    whole = scaled.astype("<i4" if bits > 16 else "<i2")
    if bits == 24:
        return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.tobytes()


def write_gif(path: Path, frames: NDArray[np.uint8]) -> Path:
    """Writes frames [T, h, w, 3] as an animated GIF."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=100, loop=0)
    return path


def write_clip(path: Path, frames: NDArray[np.uint8], codec: str = "libx264") -> Path:
    """Writes frames [T, h, w, 3] with PyAV as what the path's ending says, ten a second.

    Sides must be even.
    """
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options={"g": "12"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))
    return path
