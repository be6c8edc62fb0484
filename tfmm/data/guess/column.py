"""What a sample of a column's cells shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.cells.amounts import parse_amounts
from tfmm.data.cells.ids import NO_ID, tidy_ids
from tfmm.data.events.time_formats import UnclearTimes
from tfmm.data.events.times import parse_times
from tfmm.data.fetch.spelling import is_address, whole_names
from tfmm.data.guess.words import says
from tfmm.data.tables import TableError, as_text, encode, objects

#: Distinct values that are parsed as numbers and times.
_PARSED = 2000
#: What names of files end in, by the kind of feature that they are.
MEDIA_ENDINGS = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"),
    "audio": (".wav", ".flac", ".ogg", ".mp3"),
    "video": (".mp4", ".webm", ".mkv", ".mov", ".avi"),
}
FLAGS = frozenset({"0", "1", "0.0", "1.0", "true", "false", "True", "False", "TRUE", "FALSE"})
# Unix times from 1990 on, in seconds to nanoseconds, dates spelled as numbers, Excel's days.
_EPOCHS = ((6e8, 5e9), (6e11, 5e12), (6e14, 5e15), (6e17, 5e18), (1.99e7, 2.1e7), (1.99e11, 2.1e11))
_EXCEL_DAYS = (32_874.0, 60_000.0)


@dataclass(frozen=True, eq=False)
class Column:
    """A column by a sample of its cells.

    Args:
        name: its name.
        cells: the cells as they are read.
        values: the distinct filled ones as text, without white space around them; those within
            lists where cells are lists.
        counts: int64, how often each occurs.
        where: the table, for errors.
    """

    name: str
    cells: pa.ChunkedArray
    values: pa.Array
    counts: NDArray[np.int64]
    where: str

    @classmethod
    def of(cls, name: str, cells: pa.ChunkedArray, table: str) -> Column:
        """What a column holds."""
        where = f"{table}, column {name!r}"
        flat = pc.list_flatten(cells) if pa.types.is_list(cells.type) else cells
        try:
            codes, texts = encode(as_text(flat, where))
        except TableError:
            return cls(name, cells, pa.array([], pa.string()), np.zeros(0, np.int64), where)
        tidy = tidy_ids(texts).ids
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        kept = ~pc.is_in(tidy, value_set=pa.array(NO_ID)).to_numpy(zero_copy_only=False)
        merged, distinct = encode(pa.chunked_array([tidy.filter(pa.array(kept))]))
        total = np.bincount(merged, counts[kept], len(distinct)).astype(np.int64)
        return cls(name, cells, distinct, total, where)

    @property
    def rows(self) -> int:
        return len(self.cells)

    @cached_property
    def filled(self) -> int:
        """Cells that hold something."""
        if self.lists:
            return int(
                pc.sum(pc.fill_null(pc.greater(pc.list_value_length(self.cells), 0), 0)).as_py()
            )
        return int(self.counts.sum())

    @property
    def lists(self) -> bool:
        """Whether its cells are lists."""
        return pa.types.is_list(self.cells.type)

    @property
    def distinct(self) -> int:
        return len(self.values)

    @cached_property
    def texts(self) -> list[str]:
        """The first distinct values."""
        return [str(text) for text in objects(self.values[:_PARSED])]

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The first distinct values as numbers, NaN where one is none."""
        some = pa.chunked_array([self.values[:_PARSED]])
        read = parse_amounts(some, self.where)
        return np.where(read.unclear, 0.0, read.values)

    @cached_property
    def is_number(self) -> bool:
        return bool(self.distinct) and bool(np.isfinite(self.numbers).mean() >= 0.95)

    @cached_property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        good = self.numbers[np.isfinite(self.numbers)]
        return self.is_number and bool((good == np.floor(good)).all())

    @cached_property
    def time(self) -> dict[str, str] | None:
        """How a shop file says this column of times; None where it is none."""
        if not self.distinct or self.lists:
            return None
        if pa.types.is_temporal(self.cells.type):
            return {"column": self.name}
        plain = np.abs(self.numbers[np.isfinite(self.numbers)])
        if self.is_number:
            spans = any(
                ((plain >= low) & (plain <= high)).mean() > 0.9
                for low, high in (*_EPOCHS, _EXCEL_DAYS)
            )
            if not (spans and says(self.name, "time")):
                return None
        try:
            read = parse_times(pa.chunked_array([self.values[:_PARSED]]), self.where)
        except UnclearTimes as error:
            return {"column": self.name, "format": error.formats[0]}
        except (TableError, pa.ArrowException, ValueError, OverflowError):
            return None
        return {"column": self.name} if read.bad.mean() <= 0.1 else None

    @cached_property
    def is_flag(self) -> bool:
        """Whether its values are 0 and 1."""
        return 1 <= self.distinct <= 4 and set(self.texts) <= FLAGS

    @cached_property
    def is_key(self) -> bool:
        """Whether it tells nearly all rows apart."""
        return (
            not self.lists
            and self.filled >= 0.98 * self.rows
            and self.distinct >= 0.95 * self.rows
            and self.could_be_id
        )

    @cached_property
    def could_be_id(self) -> bool:
        """Whether its values are short and no decimals, times or prose."""
        if self.lists or self.distinct < 2 or self.time is not None or self.media:
            return False
        if self.is_number and not self.is_whole:
            return False
        return self.length <= 64 and (self.words < 2 or says(self.name, "id"))

    @cached_property
    def addresses(self) -> list[str]:
        """Those that most values are, several in a cell among them; none where they are others."""
        held = sum(is_address(text) for text in self.texts)
        if held <= 0.5 * len(self.texts):
            return []
        return [name for text in self.texts for name in whole_names([text], "|")]

    @cached_property
    def media(self) -> str:
        """The kind of files that most values name; "" where they name none."""
        # What stands behind a question mark is no part of a file's name.
        names = [urlsplit(name).path for name in self.addresses] or self.texts
        for kind, endings in MEDIA_ENDINGS.items():
            if sum(name.lower().endswith(endings) for name in names) > 0.5 * len(names):
                return kind
        return "image" if self.addresses and says(self.name, "picture") else ""

    @property
    def shared(self) -> float:
        """The share of its filled rows whose value another row has too."""
        return 1.0 - float((self.counts == 1).sum()) / max(self.filled, 1)

    @cached_property
    def length(self) -> float:
        return float(np.mean([len(text) for text in self.texts])) if self.texts else 0.0

    @cached_property
    def words(self) -> float:
        """How many words a value has; ten letters of a script without spaces count as four."""
        counted = [max(len(text.split()), _wide(text) / 2.5) for text in self.texts]
        return float(np.mean(counted)) if counted else 0.0

    def share_in(self, other: Column) -> float:
        """The share of its distinct values that another column has too."""
        if not self.distinct or not other.distinct:
            return 0.0
        found: Any = pc.sum(pc.is_in(self.values, value_set=other.values)).as_py()
        return found / self.distinct

    def seen(self) -> str:
        """What was seen of it, in words."""
        most = str(self.values[int(self.counts.argmax())]) if self.distinct else ""
        often = f", most often {short(most)}" if 1 < self.distinct < self.filled else ""
        return f"{self.distinct:,} values in {self.filled:,} of {self.rows:,} rows{often}"


def short(text: str, width: int = 30) -> str:
    """A value in quotes, on one line."""
    line = " ".join(text.split())
    return repr(line if len(line) <= width else line[: width - 1] + "…")


def _wide(text: str) -> int:
    return sum("\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in text)
