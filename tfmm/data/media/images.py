"""Decoding images, and thumbnails of a catalogue as one memory-mapped array."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tfmm.data.columns import ImageColumn
from tfmm.data.files import replacing
from tfmm.data.progress import in_threads

# Part of the cache's key: raised when the same files would give other pixels.
_VERSION = 1
#: The most pixels that are decoded at once: 64 million take 0.2 GB as RGB.
MAX_PIXELS = 64_000_000


class ImageDecodeError(ValueError):
    """Bytes or a file that cannot be decoded to their end as an image."""


@dataclass(frozen=True, eq=False)
class ImageArray:
    """Images of equal size, a row for each item.

    Args:
        values: uint8[n, h, w, 3], or uint8[n, m, h, w, 3] with up to m images an item; perhaps
            memory-mapped; zeros where not present.
        present: bool[n], or bool[n, m].
    """

    values: NDArray[np.uint8]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


def decode_image(data: bytes | str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Decodes an image file: JPEG, PNG, WebP, GIF (first frame), or what else Pillow reads.

    Grey, palette, CMYK and 16-bit images become RGB; transparency is laid over white; a camera's
    EXIF orientation is applied.

    Args:
        data: the encoded bytes, or a file's path.

    Returns:
        uint8[h, w, 3].

    Raises:
        ImageDecodeError: for data that is no image, is cut short, or has more than `MAX_PIXELS`,
            naming the file.
    """
    with opened(data) as image:
        return np.asarray(to_rgb(image))


@contextmanager
def opened(data: bytes | str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Opens an image, turning every way in which Pillow fails on it into an `ImageDecodeError`."""
    try:
        with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
            yield image
    # Pillow's plugins raise OSError, SyntaxError, ValueError, struct.error ... on broken files.
    except Exception as error:
        name = f"{len(data):,} bytes" if isinstance(data, bytes) else os.fspath(data)
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            empty = not (data if isinstance(data, bytes) else os.path.getsize(data))
            reason = "it is empty" if empty else "it is no image of a known format"
        raise ImageDecodeError(f"cannot decode {name} as an image: {reason}") from error


def to_rgb(image: Image.Image) -> Image.Image:
    _load(image)
    try:
        turned = ImageOps.exif_transpose(image)
    # The pixels are whole by now: broken EXIF costs the orientation, not the picture.
    except Exception:
        turned = image
    if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
        return _from_deep(turned)
    if turned.has_transparency_data:
        layer = turned.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return turned.convert("RGB")


def _load(image: Image.Image) -> None:
    """Decodes the pixels, as many as a JPEG's draft has left or the file has, within bounds."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise ImageDecodeError(
            f"it has {image.width:,} x {image.height:,} pixels, more than the {MAX_PIXELS:,} that "
            "are decoded; scale it down, or save it as JPEG, which decodes at a smaller scale"
        )
    image.load()


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit and wider grey to 8 bits, which Pillow's own conversion would clip to white."""
    values = np.asarray(image, dtype=np.float64)
    values = np.nan_to_num(values)
    if image.mode != "F" or values.max(initial=0) > 255:
        values = values / 257
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8)).convert("RGB")


def why_corrupt(path: str) -> str:
    """Why an image file does not decode to its end; "" where it does."""
    try:
        with opened(path) as image:
            # A JPEG read at an eighth still has its whole stream decoded, at less cost.
            image.draft(None, (1, 1))
            _load(image)
    except ImageDecodeError as error:
        return str(error)
    return ""


