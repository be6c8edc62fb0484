"""A table's file: where it is, what it is called in messages, and how it is opened."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from tfmm.data.progress import Bar
from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.tables.errors import TableError

_COMPRESSED = (".gz", ".bz2")


#: Bytes of what a bar counts, and of a file that is worth one.
_MB, _LARGE = 10**6, 5 * 10**7


class _Counted:
    """An open file that tells a bar how far it was read."""

    def __init__(self, opened: IO[bytes], bar: Bar) -> None:
        self._opened, self._bar = opened, bar

    @property
    def closed(self) -> bool:
        return self._opened.closed

    def close(self) -> None:
        self._opened.close()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._opened.read(size)
        self._bar.advance(self._opened.tell() // _MB - self._bar.done)
        return data


@dataclass(frozen=True)
class TableFile:
    """A file that holds a table.

    Args:
        path: where it is.
        shown: what messages call it.
        source: the shop file's name, for errors.
        format: what the shop file says of its dialect.
        part: the sheet of a workbook, or the file of an archive, where one is named.
        notes: takes what was found out about it, for the report.
    """

    path: Path
    shown: str
    source: str
    format: FormatSpec = field(default_factory=FormatSpec)
    part: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def compression(self) -> str:
        """ ".gz" or ".bz2", or "" where the file is neither."""
        ending = self.path.suffix.lower()
        return ending if ending in _COMPRESSED else ""

    @property
    def ending(self) -> str:
        """The ending that says the format, in lower case: ".csv" of "a.CSV.gz"."""
        endings = [ending.lower() for ending in self.path.suffixes]
        if endings and endings[-1] in _COMPRESSED:
            endings.pop()
        return endings[-1] if endings else ""

    def open(self) -> IO[bytes]:
        """Its bytes, decompressed."""
        openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, "": open}
        opened: IO[bytes] = openers[self.compression](self.path, "rb")
        return opened

    @contextmanager
    def counted(self) -> Iterator[Any]:
        """What Arrow reads its bytes from, decompressed, with a bar where the file is large."""
        size = self.path.stat().st_size
        if size < _LARGE:
            yield self.path
            return
        with (
            self.path.open("rb") as opened,
            Bar(size // _MB, f"reading {self.shown}", unit="MB") as bar,
            pa.PythonFile(_Counted(opened, bar), "r") as source,
        ):
            if not self.compression:
                yield source
                return
            codec = {".gz": "gzip", ".bz2": "bz2"}[self.compression]
            with pa.CompressedInputStream(source, codec) as plain:
                yield plain

    def note(self, said: str) -> None:
        """Says once, in the report, what was found out about the file."""
        if said not in self.notes:
            self.notes.append(said)

    def error(self, reason: str) -> TableError:
        """An error that names the shop file and the table."""
        return TableError(f"{self.source}: cannot read {self.shown}: {reason}")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in quotes, the first few of many."""
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
