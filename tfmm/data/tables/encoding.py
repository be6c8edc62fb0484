"""The encoding of a table's bytes: found from samples, and held to for the whole file."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator

from tfmm.data.tables.file import TableFile
from tfmm.data.tables.letters import encoding_by_letters, telling_words

#: What is looked at: of the beginning, and of each of some places further on.
HEAD, PART, PARTS = 1 << 18, 1 << 14, 6
# The longer mark first: UTF-32's begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_BLOCK = 1 << 20


def sample(file: TableFile) -> bytes:
    """The file's beginning and some of its middle; parts are cut at line ends where they can be."""
    with file.open() as stream:
        head = stream.read(HEAD)
        if file.compression or len(head) < HEAD:
            return head
        size = os.fstat(stream.fileno()).st_size
        parts = [head]
        for part in range(1, PARTS + 1):
            stream.seek(max(HEAD, (size - PART) * part // PARTS))
            _, _, lines = stream.read(PART).partition(b"\n")
            parts.append(lines[: lines.rfind(b"\n") + 1])
    parts[0] = head[: head.rfind(b"\n") + 1] or head
    return b"".join(parts)


def find_encoding(file: TableFile, data: bytes) -> str:
    """The encoding of a file, by its mark, by trying UTF-8, else by what letters come out.

    Args:
        file: the table; its `format` goes first, and it is told what was found.
        data: a sample, see `sample`.

    Raises:
        TableError: for bytes that are no text of any known encoding.
    """
    if file.format.encoding is not None:
        given = file.format.encoding
        marked = codecs.lookup(given).name == "utf-8" and data.startswith(codecs.BOM_UTF8)
        return "utf-8-sig" if marked else given
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            if encoding != "utf-8-sig":
                file.note(f"encoding {encoding}, by its mark")
            return encoding
    if data[:4096].count(0) * 10 > len(data[:4096]):
        return _unmarked(file, data[:4096])
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        found = _by_letters(data)
        if found is None:
            raise file.error(
                "its bytes are no text of a known encoding; say which: `format: {encoding: ...}`"
            ) from None
        if found != "utf-8":
            words = ", ".join(telling_words(data.decode(found, "replace")))
            file.note(f"encoding {found}, by its letters{words and f': {words}'}")
        return found
    return "utf-8"


def _unmarked(file: TableFile, data: bytes) -> str:
    """UTF-16 without its mark, by where the zeros of its ASCII characters are."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if min(even, odd) * 10 > max(even, odd):
        raise file.error("it holds zero bytes, as no text does")
    found = "utf-16-be" if even > odd else "utf-16-le"
    file.note(f"encoding {found}, by its zeros")
    return found


def _by_letters(data: bytes) -> str | None:
    telling = [line for line in data.split(b"\n") if not line.isascii()]
    if 2 * sum(map(_is_utf8, telling)) > len(telling):
        # UTF-8 with some bytes of another: to read it as that would spoil the most of it.
        return "utf-8"
    return encoding_by_letters(data)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_encoding(file: TableFile, encoding: str) -> None:
    """Decodes the whole file.

    Raises:
        TableError: for the first byte that is not of the encoding, with its line.
    """
    line = 1
    try:
        for text in decoded(file, encoding):
            line += text.count("\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line += before.decode(encoding, "replace").count("\n")
        raise file.error(
            f"line {line} holds the byte 0x{error.object[error.start]:02x}, which is not "
            f"{encoding}; save the table as UTF-8, or say `format: {{encoding: ...}}`"
        ) from None


def decoded(file: TableFile, encoding: str) -> Iterator[str]:
    """The whole file as text, a block at a time."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with file.open() as stream:
        while block := stream.read(_BLOCK):
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)


def is_utf8(encoding: str) -> bool:
    """Whether Arrow reads the encoding as it is."""
    return codecs.lookup(encoding).name in _UTF8
