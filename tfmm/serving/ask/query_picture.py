"""The picture of a search, brought into a form that any model's graph decodes."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

from tfmm.data.media.images import ImageDecodeError, opened, to_rgb

Picture = str | os.PathLike[str] | bytes

#: The longest side that is sent, in pixels; no encoder here looks at more.
MAX_SIDE = 1024
_ORIENTATION = 0x0112
# What TensorFlow decodes as Pillow does; other formats and modes are written anew.
_PLAIN = {("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "L")}


def query_picture(picture: object, name: str = "image") -> bytes:
    """An encoded picture, upright, of at most `MAX_SIDE` pixels a side.

    A JPEG or PNG that already is that keeps its bytes. Others are turned as their EXIF says,
    transparency laid over white, scaled down and written as JPEG: one picture that TensorFlow
    cannot decode would fail the requests of everybody in its batch.

    Args:
        picture: a file's path, or its bytes.
        name: what the picture is called in errors.

    Raises:
        TypeError: it is neither.
        OSError: the file cannot be read.
        ImageDecodeError: it is no picture, is cut short or too large to decode (`to_rgb`).
    """
    data, where = picture_bytes(picture, name)
    try:
        with opened(data) as image:
            upright = image.getexif().get(_ORIENTATION, 1) in (0, 1)
            plain = (image.format, image.mode) in _PLAIN and not image.has_transparency_data
            single = getattr(image, "n_frames", 1) == 1
            if upright and plain and single and max(image.size) <= MAX_SIDE:
                image.load()
                return data
            # Twice the size keeps the quality of the scaling.
            image.draft("RGB", (2 * MAX_SIDE, 2 * MAX_SIDE))
            turned = to_rgb(image)
    except ImageDecodeError as error:
        reason = error.__cause__ or error
        raise ImageDecodeError(f"{where}: cannot be decoded as a picture: {reason}") from None
    turned.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    out = io.BytesIO()
    turned.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def picture_bytes(picture: object, name: str) -> tuple[bytes, str]:
    """A file's bytes, and what to call it in errors. Raises TypeError and OSError."""
    if isinstance(picture, bytes):
        return picture, f"{name} ({len(picture):,} bytes)"
    if not isinstance(picture, (str, os.PathLike)):
        raise TypeError(
            f"{name}: expected a file's path or its bytes, got {type(picture).__name__}."
        )
    return Path(picture).expanduser().read_bytes(), f"{name} {os.fspath(picture)}"
