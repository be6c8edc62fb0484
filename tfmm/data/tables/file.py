"""A table's file: where it is, what it is called in messages, and how it is opened."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.tables.errors import TableError

_COMPRESSED = (".gz", ".bz2")


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
