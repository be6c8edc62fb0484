"""Times of events as microseconds since 1970, whatever a table writes them as."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.events.month_names import in_english, tidy_format
from tfmm.data.events.time_formats import UnclearTimes, by_format, find_format
from tfmm.data.shop_file.specs import TimeSpec
from tfmm.data.tables import TableError, as_text, encode, objects

_DAY = 86_400_000_000
# The first of January 1970 as Excel counts days.
_EXCEL = 25_569
# Unix times of a median below the limit, and their microseconds; above all limits are nanoseconds.
_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
_FACTORS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
# Whole numbers that spell dates: the first and the last that is taken for one, and the format.
_SPELLED = (
    (1970_01_01, 2199_12_31, "%Y%m%d"),
    (1970_01_01_0000, 2199_12_31_2359, "%Y%m%d%H%M"),
    (1970_01_01_000000, 2199_12_31_235959, "%Y%m%d%H%M%S"),
)
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_OFFSET = r"(?:[Zz]|:\d{2}(?:\.\d+)? ?[+-]\d{2}(?::?\d{2})?)$"


@dataclass(frozen=True, eq=False)
class Times:
    """A column of times.

    Args:
        times: int64[n] microseconds since 1970 UTC, 0 where bad.
        bad: bool[n], where a time is unreadable, before 1970 or over a day in the future.
        notes: how they were read, where that had to be found out.
    """

    times: NDArray[np.int64]
    bad: NDArray[np.bool_]
    notes: list[str] = field(default_factory=list)


def parse_times(cells: pa.ChunkedArray, where: str, spec: TimeSpec | None = None) -> Times:
    """Times as microseconds since 1970 UTC.

    Read are times and dates of Parquet and of workbooks, ISO 8601 text, text of one other format,
    which the whole column decides, and numbers: whole numbers that spell dates (20200916), else
    unix time in the unit that the column's median suggests (seconds below 10^11, milliseconds below
    10^14, microseconds below 10^17, else nanoseconds). All cells are read in one way.

    ```python
    import pyarrow as pa

    from tfmm.data.events.times import parse_times

    read = parse_times(pa.chunked_array([["01/12/2023", "31/12/2023"]]), "events.csv, column 'at'")
    read.times, read.notes
    ```

    Args:
        cells: times of any of these forms.
        where: the file and column, for errors.
        spec: the format, the unit or the zone, where the shop file gives them.

    Raises:
        TableError: for cells that are lists or objects, and for a column that fits two formats.
    """
    spec = spec or TimeSpec()
    notes: list[str] = []
    kind = cells.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if spec.format is not None and (numeric or pa.types.is_string(kind)):
        times, bad = _given(as_text(cells, where), spec, notes)
    elif pa.types.is_string(kind):
        times, bad = _text_times(cells, where, spec, notes)
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # One with a zone is stored as UTC by Parquet.
        micro = cells.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        bad = micro.is_null().to_numpy()
        times = micro.cast(pa.int64()).fill_null(0).to_numpy()
        if getattr(kind, "tz", None) is None:
            times = _at_zone(times, spec)
    elif numeric or pa.types.is_null(kind):
        times, bad = _numbers(cells.cast(pa.float64()) if not numeric else cells, spec, notes)
    else:
        raise TableError(f"{where} holds {kind}; expected ISO 8601 text, times or unix time")
    bad = bad | (times < 0) | (times > clock.time() * 1e6 + _DAY)
    return Times(np.where(bad, 0, times), bad, notes)


def _given(
    texts: pa.ChunkedArray, spec: TimeSpec, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    codes, distinct = encode(pc.utf8_trim_whitespace(texts))
    format = str(spec.format)
    words = pd.Series(objects(distinct), dtype=object)
    read = by_format(words, format)
    if any(code in format for code in ("%b", "%B", "%a", "%A")) and not read.notna().any():
        words, language = in_english(words)
        notes += [f"names of months are {language}"] if language else []
        read = by_format(words, tidy_format(format))
    times, bad = _micro(read)
    if "%z" not in format and "%Z" not in format:
        times = _at_zone(times, spec)
    return np.append(times, 0)[codes], np.append(bad, True)[codes]


def _text_times(
    cells: pa.ChunkedArray, where: str, spec: TimeSpec, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    try:
        whole = pc.if_else(pc.equal(cells, ""), None, cells).cast(pa.int64())
        if not _eight_digits(cells, whole):
            return _numbers(whole, spec, notes)
    except pa.ArrowInvalid:
        pass
    codes, texts = encode(cells)
    # Databases write the zone in letters, which ISO 8601 has as one.
    texts = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(texts), r"(\d) ?(?:UTC|GMT)$", r"\1Z"
    )
    words = pd.Series(objects(texts), dtype=object)
    filled = int((words != "").sum())
    # Arrow looks at a text in a tenth of the time in which pandas reads a number.
    numeric = 2 * _count(texts, _NUMBER) >= max(filled, 1)
    numbers = pd.to_numeric(words, errors="coerce") if numeric else None
    if numbers is not None and not _eight_digits(cells, numbers):
        times, bad = _numbers(
            pa.chunked_array([pa.array(numbers.to_numpy(np.float64))]), spec, notes
        )
    elif spec.unit is not None:
        times, bad = np.zeros(len(words), np.int64), np.ones(len(words), bool)
    else:
        times, bad = _spelled_times(words, filled, where, spec, notes)
    return np.append(times, 0)[codes], np.append(bad, True)[codes]


def _count(texts: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def _eight_digits(cells: pa.ChunkedArray, numbers: Any) -> bool:
    """Whether texts are eight digits each, but in another order than year, month, day."""
    first = cells.slice(0, 1000).to_pylist()
    if not all(len(text or "") in (0, 8) for text in first) or not any(first):
        return False
    values = np.asarray(numbers.to_numpy(), np.float64)
    values = values[np.isfinite(values)]
    years = np.abs(values) // 10_000
    return bool(len(values)) and bool(((years < 1970) | (years > 2199)).mean() > 0.5)


def _spelled_times(
    words: pd.Series, filled: int, where: str, spec: TimeSpec, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """ISO 8601, or the one other format that fits more of the texts."""
    parsed = pd.to_datetime(words, format="ISO8601", utc=True, errors="coerce")
    fitting = int(parsed.notna().sum())
    found = _found(words, fitting, filled, where, notes) if fitting < filled else None
    if found is None:
        times, bad = _micro(parsed)
        if spec.zone is None:
            return times, bad
        offset = pc.match_substring_regex(pa.array(words, pa.string()), _OFFSET)
        naive = ~offset.to_numpy(zero_copy_only=False)
        return np.where(naive, _at_zone(times, spec), times), bad
    format, parsed = found
    notes.append(f"times are of the format {format!r}, which fits {fitting_share(parsed, filled)}")
    times, bad = _micro(parsed)
    zoned = "%z" in format or "%Z" in format
    return (times if zoned else _at_zone(times, spec)), bad


def fitting_share(parsed: pd.Series, filled: int) -> str:
    """How many distinct texts fit, in words."""
    count = int(parsed.notna().sum())
    return "all" if count == filled else f"{count:,} of {filled:,} distinct texts"


def _micro(parsed: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    bad = parsed.isna().to_numpy()
    return np.array(parsed.dt.tz_localize(None), dtype="datetime64[us]").astype(np.int64), bad


def _at_zone(times: NDArray[np.int64], spec: TimeSpec) -> NDArray[np.int64]:
    """Times of clocks in a zone as UTC; of an hour that a clock shows twice it is the first."""
    if spec.zone is None:
        return times
    local = pd.DatetimeIndex(times.astype("datetime64[us]"))
    first = np.ones(len(local), bool)
    zoned = local.tz_localize(spec.zone, ambiguous=first, nonexistent="shift_forward")
    return np.array(zoned.tz_convert(None), dtype="datetime64[us]").astype(np.int64)


def _numbers(
    cells: pa.ChunkedArray, spec: TimeSpec, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if pa.types.is_integer(cells.type):
        bad = cells.is_null().to_numpy()
        numbers = cells.cast(pa.int64()).fill_null(0).to_numpy()
    else:
        numbers = np.asarray(cells.cast(pa.float64()).fill_null(np.nan).to_numpy(), np.float64)
        bad = ~np.isfinite(numbers)
        numbers = np.where(bad, 0, numbers)
    good = numbers[~bad]
    if not len(good):
        return np.zeros(len(numbers), np.int64), bad
    # The lower median: a value that lies in the table and no far outlier can move.
    middle = float(np.partition(good, (len(good) - 1) // 2)[(len(good) - 1) // 2])
    if spec.unit is None:
        for low, high, format in _SPELLED:
            if low <= middle <= high:
                spelled, no_date = _spelled_numbers(numbers, bad, format)
                if no_date.sum() - bad.sum() <= len(good) // 2:
                    return _at_zone(spelled, spec), no_date
        if _are_days(good):
            notes.append("numbers are days from 1900 on, as Excel counts them")
            days = np.where(bad, 0, numbers) - _EXCEL
            # To the millisecond, which is as exact as they are.
            return _at_zone(np.round(days * _DAY / 1000).astype(np.int64) * 1000, spec), bad
    factor = next((factor for limit, factor in _UNITS if middle < limit), 1e-3)
    factor = factor if spec.unit is None else _FACTORS[spec.unit]
    bad = bad | (np.abs(numbers) > 2**62 / factor)
    good = np.where(bad, 0, numbers)
    return (good // 1000 if factor < 1 else np.round(good * factor)).astype(np.int64), bad


def _are_days(numbers: NDArray[Any]) -> bool:
    """Whether nearly all numbers are days of Excel's from 1970 to today; as seconds they would all
    be of one morning in 1970."""
    today = clock.time() * 1e6 / _DAY + _EXCEL + 1
    return bool(((numbers >= _EXCEL) & (numbers <= today)).mean() >= 0.95)


def _found(
    words: pd.Series, fitting: int, filled: int, where: str, notes: list[str]
) -> tuple[str, pd.Series] | None:
    """The format that more texts fit than ISO 8601, as they are or with their months in English."""
    found = unclear = None
    try:
        found = find_format(words, fitting + 1, where)
    except UnclearTimes as error:
        unclear = error
    most = fitting if found is None else int(found[1].notna().sum())
    named, language = in_english(words) if most < filled else (words, "")
    if language:
        try:
            translated = find_format(named, most + 1, where)
        except UnclearTimes as error:
            raise unclear or error from None
        if translated is not None:
            notes.append(f"names of months are {language}")
            return translated
    if unclear is not None:
        raise unclear
    return found


def _spelled_numbers(
    numbers: NDArray[Any], bad: NDArray[np.bool_], format: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    whole = np.where(np.abs(numbers) < 1e15, numbers, 0).astype(np.int64)
    distinct, codes = np.unique(whole, return_inverse=True)
    read = pd.to_datetime(pd.Series(distinct).astype(str), format=format, errors="coerce")
    times, no_date = _micro(read.dt.tz_localize("UTC"))
    return times[codes], no_date[codes] | bad | (whole != numbers)
