"""What shoppers say of items, as `tfmm reviews` wrote it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfmm.serving.server.errors import ServingConfigError

_COLUMNS = ("item", "aspect", "pros", "cons", "neither", "confidence", "praise", "blame")
#: Aspects of an item that are shown.
_SHOWN = 12


class Opinions:
    """Pros and cons by item.

    Args:
        file: the Parquet file of `tfmm reviews`; None for none.

    Raises:
        ServingConfigError: it cannot be read, or is another table.
    """

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        if file is None:
            return
        try:
            table = pq.read_table(Path(file))
        except (OSError, pa.ArrowException) as error:
            raise ServingConfigError(
                f"The reviews {file} cannot be read: {error}. Expected the file that `tfmm reviews "
                f"RUN --out {file}` writes."
            ) from error
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise ServingConfigError(
                f"{file} holds no pros and cons: it has no column {missing[0]!r}, but "
                f"{', '.join(table.column_names)}. Expected the file that `tfmm reviews` writes."
            )
        for row in table.select(list(_COLUMNS)).to_pylist():
            self._rows.setdefault(row.pop("item"), []).append(row)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All rows, each with its item's id."""
        return ((item, row) for item, rows in self._rows.items() for row in rows)

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, item_id: str) -> dict[str, Any] | None:
        """What is said of an item: `whole`, the counts of reviews, None where these have no
        classes; and `aspects`, those that most reviews speak of first. None where nothing is."""
        rows = self._rows.get(item_id)
        if not rows:
            return None
        whole = next((row for row in rows if not row["aspect"]), None)
        aspects = [row for row in rows if row["aspect"] and row["pros"] + row["cons"]]
        return {"whole": whole, "aspects": aspects[:_SHOWN]}
