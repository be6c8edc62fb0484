"""The sound of a search, as the WAV that a model's graph reads."""

from __future__ import annotations

import os

from tfmm.data.media.audio import AudioDecodeError, wav_bytes
from tfmm.serving.ask.query_picture import picture_bytes

Sound = str | os.PathLike[str] | bytes

#: What comes after these seconds is not sent.
MAX_SECONDS = 60.0


def query_sound(sound: object, name: str = "audio") -> bytes:
    """A WAV of at most `MAX_SECONDS` of a file's path or bytes.

    An uncompressed WAV keeps its samples; FLAC, OGG, MP3 and others need the package soundfile.

    Raises:
        TypeError: it is neither a path nor bytes.
        OSError: the file cannot be read.
        AudioDecodeError: it is no sound, or is cut short.
        ModuleNotFoundError: it is no uncompressed WAV, and soundfile is not installed.
    """
    data, where = picture_bytes(sound, name)
    try:
        return wav_bytes(data, MAX_SECONDS)
    except AudioDecodeError as error:
        reason = str(error).removeprefix(f"cannot decode {len(data):,} bytes as sound: ")
        raise AudioDecodeError(f"{where}: cannot be decoded as sound: {reason}") from None
