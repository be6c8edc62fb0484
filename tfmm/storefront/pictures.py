"""Pictures of a shop's items, made small for the page."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from pathlib import Path

from PIL import Image

from tfmm.data.media.folders import Folders
from tfmm.data.media.images import opened, to_rgb

#: The longest sides that pictures are sent with: on a card, and on an item's page.
SIDES = (360, 1080)


class PictureError(ValueError):
    """A file that is not shown: it lies outside the shop's folder, or is gone."""


def picture_jpeg(path: Path, folders: Folders, side: int) -> bytes:
    """A picture as JPEG bytes, upright, scaled down to at most `side` pixels.

    Always written anew, so that a file which only claims to be a picture never leaves the machine.

    Args:
        path: its file.
        folders: one of which the file must lie in, once links are followed.
        side: one of `SIDES`.

    Raises:
        PictureError: the file lies elsewhere, or there is none.
        ImageDecodeError: it is no picture.
    """
    real = Path(os.path.realpath(path))
    if not folders.hold(real):
        raise PictureError("The picture lies outside the shop's folder, so it is not shown.")
    try:
        changed = real.stat().st_mtime_ns
    except OSError:
        raise PictureError("The picture's file is gone.") from None
    return _jpeg(real, changed, side)


@lru_cache(maxsize=1024)
def _jpeg(path: Path, changed: int, side: int) -> bytes:
    with opened(path) as image:
        # Twice the size keeps the quality of the scaling.
        image.draft("RGB", (2 * side, 2 * side))
        picture = to_rgb(image)
    picture.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
