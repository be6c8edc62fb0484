"""Recommendations for many users at once, without a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from tfmm.data.files import replacing
from tfmm.data.progress import progress
from tfmm.evaluation import rank_vectors
from tfmm.tasks.retrieval.left_out import left_out


def recommend(run: Any, users: Iterable[str] | None = None, k: int = 20) -> pd.DataFrame:
    """The k best items of each user, those left out that the user has events of, unless the run's
    `evaluate.repeats` says that shoppers buy again.

    A user the shop has no events of gets what an unseen shopper gets. Histories hold all events.

    ```python
    table = recommend(run, users=["u001", "nobody"], k=5)
    table.columns.tolist()  # ['user_id', 'rank', 'item_id', 'score']
    ```

    Args:
        run: a finished `tfmm.training.Run` of retrieval.
        users: user ids; all the shop's users by default.
        k: items a user; fewer where the catalogue is exhausted.

    Returns:
        A table with the columns `user_id`, `rank` (from 1), `item_id` and `score`.
    """
    return pd.concat(_blocks(run, users, k), ignore_index=True)


def write_recommendations(
    run: Any, out: str | Path, users: Iterable[str] | None = None, k: int = 20
) -> int:
    """Writes the table of `recommend` to a Parquet file, block by block; returns its rows.

    The file is written aside and renamed into place.
    """
    out = Path(out)
    rows = 0
    writer = None
    with replacing(out) as aside:
        for block in _blocks(run, users, k):
            table = pa.Table.from_pandas(block, preserve_index=False)
            writer = writer or pq.ParquetWriter(aside, table.schema)
            writer.write_table(table)
            rows += len(block)
        if writer is not None:
            writer.close()
    return rows


def _blocks(
    run: Any, users: Iterable[str] | None, k: int, size: int = 20_000
) -> Iterator[pd.DataFrame]:
    """The table of `recommend`, for some thousand users at a time."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}.")
    if run.config.task != "retrieval":
        raise ValueError(
            f"{run.path} holds a run of task {run.config.task!r}, which recommends nothing. Give a "
            "run of `task: retrieval`."
        )
    ids = run.data.users.ids if users is None else np.array([str(u) for u in users], object)
    if len(ids) == 0:
        raise ValueError("There are no users to recommend to: the list of ids is empty.")
    histories = run.task.pairs
    model = run.model.as_of(histories)
    items = model.item_vectors()
    again = run.config.evaluate.repeats
    taken = left_out(run.data, histories, seen=not again)
    starts = range(0, len(ids), size)
    for start in progress(starts, len(starts), "recommending", unit="batches"):
        part = ids[start : start + size]
        rows = run.data.users.rows(part)
        vectors = model.user_vectors(histories, rows, items)
        seen = sp.diags_array((rows >= 0).astype(np.float32)) @ taken[np.maximum(rows, 0)]
        top, score = rank_vectors(vectors, items, seen.tocsr(), k=k)
        keep = top >= 0
        yield pd.DataFrame(
            {
                "user_id": np.repeat(part, k)[keep.ravel()],
                "rank": np.tile(np.arange(1, k + 1, dtype=np.int32), len(part))[keep.ravel()],
                "item_id": run.data.items.ids[top[keep]],
                "score": score[keep],
            }
        )
