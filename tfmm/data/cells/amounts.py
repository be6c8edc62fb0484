"""Numbers and money as people write them: the whole column decides what its marks mean."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.cells.currencies import COMMA_PARTS, WHOLE, currency, named_alike
from tfmm.data.tables import as_numbers, encode

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|infinity|nan)", re.I)
# "1.299": a decimal mark, or one that parts thousands.
_EITHER = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"
_BODY = re.compile(r"\d[\d.,' ]*\d|\d|[.,]\d+")
_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "`": "'", "´": "'"})
_SLICE = 1 << 16
#: What to do about numbers that could be either.
UNCLEAR = 'say which mark is the decimal one: `format: {decimal: ","}` beside `table`'


@dataclass(frozen=True, eq=False)
class Amounts:
    """A column of numbers.

    Args:
        values: float64[n], NaN where a cell is empty or no number.
        unclear: bool[n], whether a mark could part decimals or thousands, and nothing decides; NaN
            there.
        foreign: bool[n], whether it is in another currency than most of the column.
        currencies: how many cells name each currency.
        notes: how they were read, where that had to be found out.
    """

    values: NDArray[np.float64]
    unclear: NDArray[np.bool_]
    foreign: NDArray[np.bool_]
    currencies: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Written:
    """A number as it is written: its digits and marks, and what it is said in."""

    sign: str
    body: str
    currency: str


def parse_amounts(cells: pa.ChunkedArray, where: str, decimal: str | None = None) -> Amounts:
    """The numbers of a column: `€ 1.234,56`, `$1,299.00`, `1 299,00 €`, `¥12,800`, `12.50 USD`.

    A mark that stands last after another kind, or not before exactly three digits, is the decimal
    mark; one that stands twice parts thousands. What one cell says so holds for the column.

    ```python
    import pyarrow as pa

    from tfmm.data.cells.amounts import parse_amounts

    read = parse_amounts(pa.chunked_array([["€ 1.234,56", "2.500"]]), "items.csv, column 'price'")
    read.values, read.notes
    ```

    Args:
        cells: texts, or numbers of any type.
        where: the file and column, for errors.
        decimal: the decimal mark, "." or ",", where the shop file gives it.

    Raises:
        TableError: for cells that are lists, objects or times.
    """
    n = len(cells)
    if not pa.types.is_string(cells.type):
        return Amounts(as_numbers(cells, where), np.zeros(n, bool), np.zeros(n, bool))
    if decimal != ",":
        try:
            plain = pc.if_else(pc.equal(cells, ""), None, cells).cast(pa.float64())
            if decimal == "." or not _either(cells):
                values = np.asarray(plain.to_numpy(), np.float64)
                return Amounts(values, np.zeros(n, bool), np.zeros(n, bool))
        except pa.ArrowInvalid:
            pass
    codes, texts = encode(cells)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    return _of_texts(texts.to_pylist(), codes, counts, decimal)


def _either(cells: pa.ChunkedArray) -> bool:
    """Whether all dots of plain numbers could part thousands as well."""
    dotted = False
    for start in range(0, len(cells), _SLICE):
        some = cells.slice(start, _SLICE)
        dots = pc.fill_null(pc.match_substring(some, "."), False)
        both = pc.fill_null(pc.match_substring_regex(some, _EITHER), False)
        if pc.any(pc.and_not(dots, both)).as_py():
            return False
        dotted = dotted or bool(pc.any(dots).as_py())
    return dotted


def _of_texts(
    texts: list[str], codes: NDArray[np.int32], counts: NDArray[np.int64], decimal: str | None
) -> Amounts:
    written = [_written(text) for text in texts]
    notes: list[str] = []
    shown = {mark for one in written if one is not None and (mark := _decimal(one))}
    if decimal is None and len(shown) == 1:
        (decimal,) = shown
        if decimal == ",":
            notes.append("numbers have a decimal comma")
    values = np.full(len(texts) + 1, np.nan)
    unclear = np.zeros(len(texts) + 1, bool)
    money: Counter[str] = Counter()
    for code, one in enumerate(written):
        if one is None:
            continue
        if one.currency:
            money[one.currency] += int(counts[code])
        mark = _decimal(one) if decimal is None else decimal
        if mark == "" and any(mark in one.body for mark in ".,"):
            unclear[code] = True
        else:
            values[code] = _value(one, mark or ".")
    alike = named_alike(money)
    called: Counter[str] = Counter()
    for name, count in money.items():
        called[alike[name]] += count
    foreign = np.zeros(len(texts) + 1, bool)
    if called:
        most = called.most_common(1)[0][0]
        notes.append(f"amounts of {' and '.join(called)} are read as numbers")
        foreign[:-1] = [
            bool(one and one.currency and alike[one.currency] != most) for one in written
        ]
    return Amounts(values[codes], unclear[codes], foreign[codes], dict(called), notes)


def _written(text: str) -> _Written | None:
    """A text taken apart; None where it is no number."""
    plain = text.strip()
    if _PLAIN.fullmatch(plain):
        sign = "-" if plain.startswith("-") else ""
        return _Written(sign, plain.lstrip("+-"), "")
    line = " ".join(unicodedata.normalize("NFKC", text).translate(_SIGNS).split())
    negative = line.startswith("(") and line.endswith(")")
    line = line[1:-1] if negative else line
    # "12,-" and "12.–" are whole amounts.
    line = re.sub(r"(?<=\d)[.,]-+", "", line)
    body = _BODY.search(line)
    if body is None:
        return None
    around = [line[: body.start()].strip(), line[body.end() :].strip()]
    minus = [part for part in around if part.startswith("-") or part.endswith("-")]
    signs = [part.strip("+- ").strip() for part in around]
    named = [currency(sign) for sign in signs if sign]
    if len(minus) > 1 or len(named) > 2 or None in named or len(set(named)) > 1:
        return None
    return _Written(
        "-" if negative or minus else "", body[0].strip(), str(named[0]) if named else ""
    )


def _decimal(one: _Written) -> str:
    """The decimal mark that a number shows; "" where it shows none."""
    body = one.body
    if _PLAIN.fullmatch(body) and not body.isdigit() and not re.fullmatch(_EITHER, body):
        return "." if "." in body else ""
    marks = [mark for mark in body if mark in ".,"]
    if not marks:
        return ""
    last, other = marks[-1], "." if marks[-1] == "," else ","
    if len(set(marks)) == 2:
        return last if marks.count(last) == 1 else ""
    if len(marks) > 1:
        return other
    before, after = re.split("[.,]", body)
    if len(after) != 3 or not 1 <= len(before) <= 3 or before.startswith("0"):
        return last
    if one.currency in WHOLE or (last == "," and one.currency in COMMA_PARTS):
        return other
    return ""


def _value(one: _Written, decimal: str) -> float:
    """The number that is written; NaN where its marks are in the wrong places."""
    body = one.body
    if decimal == "." and _PLAIN.fullmatch(body):
        return float(one.sign + body)
    whole, mark, decimals = body.partition(decimal)
    thousands = {mark for mark in whole if not mark.isdigit()}
    groups = re.split(r"[.,' ]", whole)
    if len(thousands) > 1 or decimal in decimals or not (decimals.isdigit() or not mark):
        return float("nan")
    # Groups are of three digits, those of lakhs of two with three at the end.
    inner = {len(group) for group in groups[1:-1]}
    if len(groups) > 1 and (
        len(groups[-1]) != 3
        or not (inner <= {3} or (inner == {2} and thousands == {","}))
        or not 1 <= len(groups[0]) <= 3
    ):
        return float("nan")
    if not (whole or decimals) or not all(group.isdigit() for group in groups if whole):
        return float("nan")
    return float(f"{one.sign}{''.join(groups) or '0'}.{decimals or '0'}")
