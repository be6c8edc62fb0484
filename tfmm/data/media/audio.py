"""Sound files: whether they decode, and their bytes as a WAV that TensorFlow reads."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

#: The lowest and the highest sampling rate, in Hz.
RATES = (8_000, 192_000)
#: Coding and bits of the samples that `tfmm.encoders.audio.wav` reads: 1 is PCM, 3 floating point.
SAMPLES = ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32))
EXTENSIBLE = 0xFFFE
#: What programs that write to a pipe say of a length that they do not know yet.
UNKNOWN_SIZE = 0xFFFFFFFF
_BLOCK = 1 << 16


class AudioDecodeError(ValueError):
    """A file that cannot be decoded to its end as sound."""


@dataclass(frozen=True)
class WavHeader:
    """What the head of a WAV file says.

    Args:
        coding: 1 for PCM, 3 for floating point, others for what is compressed.
        bits: of a sample.
        channels: how many there are.
        rate: samples a second, in Hz.
        start: where the sound begins in the file.
        size: bytes of sound that there are.
        announced: bytes of sound that there should be.
    """

    coding: int
    bits: int
    channels: int
    rate: int
    start: int
    size: int
    announced: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8


def why_corrupt(path: str) -> str:
    """Why a sound file does not decode to its end; "" where it does.

    Of an uncompressed WAV only the head is read, which says how long the file has to be.

    Raises:
        ModuleNotFoundError: the file is no such WAV, and the package soundfile is not installed.
    """
    try:
        if _plain_wav(path) is None:
            with _opened(path) as file:
                _check_rate(path, file.samplerate)
                heard = sum(len(block) for block in file.blocks(_BLOCK, dtype="float32"))
                if not heard or heard < file.frames:
                    raise AudioDecodeError(
                        f"cannot decode {path} as sound: it is cut short: {file.frames:,} samples "
                        f"expected, {heard:,} there"
                    )
    except AudioDecodeError as error:
        return str(error)
    return ""


def wav_bytes(source: str | os.PathLike[str] | bytes, seconds: float) -> bytes:
    """A sound file as a WAV that `tfmm.encoders.audio.wav.read_wavs` reads.

    The samples of an uncompressed WAV stay as they are; FLAC, OGG, MP3 and what else the package
    soundfile reads become 32-bit floating point, mono.

    Args:
        source: the file's path, or its bytes.
        seconds: what comes later is left out.

    Raises:
        AudioDecodeError: for a file that is no sound or is cut short, naming it.
        ModuleNotFoundError: as `why_corrupt`.
    """
    file_or_bytes = source if isinstance(source, bytes) else os.fspath(source)
    header = _plain_wav(file_or_bytes)
    if header is not None:
        size = min(header.size, int(np.ceil(seconds * header.rate)) * header.frame)
        with _binary(file_or_bytes) as plain:
            data = plain.read(header.start + size)
        return data[: header.start - 4] + struct.pack("<I", size) + data[header.start :]
    name = _named(file_or_bytes)
    with _opened(file_or_bytes) as file:
        _check_rate(name, file.samplerate)
        samples = file.read(int(np.ceil(seconds * file.samplerate)), "float32", always_2d=True)
        if not len(samples):
            raise AudioDecodeError(f"cannot decode {name} as sound: it holds no sample")
        return float_wav(samples.mean(axis=1), file.samplerate)


def float_wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """The bytes of a mono WAV of 32-bit floating point.

    Args:
        samples: float32 [n], -1 to 1.
        rate: samples a second, in Hz.
    """
    data = np.ascontiguousarray(samples, "<f4").tobytes()
    fmt = struct.pack("<HHIIHH", 3, 1, rate, 4 * rate, 4, 32)
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    chunks += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def wav_header(file: BinaryIO) -> WavHeader | None:
    """Reads the head of a WAV file; None for a file that is no WAV.

    Raises:
        AudioDecodeError: for a WAV without its chunks `fmt ` or `data`.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    form = file.read(12)
    if form[:4] != b"RIFF" or form[8:] != b"WAVE":
        return None
    fmt = b""
    while len(head := file.read(8)) == 8:
        name, announced = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            if len(fmt) < 16:
                raise AudioDecodeError("the chunk `fmt ` is missing before the sound or too short")
            coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", fmt[:16])
            if coding == EXTENSIBLE and len(fmt) >= 26:
                coding = int.from_bytes(fmt[24:26], "little")
            start = file.tell()
            announced = length - start if announced == UNKNOWN_SIZE else announced
            size = min(announced, length - start)
            return WavHeader(coding, bits, channels, rate, start, size, announced)
        if name == b"fmt ":
            fmt = file.read(min(announced, 64))
            announced -= len(fmt)
        file.seek(announced + announced % 2, os.SEEK_CUR)
    raise AudioDecodeError("the chunk `data` with the sound is missing")


def _named(source: str | bytes) -> str:
    return f"{len(source):,} bytes" if isinstance(source, bytes) else source


def _binary(source: str | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")


def _plain_wav(source: str | bytes) -> WavHeader | None:
    """The header of an uncompressed WAV, checked to be whole; None for any other file."""
    name = _named(source)
    try:
        with _binary(source) as file:
            header = wav_header(file)
    except (OSError, AudioDecodeError) as error:
        raise AudioDecodeError(f"cannot decode {name} as sound: {error}") from error
    if header is None or (header.coding, header.bits) not in SAMPLES:
        return None
    _check_rate(name, header.rate)
    if header.size < header.announced:
        raise AudioDecodeError(
            f"cannot decode {name} as sound: it is cut short: {header.announced:,} bytes of sound "
            f"expected, {header.size:,} there"
        )
    if header.channels < 1 or header.size < header.frame:
        raise AudioDecodeError(f"cannot decode {name} as sound: it holds no sample")
    return header


def _check_rate(name: str, rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioDecodeError(
            f"cannot decode {name} as sound: it has {rate:,} samples a second, expected "
            f"{RATES[0]:,} to {RATES[1]:,}"
        )


@contextmanager
def _opened(source: str | bytes) -> Iterator[Any]:
    """Opens any sound file, turning every way in which that fails into an `AudioDecodeError`."""
    try:
        import soundfile
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{_named(source)} is no uncompressed WAV, and other sound needs the package "
            "soundfile. Install it with: pip install 'tfmm[audio]', or convert the file to WAV."
        ) from error
    try:
        with soundfile.SoundFile(
            io.BytesIO(source) if isinstance(source, bytes) else source
        ) as file:
            yield file
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioDecodeError(f"cannot decode {_named(source)} as sound: {error}") from error
