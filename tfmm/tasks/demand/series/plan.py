"""A table of what is planned: prices and promotions of past periods and of those to come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.cells.amounts import parse_amounts
from tfmm.data.cells.ids import tidy_ids
from tfmm.data.tables import as_text, read_table
from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.config import PlanConfig
from tfmm.tasks.demand.series.periods import Every, period_of

#: How far a planned number may lie from its mean, as a multiple.
MOST = 3.0


@dataclass(frozen=True, eq=False)
class Plan:
    """What is planned of each series and period.

    Attributes:
        names: K columns.
        values: float32 `[N, T + H, K]`, as the network reads them.
        means: float32 `[N, K]`, what a number is told in relation to; NaN for columns that lie from
            0 to 1, which are told as they are.
        unknown: rows of series or periods that there are not.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    means: NDArray[np.float32]
    unknown: int = 0

    @classmethod
    def none(cls, series: int, periods: int) -> Plan:
        """Nothing is planned."""
        return cls(
            (), np.empty((series, periods, 0), np.float32), np.empty((series, 0), np.float32)
        )


def read_plan(config: PlanConfig, catalog: Catalog, every: Every, first: int, periods: int) -> Plan:
    """Reads the table that a run file names.

    A period has the mean of its rows; one without a row what was told last, and before the first
    row what the series has on average.

    Args:
        config: the table and its columns.
        catalog: what the series are.
        every: length of a period.
        first: the number of the first.
        periods: how many, with those to come.

    Raises:
        RunFileError: the table cannot be used; the message names the column.
        TableError: it cannot be read.
    """
    where = f"`futures.plan`: {config.table}, column"
    keys = {"series": config.series, "time": config.time}
    asked = {column: f"futures.plan.{key}" for key, column in keys.items()}
    asked |= dict.fromkeys(config.columns, "futures.plan.columns")
    table = read_table(Path(config.table), asked, "the run file").table
    ids = as_text(table.column(config.series), f"{where} {config.series!r}")
    tidy = tidy_ids(pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], pa.string()))
    row = catalog.rows(np.array(tidy.ids.to_pylist(), object)).astype(np.int64)
    times = table.column(config.time).to_pylist()
    told = pd.to_datetime(pd.Series(times, dtype=object), errors="coerce", utc=True, format="mixed")
    if told.isna().any():
        bad = int(np.flatnonzero(told.isna())[0])
        raise RunFileError(
            f"{where} {config.time!r}, row {bad + 1}: {times[bad]!r} is no ISO time."
        )
    micros = told.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    at = period_of(micros, every) - first
    kept = (row >= 0) & (at >= 0) & (at < periods)
    if not kept.any():
        raise RunFileError(
            f"`futures.plan`: no row of {config.table} is of a series and a period of the log; its "
            f"{config.series!r} look like {ids[0].as_py()!r}, those of the shop like "
            f"{catalog.ids[0]!r}."
        )
    columns, means = [], []
    for name in config.columns:
        values = parse_amounts(table.column(name), f"{where} {name!r}").values
        there = kept & np.isfinite(values)
        if not there.any():
            raise RunFileError(f"{where} {name!r} holds no number.")
        made, mean = _filled(row[there], at[there], values[there], len(catalog), periods)
        flag = values[there].min() >= 0 and values[there].max() <= 1
        relative = mean[:, None] if not flag else np.full((len(catalog), 1), np.nan)
        columns.append(made if flag else _relative(made, relative))
        means.append(relative[:, 0])
    return Plan(
        tuple(config.columns),
        np.stack(columns, axis=-1).astype(np.float32),
        np.stack(means, axis=-1).astype(np.float32),
        int((~kept).sum()),
    )


def _filled(
    row: NDArray[np.int64],
    at: NDArray[np.int64],
    values: NDArray[np.float64],
    count: int,
    periods: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values `[N, T]` without gaps, and the mean of each series `[N]`."""
    cell = row * periods + at
    number = np.bincount(cell, minlength=count * periods).reshape(count, periods)
    total = np.bincount(cell, values, minlength=count * periods).reshape(count, periods)
    told = number > 0
    cells = total / np.maximum(number, 1)
    mean = np.where(
        told.any(axis=1),
        cells.sum(axis=1, where=told) / np.maximum(told.sum(axis=1), 1),
        values.mean(),
    )
    last = np.maximum.accumulate(np.where(told, np.arange(periods), -1), axis=1)
    found = np.take_along_axis(cells, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, found, mean[:, None]), mean


def _relative(values: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(values / np.maximum(np.abs(mean), 1e-9) - np.sign(mean), -MOST, MOST)
