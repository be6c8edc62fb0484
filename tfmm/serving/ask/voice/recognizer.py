"""What turns speech into words, and the sound it is given."""

from __future__ import annotations

import io
from math import gcd
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tfmm.data.media.audio import wav_header
from tfmm.serving.ask.query_sound import Sound, query_sound

#: Samples a second that recognisers hear, in Hz.
RATE = 16_000


class Recognizer(Protocol):
    """Turns speech into words. Anything with this method serves, one that asks a cloud included."""

    def text(self, audio: Sound) -> str:
        """The words of a file's path or bytes, "" where none are heard.

        Raises:
            AudioDecodeError, OSError, TypeError: as `tfmm.serving.ask.query_sound.query_sound`.
        """


def speech(audio: Sound, name: str = "audio") -> NDArray[np.float32]:
    """A sound file's path or bytes as a recogniser hears it: mono, `RATE`, float32[n], -1 to 1.

    Raises:
        AudioDecodeError, OSError, TypeError: as `tfmm.serving.ask.query_sound.query_sound`.
    """
    wav = query_sound(audio, name)
    header = wav_header(io.BytesIO(wav))
    assert header is not None  # query_sound gives nothing else
    frames = header.size // header.frame
    data = wav[header.start : header.start + frames * header.frame]
    samples = _samples(data, header.coding, header.bits).reshape(frames, header.channels)
    mono = samples.mean(axis=1)
    if header.rate != RATE:
        divisor = gcd(RATE, header.rate)
        mono = resample_poly(mono, RATE // divisor, header.rate // divisor)
    return np.clip(mono, -1, 1).astype(np.float32)


def _samples(data: bytes, coding: int, bits: int) -> NDArray[np.float64]:
    if coding == 3:
        return np.nan_to_num(np.frombuffer(data, "<f4").astype(np.float64))
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    if bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4").ravel() / 2.0**31
    return np.frombuffer(data, f"<i{bits // 8}").astype(np.float64) / 2.0 ** (bits - 1)
