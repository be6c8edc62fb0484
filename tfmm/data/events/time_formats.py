"""The format of a column of times: found over the whole column, one for all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.data.tables import TableError

#: Distinct texts that candidates are made from.
_SAMPLE = 300
_CLOCK = re.compile(
    r"(?<!\d)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<fraction>\.\d{1,9})?"
    r"(?P<half> ?[AaPp][Mm]\b)?(?P<zone> ?(?:Z\b|[+-]\d{2}:?\d{2}))?(?P<named> (?:UTC|GMT)\b)?"
)
_PART = re.compile(r"\d+|[^\W\d_]+")
_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_WORDS = {
    **{name[:3]: "%a" for name in _DAYS.split()},
    **dict.fromkeys(_DAYS.split(), "%A"),
    **dict.fromkeys(_MONTHS.split(), "%B"),
    **{name[:3]: "%b" for name in _MONTHS.split()},
}
#: What stands between the numbers of dates in some languages.
_LITERAL = {"t", "年", "月", "日"}
_ORDERS = {
    (True, False, False): ("%Y %m %d",),
    (False, False, True): ("%d %m %Y", "%m %d %Y"),
    (False, False, False): ("%d %m %y", "%m %d %y", "%y %m %d"),
    # Beside a month's name.
    (True, False): ("%Y %d",),
    (False, True): ("%d %Y",),
    (False, False): ("%d %y", "%y %d"),
}


class UnclearTimes(TableError):
    """Times that fit two formats, of which no cell decides.

    Args:
        said: the message.
        formats: both.
    """

    def __init__(self, said: str, formats: tuple[str, str]) -> None:
        super().__init__(said)
        self.formats = formats


def find_format(words: pd.Series, enough: int, where: str) -> tuple[str, pd.Series] | None:
    """The one format that most of a column's distinct texts fit.

    Args:
        words: the texts.
        enough: how many must fit, at least.
        where: the file and column, for errors.

    Returns:
        The format and the texts' times, NaT where one does not fit; None where no format fits
        enough of them.

    Raises:
        UnclearTimes: where two formats fit as many, and do not give the same times.
    """
    filled = words[words != ""]
    some = filled.iloc[:: max(len(filled) // _SAMPLE, 1)]
    formats = dict.fromkeys(format for word in some for format in _formats(str(word)))
    read = {format: by_format(words, format) for format in formats}
    # A reading by which events have yet to happen is no reading.
    latest = pd.Timestamp.now("UTC") + pd.Timedelta(days=1)
    counts = {format: int((times <= latest).sum()) for format, times in read.items()}
    most = max(counts.values(), default=0)
    if most < max(enough, 1):
        return None
    best, *others = [format for format, count in counts.items() if count == most]
    for other in others:
        differ = _differ(read[best], read[other])
        if differ.any():
            said = _asked(words, best, other, read[best], read[other], differ, where)
            raise UnclearTimes(said, (best, other))
    return best, read[best]


def by_format(words: pd.Series, format: str) -> pd.Series:
    """Times of one format, as UTC where it has no zone; NaT where a text does not fit."""
    try:
        return pd.to_datetime(words, format=format, errors="coerce", utc=True)
    except (ValueError, OverflowError):
        return pd.Series(pd.NaT, index=words.index, dtype="datetime64[ns, UTC]")


def _differ(one: pd.Series, other: pd.Series) -> NDArray[np.bool_]:
    same = (one == other) | (one.isna() & other.isna())
    return ~same.to_numpy()


def _asked(
    words: pd.Series,
    best: str,
    other: str,
    one: pd.Series,
    two: pd.Series,
    differ: NDArray[np.bool_],
    where: str,
) -> str:
    shown = []
    for place in np.flatnonzero(differ)[:3]:
        readings = [
            "no time" if pd.isna(times.iloc[place]) else str(times.iloc[place].date())
            for times in (one, two)
        ]
        shown.append(f"{words.iloc[place]!r} is {readings[0]} or {readings[1]}")
    return (
        f"{where} fits two formats, {best!r} and {other!r}, and no cell decides: "
        f"{'; '.join(shown)}. Say which in the shop file: `time: {{column: ..., format: "
        f'"{best}"}}`'
    )


def _formats(word: str) -> Iterator[str]:
    """Every format that a text could be in."""
    clock = _CLOCK.search(word)
    if clock is None:
        yield from _dates(word)
        return
    before, after = word[: clock.start()], word[clock.end() :]
    hours = "%I:%M" if clock["half"] else "%H:%M"
    time = hours + (":%S" if clock["second"] else "") + (".%f" if clock["fraction"] else "")
    if clock["half"]:
        time += " %p" if clock["half"].startswith(" ") else "%p"
    if clock["zone"]:
        time += " %z" if clock["zone"].startswith(" ") else "%z"
    time += " %Z" if clock["named"] else ""
    # What no date has stands for the time, which may be in the middle of one.
    for date in _dates(f"{before}\x00{after}"):
        yield date.replace("\x00", time)


def _dates(text: str) -> Iterator[str]:
    parts = _PART.findall(text)
    if "%" in text or not parts:
        return
    words = [part.lower() for part in parts if not part.isdigit()]
    if any(word not in _WORDS and word not in _LITERAL for word in words):
        return
    numbers = [part for part in parts if part.isdigit()]
    if len(numbers) == 1 and len(numbers[0]) == 8:
        orders: Sequence[str] = ("%Y%m%d", "%d%m%Y", "%m%d%Y")
    elif any(len(number) not in (1, 2, 4) for number in numbers):
        return
    else:
        orders = _ORDERS.get(tuple(len(number) == 4 for number in numbers), ())
    named = any(_WORDS.get(word) in ("%b", "%B") for word in words)
    if len(numbers) != (1 if len(numbers) == 1 else 2 if named else 3):
        return
    for order in orders:
        yield _coded(text, order.split())


def _coded(text: str, codes: list[str]) -> str:
    """A date's text with codes in the place of its numbers and names."""
    left = iter(codes)

    def code(part: re.Match[str]) -> str:
        return next(left) if part[0].isdigit() else _WORDS.get(part[0].lower(), part[0])

    return _PART.sub(code, text)
