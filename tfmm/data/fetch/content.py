"""Whether an answer is the picture, sound or clip that was asked for."""

from __future__ import annotations

import re

#: How many bytes tell.
HEAD = 512
NAMES = {"image": "a picture", "audio": "a sound", "video": "a clip"}

_ANIMATED = rb"GIF8[79]a|\x89PNG\r\n\x1a\n|RIFF.{4}WEBP"
_FIRST = {
    "image": re.compile(
        rb"\xff\xd8\xff|" + _ANIMATED + rb"|BM.{12}|II\*\0|MM\0\*|II\+\0|MM\0\+|"
        rb".{4}ftyp(?:avi[fs]|hei[cfmsx]|hevc|mif1|msf1)|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
        re.DOTALL,
    ),
    "audio": re.compile(
        rb"RIFF.{4}WAVE|RF64.{4}WAVE|fLaC|OggS|ID3|\xff[\xe2-\xff]|FORM.{4}AIF[FC]|caff|\.snd",
        re.DOTALL,
    ),
    "video": re.compile(
        _ANIMATED + rb"|.{4}(?:ftyp|moov|mdat|wide|free)|\x1aE\xdf\xa3|RIFF.{4}AVI |FLV\x01|OggS|"
        rb"\0\0\x01[\xb3\xba]|\x47.{187}\x47|0&\xb2u\x8ef\xcf\x11",
        re.DOTALL,
    ),
}
#: What servers say of files that they do not know.
_ANY = ("application/octet-stream", "binary/octet-stream", "application/x-binary", "")
_TYPES = {
    "image": re.compile(r"image/.*"),
    "audio": re.compile(r"audio/.*|application/(?:x-)?(?:ogg|flac|wav)|video/ogg"),
    "video": re.compile(r"video/.*|image/(?:gif|webp|a?png|vnd\..*)|application/(?:ogg|mp4|x-.*)"),
}


def wrong_type(said: str, kind: str) -> str:
    """What is wrong with a `Content-Type`; "" where nothing is.

    Args:
        said: the header, parameters included; "" where there is none.
        kind: "image", "audio" or "video".
    """
    plain = said.partition(";")[0].strip().lower()
    if plain in _ANY or _TYPES[kind].fullmatch(plain):
        return ""
    return f"the server says that it is {plain}, not {NAMES[kind]}"


def wrong_bytes(head: bytes, kind: str) -> str:
    """What is wrong with a file's first `HEAD` bytes; "" where nothing is."""
    if not head:
        return "an empty file"
    return "" if _FIRST[kind].match(head) else f"its first bytes are not those of {NAMES[kind]}"
