"""Decoding files in threads while a network works on those before."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
#: Batches that are decoded ahead.
AHEAD = 3


class Decoding(Generic[T]):
    """Decodes the first usable file of each row of a column, a batch of rows at a time.

    Args:
        decode: a file to a value.
        error: what `decode` raises where a file does not decode.
        unit: what the files hold ("images"), for the warning that tells how many do not decode.
    """

    def __init__(self, decode: Callable[[Path], T], error: type[Exception], unit: str) -> None:
        self.decode, self.error, self.unit = decode, error, unit

    def batches(
        self, paths: Sequence[Sequence[Path]], rows: NDArray[np.int64], size: int
    ) -> Iterator[tuple[NDArray[np.int64], list[T]]]:
        """Yields row numbers `[b]`, b <= `size`, and their values; rows without one are left out.

        Args:
            paths: the files of every row.
            rows: the rows to decode.
            size: rows of a batch.
        """
        problems: list[str] = []

        def first(row: int) -> list[T]:
            for path in paths[row]:
                try:
                    return [self.decode(path)]
                except self.error as error:
                    problems.append(str(error))
            return []

        starts = deque(range(0, len(rows), size))
        waiting: deque[tuple[NDArray[np.int64], list[Future[list[T]]]]] = deque()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            while starts or waiting:
                while starts and len(waiting) < AHEAD:
                    start = starts.popleft()
                    part = rows[start : start + size]
                    waiting.append((part, [pool.submit(first, row) for row in part.tolist()]))
                part, futures = waiting.popleft()
                found = [future.result() for future in futures]
                there = np.array([bool(value) for value in found], bool)
                if there.any():
                    yield part[there], [value[0] for value in found if value]
        if problems:
            warnings.warn(
                f"{len(problems)} {self.unit} do not decode and count as missing, such as: "
                f"{problems[0]}",
                stacklevel=2,
            )
