"""Examples: what events said, a row each, with signs, labels and context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmm.data.columns import CategoryColumn, Column, as_rows
from tfmm.data.events.event_log import extra_columns
from tfmm.data.shop_file.specs import EventSpec, FeatureSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from tfmm.data.events.event_log import Events, RawEvents
    from tfmm.data.features import Builder


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """Events of known users on known items, in file order, nothing of them summed up.

    Retrieval's pairs are one reading of them (`events`, then `Pairs`), which takes those
    that `counts` marks and forgets what else they say. Ratings with their sign, repeats and
    purchases of several pieces are others.

    Attributes:
        user: int32 `[m]`, rows of the users' catalogue.
        item: int32 `[m]`, rows of the items' catalogue.
        time: int64 `[m]`, microseconds since 1970 UTC, or None when the shop has no times.
        weight: float32 `[m]`, of the event's type, or its rating, or 1; may be 0 or negative where
            it is a rating.
        counts: bool `[m]`, whether the event tells a taste: its rating is above 0 and not below the
            shop file's `threshold`, and it is no return nor undone by one. Others all do.
        type: the event's type, where the shop file names a column of types.
        rating, quantity, price: float32 `[m]`, NaN where missing, or None when the shop has none.
        labels: float32 `[m]` by name, NaN where missing: what ranking learns.
        context: features of the event itself, by name.
        row: int64 `[m]`, the event's row in its table, from 0.
        extra: further columns of the table by name, `[m]` each.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64] | None
    weight: NDArray[np.float32]
    counts: NDArray[np.bool_]
    row: NDArray[np.int64]
    type: CategoryColumn | None = None
    rating: NDArray[np.float32] | None = None
    quantity: NDArray[np.float32] | None = None
    price: NDArray[np.float32] | None = None
    labels: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    context: Mapping[str, Column] = field(default_factory=dict)
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: ArrayLike) -> Examples:
        """The examples at these positions, in this order."""
        rows = as_rows(rows, len(self))

        def taken(values: Any) -> Any:
            return None if values is None else values[rows]

        return Examples(
            user=self.user[rows],
            item=self.item[rows],
            time=taken(self.time),
            weight=self.weight[rows],
            counts=self.counts[rows],
            row=self.row[rows],
            type=None if self.type is None else self.type.take(rows),
            rating=taken(self.rating),
            quantity=taken(self.quantity),
            price=taken(self.price),
            labels={name: values[rows] for name, values in self.labels.items()},
            context={name: column.take(rows) for name, column in self.context.items()},
            extra={name: values[rows] for name, values in self.extra.items()},
        )

    def events(self) -> Events:
        """Those that count, as retrieval reads them."""
        from tfmm.data.events.event_log import Events

        whole = Events(self.user, self.item, self.time, self.weight, dict(self.extra))
        return whole if self.counts.all() else whole.take(np.flatnonzero(self.counts))

    @classmethod
    def none(cls) -> Examples:
        """No examples at all."""
        rows = np.empty(0, np.int32)
        return cls(
            user=rows,
            item=rows,
            time=None,
            weight=np.empty(0, np.float32),
            counts=np.empty(0, bool),
            row=np.empty(0, np.int64),
        )


def build_examples(
    builder: Builder, raw: RawEvents, table: pa.Table, spec: EventSpec, extra_names: Sequence[str]
) -> Examples:
    """The events with what else their table says of them.

    Args:
        builder: builds from the rows of these events; takes which of them a check drops.
        raw: the events.
        table: all rows of their table.
        spec: what its columns mean.
        extra_names: columns that are kept as they are.
    """

    def number(name: str, column: str | None) -> Any:
        made: Any = builder.build(FeatureSpec(name, "number", (column,))) if column else None
        return None if made is None else made.values

    kinds: Any = None
    if spec.type is not None:
        kinds = builder.build(FeatureSpec("type", "category", (spec.type,)))
    return Examples(
        user=raw.user,
        item=raw.item,
        time=raw.time,
        weight=raw.weight,
        counts=raw.counts,
        row=raw.rows,
        type=kinds,
        rating=None if spec.rating is None else raw.weight,
        quantity=number("quantity", spec.quantity),
        price=number("price", spec.price),
        labels={name: number(name, column) for name, column in spec.labels.items()},
        context={name: builder.build(feature) for name, feature in spec.context.items()},
        extra=extra_columns(table, extra_names, raw.rows),
    )