def load_thumbnails(
    column: ImageColumn,
    size: tuple[int, int],
    cache: str | os.PathLike[str] | None = None,
    *,
    max_images: int | None = None,
) -> ImageArray:
    """Decodes a catalogue's images once, at one small size.

    An image keeps its aspect: it is scaled to fit and centred, and the rest is filled with the mean
    colour of its border, which continues most product photographs' background.

    Args:
        column: the images.
        size: height and width in pixels.
        cache: folder for the array, so that a later call with the same files, unchanged, maps it
            into memory instead of decoding; None decodes into memory.
        max_images: None gives each item's first image that decodes, [n, h, w, 3]; m gives up to m
            of them, [n, m, h, w, 3].

    Returns:
        The pixels, and which are present; files that do not decode are absent, with a warning.
    """
    height, width = size
    if min(height, width) < 1 or (max_images is not None and max_images < 1):
        raise ValueError(f"size and max_images must be positive, got {size} and {max_images}")
    slots = max_images or 1
    lead = (len(column),) if max_images is None else (len(column), slots)
    if cache is None:
        values = np.zeros((len(column), slots, height, width, 3), np.uint8)
        present = _fill(values, column, size)
        return ImageArray(values.reshape(*lead, height, width, 3), present.reshape(lead))
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    key = _content_key(column, (height, width, max_images))
    pixels, mask = folder / f"images-{key}.npy", folder / f"images-{key}.present.npy"
    if not (pixels.exists() and mask.exists()):
        _store(pixels, mask, column, size, slots, lead)
    values = np.load(pixels, mmap_mode="r") if len(column) else np.load(pixels)
    return ImageArray(values, np.load(mask))


def _store(
    pixels: Path,
    mask: Path,
    column: ImageColumn,
    size: tuple[int, int],
    slots: int,
    lead: tuple[int, ...],
) -> None:
    shape = (*lead, *size, 3)
    # The mask, entered last, is in its place first: a reader that finds the pixels finds both.
    with replacing(pixels) as pixels_aside, replacing(mask) as mask_aside:
        if len(column):
            stored = np.lib.format.open_memmap(pixels_aside, "w+", np.uint8, shape)
            present = _fill(stored.reshape(len(column), slots, *size, 3), column, size)
            stored.flush()
            del stored
        else:
            np.save(pixels_aside, np.zeros(shape, np.uint8))
            present = np.zeros((0, slots), bool)
        np.save(mask_aside, present.reshape(lead))


def _fill(
    values: NDArray[np.uint8], column: ImageColumn, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Writes the images into `values` uint8[n, m, h, w, 3]; bool[n, m] where there is one."""
    slots = values.shape[1]
    present = np.zeros((len(column), slots), bool)
    problems: list[str] = []

    def fill(row: int) -> None:
        slot = 0
        for path in column.paths[row]:
            if slot == slots:
                return
            try:
                values[row, slot] = thumbnail(path, size)
            except ImageDecodeError as error:
                problems.append(str(error))
                continue
            present[row, slot] = True
            slot += 1

    for _ in in_threads(fill, range(len(column)), "decoding images"):
        pass
    if problems:
        warnings.warn(
            f"{len(problems)} images do not decode and count as missing, such as: {problems[0]}",
            stacklevel=3,
        )
    return present


def thumbnail(data: bytes | str | os.PathLike[str], size: tuple[int, int]) -> NDArray[np.uint8]:
    """One image at `size` (height, width): scaled to fit, centred, filled with its border's mean.

    Returns:
        uint8[h, w, 3].

    Raises:
        ImageDecodeError: as `decode_image`.
    """
    height, width = size
    with opened(data) as image:
        # Twice the size keeps the quality of the scaling; an orientation may swap the sides.
        image.draft("RGB", (2 * max(size), 2 * max(size)))
        picture = to_rgb(image)
        scale = min(height / picture.height, width / picture.width)
        fit = (
            min(width, max(1, round(picture.width * scale))),
            min(height, max(1, round(picture.height * scale))),
        )
        small = np.asarray(picture.resize(fit, Image.Resampling.BICUBIC, reducing_gap=3.0))
    if small.shape[:2] == size:
        return small
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    out = np.empty((height, width, 3), np.uint8)
    out[:] = np.round(border.mean(axis=0)).astype(np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def _content_key(column: ImageColumn, options: Iterable[object]) -> str:
    digest = hashlib.sha256(repr((_VERSION, *options)).encode())
    for paths in column.paths:
        for path in paths:
            try:
                stat = path.stat()
                state = (os.fspath(path.absolute()), stat.st_size, stat.st_mtime_ns)
            except OSError:
                state = (os.fspath(path.absolute()), -1, -1)
            digest.update(repr(state).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:32]
