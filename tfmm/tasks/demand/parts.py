"""Which series and origins are learned from, chosen on and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.events.splits import instant
from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.config import DemandConfig, SplitConfig
from tfmm.tasks.demand.series.periods import period_of
from tfmm.tasks.demand.series.series import Series

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Origins:
    """Examples: a series and the first period that is not known.

    Attributes:
        series: int64 `[n]`, rows.
        origin: int64 `[n]`, periods.
        cold: bool `[n]`, the past of the series is not shown.
        cut: periods from which on nothing is known.
    """

    series: Rows
    origin: Rows
    cold: NDArray[np.bool_]
    cut: int

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Origins:
        """Some of them."""
        return Origins(self.series[rows], self.origin[rows], self.cold[rows], self.cut)


@dataclass(frozen=True, eq=False)
class DemandParts:
    """`Parts` that are `Origins`.

    Attributes:
        train, valid, test: the parts.
        final: what the tested model is fitted on.
        learned: int64 rows of series that validation may know, ascending.
        finally_learned: likewise of the test.
    """

    train: Origins
    valid: Origins
    test: Origins
    final: Origins
    learned: Rows
    finally_learned: Rows
    refit: bool = True

    def final_train(self) -> Origins:
        """What the tested model is fitted on."""
        return self.final

    def counts(self) -> dict[str, Any]:
        """Series and origins, for reports."""
        return {
            "train": len(self.train),
            "valid": len(self.valid),
            "test": len(self.test),
            "series": len(self.finally_learned),
            "cold_series": len(np.unique(self.test.series[self.test.cold])),
            "valid_origins": len(np.unique(self.valid.origin)),
            "test_origins": len(np.unique(self.test.origin)),
        }


def parts_of(series: Series, config: DemandConfig) -> DemandParts:
    """The parts of some series.

    The last test origin has its whole horizon in the log, and so has the last origin of validation
    before the first of the test: nothing that is tested on was chosen on.

    Raises:
        RunFileError: the log is too short for the origins and the horizon.
    """
    split, horizon = config.split, config.network.horizon
    test = _origins("test", series, split, split.test, series.periods - horizon)
    valid = _origins("valid", series, split, split.valid, int(test[0]) - horizon)
    if valid[0] < 2:
        raise RunFileError(
            f"The log holds {series.periods} whole {series.every}s. With a horizon of {horizon}, "
            f"{len(test)} test origins and {len(valid)} of validation before them, none are left "
            "to learn from; it takes two. Give fewer `split.test` and `split.valid` origins, a "
            "shorter `network.horizon`, or a shorter `series.every`."
        )
    chosen = _best_sellers(series, int(test[0]), config.series.top)
    if not len(chosen):
        raise RunFileError(
            f"No series sold anything before the test, which begins at "
            f"{series.names(horizon)[int(test[0])]}."
        )
    drawn = np.random.default_rng(split.seed).permutation(chosen)
    count = round(split.cold * len(drawn))
    later = round(split.cold / 2 * len(drawn))
    cold, late = np.sort(drawn[:count]), np.sort(drawn[count : count + later])
    final = np.setdiff1d(chosen, cold)
    early = np.setdiff1d(final, late)
    return DemandParts(
        _learning(series, early, int(valid[0])),
        _judged(series, early, late, valid, int(test[0])),
        _judged(series, final, cold, test, series.periods),
        _learning(series, final, int(test[0])),
        early,
        final,
    )


def _origins(
    name: str, series: Series, split: SplitConfig, value: int | str, last: int
) -> NDArray[np.int64]:
    """The origins of validation or of the test, ascending."""
    if isinstance(value, int):
        return np.arange(last - (value - 1) * split.step, last + 1, split.step)
    # The first period that begins then or later: what is known at that time has ended.
    at = np.array([instant(f"split.{name}", value)])
    first = int(period_of(at - 1, series.every)[0]) + 1
    found = np.arange(first - series.first, last + 1, split.step)
    if not len(found):
        raise RunFileError(
            f"`split.{name}` is {value!r}, after which the log has no whole horizon before the "
            "next part. Give an earlier time, or a shorter `network.horizon`."
        )
    return found


def _best_sellers(series: Series, before: int, top: int | None) -> Rows:
    """Series that sold before a period, the best of them where only so many are asked for."""
    total = series.values[:, :before].sum(axis=1, dtype=np.float64)
    order = np.argsort(-total, kind="stable")[: int((total > 0).sum())]
    return np.sort(order[:top])


def _learning(series: Series, rows: Rows, cut: int) -> Origins:
    """Every origin before a cut of series that were on sale for a period."""
    count = np.maximum(cut - series.start[rows] - 1, 0)
    one = np.repeat(rows, count)
    within = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    return Origins(one, series.start[one] + 1 + within, np.zeros(len(one), bool), cut)


def _judged(series: Series, warm: Rows, cold: Rows, origins: Rows, cut: int) -> Origins:
    """Series at origins where they were on sale."""
    rows = np.concatenate([warm, cold])
    one, at = np.repeat(rows, len(origins)), np.tile(origins, len(rows))
    kept = series.start[one] < at
    return Origins(one[kept], at[kept], np.isin(one, cold)[kept], cut)
