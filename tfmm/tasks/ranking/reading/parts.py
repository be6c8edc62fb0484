"""Parts of ranking: which events are learned from, chosen on and tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.examples import Examples
from tfmm.data.events.parts import SplitError
from tfmm.data.events.splits import instant
from tfmm.tasks.base import RowParts
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.config import SplitConfig


class EventParts(RowParts):
    """`Parts` that are events by place, int64, ascending, none in two of them."""


def parts_of(examples: Examples, values: NDArray[np.float32], config: SplitConfig) -> EventParts:
    """The parts of those events that say any label.

    Raises:
        RunFileError: what the split needs is not there, or nothing is left to train on.
    """
    rows = np.flatnonzero(np.isfinite(values).any(axis=1))
    by = config.by or ("random" if examples.time is None else "time")
    if by == "time":
        part = _by_time(examples, rows, config)
    elif by == "column":
        part = _by_column(examples, rows, config)
    else:
        if config.until is not None:
            raise RunFileError("`split.until` has no meaning in a split that is not by time.")
        part = _at_random(rows, _share("valid", config.valid), _share("test", config.test), config)
    train, valid, test = (rows[part == number] for number in range(3))
    if not len(train) or not len(test):
        raise RunFileError(
            f"The split by {by!r} leaves {len(train):,} events to train on and {len(test):,} for "
            f"the test, of {len(rows):,} that say a label. Give other shares, instants or values."
        )
    return EventParts(train, valid, test, config.refit)


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise RunFileError(f"`split.{name}` must be a share from 0 to below 1, got {value!r}.")
    return float(value)


def _at_random(
    rows: NDArray[np.int64], valid: float, test: float, config: SplitConfig
) -> NDArray[np.int8]:
    draw = np.random.default_rng(config.seed).random(len(rows))
    return np.where(draw < test, 2, np.where(draw < test + valid, 1, 0)).astype(np.int8)


def _by_time(examples: Examples, rows: NDArray[np.int64], config: SplitConfig) -> NDArray[np.int8]:
    if examples.time is None:
        raise RunFileError(
            "`split.by` is time, but the events have no times: name the `time` column under "
            "`events` in the shop file, or use `by: random`."
        )
    time = examples.time[rows]
    before = np.ones(len(rows), bool)
    if config.until is not None:
        before = time < _instant("until", config.until)
    kept = np.sort(time[before])
    if not len(kept):
        raise RunFileError(f"No event is earlier than `split.until`, {config.until!r}.")
    numbers = [isinstance(v, (int, float)) for v in (config.valid, config.test)]
    if all(numbers):
        valid, test = _share("valid", config.valid), _share("test", config.test)
        # Events of one instant stay together, in the later part.
        first = [kept[min(int(len(kept) * (1 - s)), len(kept) - 1)] for s in (valid + test, test)]
    elif not any(numbers):
        first = [_instant("valid", config.valid), _instant("test", config.test)]
    else:
        raise RunFileError(
            "`split.valid` and `split.test` must both be shares or both be instants, got "
            f"{config.valid!r} and {config.test!r}."
        )
    part = (time >= first[0]).astype(np.int8) + (time >= first[1]).astype(np.int8)
    return np.where(before, part, -1).astype(np.int8)


def _instant(name: str, value: Any) -> int:
    try:
        return instant(name, value)
    except SplitError as error:
        raise RunFileError(f"`split`: {error}") from error


def _by_column(
    examples: Examples, rows: NDArray[np.int64], config: SplitConfig
) -> NDArray[np.int8]:
    if config.column is None or config.column not in examples.extra:
        raise RunFileError(
            "`split.column` must name a column of the events table for `by: column`, got "
            f"{config.column!r}."
        )
    values = np.array([str(one) for one in examples.extra[config.column][rows]], object)
    found = set(values.tolist())

    def has(name: str, value: Any) -> NDArray[np.bool_]:
        asked = [str(one) for one in (value if isinstance(value, (list, tuple)) else [value])]
        for one in asked:
            if one not in found:
                raise RunFileError(
                    f"`split.{name}` is {one!r}, which the column {config.column!r} never says; "
                    f"it says {', '.join(sorted(found)[:5])}."
                )
        return np.isin(values, asked)

    part = np.full(len(rows), -1, np.int8)
    part[slice(None) if config.train is None else has("train", config.train)] = 0
    part[has("test", config.test)] = 2
    if isinstance(config.valid, float):
        share = _share("valid", config.valid)
        drawn = np.random.default_rng(config.seed).random(len(rows)) < share
        part[(part == 0) & drawn] = 1
    else:
        part[has("valid", config.valid)] = 1
    return part
