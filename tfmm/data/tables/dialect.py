"""The dialect of a delimited table: what parts its cells, and how they are quoted."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tfmm.data.tables.file import TableFile
from tfmm.data.tables.header import header_row, plain_name

#: What usually parts the cells of a file, by its ending.
USUAL = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".inter": "\t", ".psv": "|", ".txt": "\t"}
_DELIMITERS = (",", ";", "\t", "|", "^", "~")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# Excel's own first line.
_SEP = re.compile(r'"?sep=(.)"?;*\r?\n', re.IGNORECASE)
_LINES = 200


@dataclass(frozen=True)
class Dialect:
    """How a delimited table is written.

    Args:
        delimiter: what parts cells.
        quote: what encloses cells that hold a delimiter; "" where nothing does.
        escape: what stands before a quote that is part of a cell; "" where it is doubled.
        skip: lines before the header.
        spaced: whether spaces stand between a delimiter and a quote.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip: int = 0
    spaced: bool = False

    def __str__(self) -> str:
        parts = [f"delimiter {_NAMES.get(self.delimiter, repr(self.delimiter))}"]
        if self.quote != '"':
            parts.append(f"quote {self.quote}" if self.quote else "no quotes")
        if self.escape:
            parts.append(f"escape {self.escape}")
        if self.spaced:
            parts.append("spaces before quotes")
        return ", ".join(parts)


def find_dialect(file: TableFile, text: str, asked: Collection[str]) -> Dialect:
    """The dialect in which a sample has the columns asked for, and as many cells in every line.

    Args:
        file: the table; its `format` goes first, and it is told what is not as its ending says.
        text: the beginning of it.
        asked: the columns that are to be read.
    """
    usual = Dialect(USUAL.get(file.ending, ","))
    skip = 0
    delimiters: tuple[str, ...] = (usual.delimiter, *_DELIMITERS)
    if marked := _SEP.match(text):
        text, skip, delimiters = text[marked.end() :], 1, (marked[1],)
    if file.format.skip is not None:
        skip += file.format.skip
        text = "".join(text.splitlines(keepends=True)[file.format.skip :])
    if file.format.delimiter is not None:
        delimiters = (file.format.delimiter,)
    quotes = ['"', "", "'"] if file.format.quote is None else [file.format.quote]
    escapes = ["", "\\"] if '\\"' in text or "\\'" in text else [""]
    tried = [
        Dialect(delimiter, quote, escape if quote else "", skip, spaced)
        for quote in quotes
        for escape in escapes
        for delimiter in dict.fromkeys(delimiters)
        for spaced in ((False, True) if quote and f"{delimiter} {quote}" in text else (False,))
    ]
    # The first of equals: the usual delimiter with the usual quotes.
    given = file.format.header
    best = max(dict.fromkeys(tried), key=lambda dialect: _fit(text, dialect, asked, given))
    if best != replace(usual, skip=best.skip):
        file.note(str(best))
    if file.format.skip is not None or given is not None:
        return best
    above = _above(text, best, asked)
    if above:
        first = next(line.strip() for line in text.splitlines() if line.strip())
        file.note(f"{above} lines above the columns' names are left out, the first {first[:40]!r}")
    return replace(best, skip=best.skip + above)


def _above(text: str, dialect: Dialect, asked: Collection[str]) -> int:
    """Lines above the row of names, blank ones too."""
    left = header_row(_some_rows(text, dialect)[0], asked)
    rows = rows_of(text.splitlines(keepends=True), dialect)
    lines = 0
    for row in rows if left else ():
        if row and not left:
            return lines
        left -= bool(row)
        lines = rows.line_num
    return 0


def _fit(
    text: str, dialect: Dialect, asked: Collection[str], given: Iterable[str] | None = None
) -> tuple[float, ...]:
    rows, sloppy = _some_rows(text, dialect)
    if not rows:
        return (0, 0, 0)
    above = 0 if given is not None else header_row(rows, asked)
    rows = rows[above:] if given is None else [list(given), *rows]
    header = {plain_name(name) for name in rows[0]}
    found = sum(plain_name(name) in header for name in asked)
    even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    # One column fits every delimiter that the file lacks, so width tells only beside evenness.
    return (found, even * (len(rows[0]) > 1), even, -above, -sloppy, -_stray(rows, dialect))


def _some_rows(text: str, dialect: Dialect) -> tuple[list[list[str]], bool]:
    """The rows of a sample, and whether their quotes are not as strict as they should be."""
    rows = _rows(text, dialect, strict=True)
    return (rows, False) if rows else (_rows(text, dialect, strict=False), True)


def _stray(rows: list[list[str]], dialect: Dialect) -> float:
    """The share of cells that keep quotes around them, which another quote would take off."""
    cells = [cell for row in rows for cell in row if len(cell) > 1]
    other = {'"': "'", "'": '"'}.get(dialect.quote, "\"'")
    kept = sum(cell[0] in other and cell[0] == cell[-1] for cell in cells)
    return kept / len(cells) if kept * 2 > len(cells) else 0.0


def _rows(text: str, dialect: Dialect, *, strict: bool) -> list[list[str]]:
    """The rows of a sample but the last, which may be cut short; blank ones left out.

    None where it is `strict` and something follows a closing quote: an inch sign, say.
    """
    rows: list[list[str]] = []
    try:
        for row in rows_of(text.splitlines(keepends=True), dialect, strict=strict):
            rows += [row] if row else []
            if len(rows) > _LINES:
                break
    except csv.Error:  # a quote in the wrong place, or a cell that does not end
        return []
    return rows[:-1] if len(rows) > 2 else rows


def rows_of(lines: Iterable[str], dialect: Dialect, *, strict: bool = False) -> Any:
    """A reader of the cells of every row, those of blank lines too."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        skipinitialspace=dialect.spaced,
        strict=strict,
    )
