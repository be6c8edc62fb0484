"""What to order: enough for a service level until the next delivery comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import norm

from tfmm.data.cells.amounts import parse_amounts
from tfmm.data.cells.ids import tidy_ids
from tfmm.data.files import replacing
from tfmm.data.tables import as_text, read_table
from tfmm.evaluation.demand import Forecast
from tfmm.tasks.demand.parts import Origins
from tfmm.tasks.demand.series.series import Series

#: Futures that are drawn of each series.
_DRAWS = 1000
#: Series that are drawn at a time.
_AT_ONCE = 2000


def orders_for(
    run: Any,
    *,
    service: float = 0.95,
    lead: int = 1,
    stock: NDArray[np.floating] | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """Forecasts of every series from now on, and what to order of it.

    The order fills the stock up to the quantile `service` of what sells in the next `lead` periods:
    the newsvendor's answer where a piece that is short costs `service` and one that is left over 1
    less `service`. Sales of several periods are drawn together, with the correlation that their
    errors had on validation.

    Source: Arrow, Harris and Marschak, Optimal inventory policy, Econometrica 1951.

    Args:
        run: a finished `tfmm.training.Run` of demand.
        service: chance that the stock lasts, between 0 and 1.
        lead: periods until the next delivery, up to the run's horizon.
        stock: pieces at hand and on their way `[N]`, none by default.
        seed: of the draws.

    Returns:
        A row a series: `id`, `first_period`, `new` (it has not sold yet), for each period
        `mean_1`, `low_1`, `high_1` and so on, `lead_time_mean`, `order_up_to`, `stock`, `order`;
        whole pieces, or amounts where the run forecasts revenue.

    Raises:
        ValueError: a run of another task, or a service level or lead time out of range.
    """
    if run.config.task != "demand":
        raise ValueError(
            f"{run.path} holds a run of task {run.config.task!r}, which forecasts nothing. Give a "
            "run of `task: demand`."
        )
    series: Series = run.task.series
    horizon = run.config.network.horizon
    if not 0 < service < 1:
        raise ValueError(f"a service level lies between 0 and 1, got {service}.")
    if not 1 <= lead <= horizon:
        raise ValueError(
            f"a lead time of {lead} {series.every}s is not within the run's horizon of {horizon}. "
            "Train with a longer `network.horizon`."
        )
    count = len(series)
    new = series.start == series.periods
    now = Origins(np.arange(count), np.full(count, series.periods), new, series.periods)
    found = run.model.forecast(now)
    at_hand = np.zeros(count) if stock is None else np.asarray(stock, np.float64)
    sold = drawn(found, lead, run.model.calibration.together, seed)
    up_to = np.concatenate([np.quantile(part, service, axis=1) for part in sold])
    order = np.maximum(up_to - at_hand, 0.0)
    if run.model.counts:
        up_to = np.ceil(up_to - 1e-6)
        order = np.ceil(np.maximum(up_to - at_hand, 0.0))
    columns: dict[str, Any] = {
        "id": series.catalog.ids,
        "first_period": series.names(1)[-1],
        "new": new,
    }
    for ahead in range(horizon):
        for name in ("mean", "low", "high"):
            columns[f"{name}_{ahead + 1}"] = getattr(found, name)[:, ahead]
    columns |= {
        "lead_time_mean": found.mean[:, :lead].sum(axis=1),
        "order_up_to": up_to,
        "stock": at_hand,
        "order": order,
    }
    return pd.DataFrame(columns)


def write_orders(run: Any, out: str | Path, **options: Any) -> pd.DataFrame:
    """Writes the table of `orders_for` to a Parquet file, aside and renamed into place."""
    table = orders_for(run, **options)
    with replacing(Path(out)) as aside:
        table.to_parquet(aside, index=False)
    return table


def read_stock(file: Path, id: str, column: str, series: Series) -> tuple[NDArray[np.float64], str]:
    """Pieces at hand `[N]` from a table, and a line of what it left out.

    Args:
        file: any table that `tfmm` reads.
        id, column: its columns of ids and of pieces; rows of one id add up.
        series: what the pieces are of.

    Raises:
        TableError: it cannot be read, or lacks a column.
        ValueError: no id is known, or a cell is no number.
    """
    table = read_table(file, {id: "--id", column: "--column"}, "tfmm demand").table
    ids = as_text(table.column(id), f"{file}, column {id!r}")
    tidy = tidy_ids(pa.array(ids.to_pylist(), pa.string())).ids.to_pylist()
    rows = series.catalog.rows(np.array(tidy, object))
    values = parse_amounts(table.column(column), f"{file}, column {column!r}").values
    if (bad := np.flatnonzero(~np.isfinite(values))).size:
        cell = table.column(column)[int(bad[0])].as_py()
        raise ValueError(f"{file}, column {column!r}, row {bad[0] + 1}: {cell!r} is no number.")
    known = rows >= 0
    if not known.any():
        raise ValueError(
            f"{file}: none of its ids is one of the run, whose look like "
            f"{series.catalog.ids[0]!r}; column {id!r} holds {tidy[:1]}."
        )
    stock = np.bincount(rows[known], values[known], minlength=len(series)).astype(np.float64)
    missing = len(series) - len(np.unique(rows[known]))
    said = f"{int((~known).sum()):,} rows are of ids that the run lacks, and {missing:,} "
    return stock, said + "series are not in it, which count as 0 pieces."


def drawn(found: Forecast, lead: int, together: float, seed: int) -> list[NDArray[np.float64]]:
    """What series may sell in the next `lead` periods, `[n, draws]` for some at a time.

    Args:
        found: n forecasts.
        lead: periods.
        together: correlation of the errors of two periods.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for begin in range(0, len(found.mean), _AT_ONCE):
        ranks = found.quantiles[begin : begin + _AT_ONCE, :lead]
        shared = rng.standard_normal((len(ranks), 1, _DRAWS))
        alone = rng.standard_normal((len(ranks), lead, _DRAWS))
        score = np.sqrt(together) * shared + np.sqrt(1 - together) * alone
        chance = np.clip(norm.cdf(score), 1e-6, 1 - 1e-6)
        parts.append(_inverse(ranks, np.array(found.levels), chance).sum(axis=1))
    return parts


def _inverse(
    ranks: NDArray[np.float64], levels: NDArray[np.float64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The quantiles `[n, L, draws]` at some chances: lines between levels, and exponential tails
    on both sides, that below ending at 0."""
    place = np.searchsorted(levels, chance)
    low, high = np.maximum(place - 1, 0), np.minimum(place, len(levels) - 1)
    width = np.maximum(levels[high] - levels[low], 1e-9)
    share = np.clip((chance - levels[low]) / width, 0, 1)
    below, above = (np.take_along_axis(ranks, where, axis=-1) for where in (low, high))
    inside = below + share * (above - below)
    middle = ranks[..., [int(np.searchsorted(levels, 0.5))]]
    first, last = ranks[..., :1], ranks[..., -1:]
    under = (first - middle) / np.log(0.5 / levels[0]) * np.log(levels[0] / chance)
    over = (
        (last - middle) / np.log(0.5 / (1 - levels[-1])) * np.log((1 - levels[-1]) / (1 - chance))
    )
    found = np.where(place == 0, first + under, inside)
    return np.maximum(np.where(place == len(levels), last + over, found), 0.0)
