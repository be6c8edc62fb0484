"""Frames of video files, evenly spread over each clip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from tfmm.data.media.images import ImageDecodeError, opened, to_rgb

#: Frames are made smaller, where they are larger, so that neither side has more pixels.
SIDE = 512
#: Frames whose decoding a check looks at; the file is read to its end besides.
CHECKED = 8
#: How much of its announced length a clip in Matroska or WebM has to have.
WHOLE = 0.9
_PICTURES = (b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF")


class VideoDecodeError(ValueError):
    """A file that cannot be decoded as video, or not to its end."""


def sample_frames(path: str | os.PathLike[str], count: int) -> list[Image.Image]:
    """Up to `count` frames of a clip, from the middles of `count` stretches of equal length.

    Animated GIF, WebP and PNG are read by Pillow, everything else by PyAV. Only the stretches
    between a key frame and a wanted one are decoded. The camera's orientation is applied.

    Args:
        path: the file.
        count: frames wanted; a clip of fewer gives each of them once.

    Returns:
        RGB pictures in order of time, `SIDE` pixels a side at most.

    Raises:
        VideoDecodeError: for a file that is no video or is cut short, naming it.
        ModuleNotFoundError: the file is no animated picture, and the package av is not installed.
    """
    name = os.fspath(path)
    if _is_picture(name):
        return _of_pictures(name, count)
    with _opened_video(name) as container:
        return _of_video(container, count)


def why_corrupt(path: str) -> str:
    """Why a video file does not decode to its end; "" where it does.

    Raises:
        ModuleNotFoundError: as `sample_frames`.
    """
    try:
        sample_frames(path, CHECKED)
    except VideoDecodeError as error:
        return str(error)
    return ""


def _is_picture(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise _failed(path, error) from error
    # AVI files begin with RIFF too.
    return head.startswith(_PICTURES) and (head[:4] != b"RIFF" or head[8:] == b"WEBP")


def _of_pictures(path: str, count: int) -> list[Image.Image]:
    try:
        with opened(path) as image:
            wanted = _places(getattr(image, "n_frames", 1), count)
            frames = []
            for place in range(getattr(image, "n_frames", 1)):
                image.seek(place)
                # Each is decoded, because most are changes of the one before.
                picture = to_rgb(image)
                if place in wanted:
                    frames.append(picture.copy())
    except ImageDecodeError as error:
        raise VideoDecodeError(str(error).replace("as an image", "as a video")) from error
    for frame in frames:
        frame.thumbnail((SIDE, SIDE))
    return frames


def _of_video(container: Any, count: int) -> list[Image.Image]:
    if not container.streams.video:
        raise ValueError("it has no pictures")
    stream = container.streams.video[0]
    # Clips are decoded in threads already.
    stream.codec_context.thread_count = 1
    times, keys = _times(container, stream)
    wanted = [times[place] for place in _places(len(times), count)]
    frames: list[Image.Image] = []
    decoder: Iterator[Any] = iter(())
    reached: int | None = None
    for time in wanted:
        key = max((key for key in keys if key <= time), default=times[0])
        if reached is None or key > reached:
            container.seek(key, stream=stream)
            decoder = container.decode(stream)
        for frame in decoder:
            reached = _time(frame)
            if reached is not None and reached >= time:
                frames.append(_picture(frame))
                break
    if len(frames) < len(wanted):
        raise ValueError(f"only {len(frames)} of {len(wanted)} frames decode")
    return frames


def _times(container: Any, stream: Any) -> tuple[list[int], list[int]]:
    """The times of all frames and of the key frames, ascending, in the stream's time base."""
    times, keys, end = [], [], 0.0
    for packet in container.demux():
        time = _time(packet)
        # The last packet of a stream is empty: it tells the decoder to finish.
        if not packet.size or time is None:
            continue
        end = max(end, float((time + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index:
            times.append(time)
            if packet.is_keyframe:
                keys.append(time)
    if not times:
        raise ValueError("it has no frame")
    if len(times) < stream.frames:
        raise ValueError(f"it is cut short: {stream.frames} frames expected, {len(times)} there")
    announced = (container.duration or 0) / 1e6
    if "matroska" in container.format.name and end < WHOLE * announced:
        raise ValueError(f"it is cut short: {announced:.1f} s expected, {end:.1f} there")
    return sorted(times), sorted(keys)


def _time(part: Any) -> int | None:
    """When a packet or a frame is shown; AVI says only when it is decoded."""
    return part.dts if part.pts is None else part.pts


def _picture(frame: Any) -> Image.Image:
    scale = min(1.0, SIDE / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    picture = frame.to_image(width=width, height=height, interpolation="AREA")
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _places(n: int, count: int) -> list[int]:
    """The middles of `count` stretches of n frames, or every frame where there are fewer."""
    stretches = min(n, count)
    return [(2 * i + 1) * n // (2 * stretches) for i in range(stretches)]


@contextmanager
def _opened_video(path: str) -> Iterator[Any]:
    """Opens a video, turning every way in which that fails into a `VideoDecodeError`."""
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is no animated GIF, WebP or PNG, and other video needs the package av. "
            "Install it with: pip install 'tfmm[video]'."
        ) from error
    try:
        # A playlist names other files and addresses, which no protocol is left to read by.
        with (
            open(path, "rb") as file,
            av.open(file, options={"protocol_whitelist": "none"}) as container,
        ):
            yield container
    # PyAV's errors are of OSError, ValueError, EOFError and others, as FFmpeg's numbers say.
    except (av.FFmpegError, OSError, ValueError, EOFError) as error:
        raise _failed(path, error) from error


def _failed(path: str, error: Exception) -> VideoDecodeError:
    return VideoDecodeError(f"cannot decode {path} as a video: {error}")
