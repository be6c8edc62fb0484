"""The cells of products, from those of their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.shop_file.specs import MEDIA_KINDS, FeatureSpec
from tfmm.data.tables import as_text
from tfmm.data.variants.families import Families

#: What says of a flag that it is not set.
_UNSET = ("0", "0.0", "false")


@dataclass(frozen=True, eq=False)
class Fold:
    """A table of variants, and its families."""

    table: pa.Table
    families: Families
    #: Most columns are read alike by every feature.
    _made: dict[str, pa.ChunkedArray] = field(default_factory=dict)

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return self.families.rows()

    @cached_property
    def _of(self) -> NDArray[np.int64]:
        return self.families.product[self._rows]

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """int64[m]: the row that stands for each product: its own, or its first."""
        return self._rows[np.unique(self._of, return_index=True)[1]]

    @cached_property
    def members(self) -> tuple[pa.Table, NDArray[np.int64]]:
        """All rows that are kept, by product, and int64: the product of each."""
        return self.table.take(pa.array(self._rows)), self._of

    def of(self, spec: FeatureSpec) -> pa.Table:
        """The cells that a feature is read from, a row a product.

        Each is the product's own, or where that is empty the first of its variants' that is not.
        Of tags and files all are taken together: those of the product, then of its variants.
        """
        joins = (spec.kind == "tags" or spec.kind in MEDIA_KINDS) and len(spec.columns) == 1
        made = {}
        for name in self.table.column_names:
            cells = self.table.column(name)
            if joins and name in spec.columns:
                made[name] = self._joined(cells, spec.separator, name)
            elif spec.kind == "tags" and name in spec.columns:
                made[name] = self._first(cells, _UNSET)
            else:
                if name not in self._made:
                    self._made[name] = self._first(cells)
                made[name] = self._made[name]
        return pa.table(made)

    def _first(self, cells: pa.ChunkedArray, empty: tuple[str, ...] = ()) -> pa.ChunkedArray:
        rows = self.positions.copy()
        filled = np.flatnonzero(_filled(cells, empty)[self._rows])
        products, places = np.unique(self._of[filled], return_index=True)
        rows[products] = self._rows[filled[places]]
        return cells.take(pa.array(rows))

    def _joined(self, cells: pa.ChunkedArray, separator: str, name: str) -> Any:
        lists = pa.types.is_list(cells.type)
        cells = cells if lists else as_text(cells, name)
        filled = np.flatnonzero(_filled(cells)[self._rows])
        of = self._of[filled].tolist()
        values = cells.take(pa.array(self._rows[filled])).to_pylist()
        joined: list[dict[Any, None]] = [{} for _ in self.families.ids]
        for product, value in zip(of, values, strict=True):
            joined[product].update(dict.fromkeys(value if lists else (value,)))
        if lists:
            return pa.array([[*one] for one in joined], cells.type)
        return pa.array([separator.join(one) for one in joined], pa.string())


def _filled(cells: pa.ChunkedArray, empty: tuple[str, ...] = ()) -> NDArray[np.bool_]:
    """Which cells hold something."""
    kind = cells.type
    if pa.types.is_list(kind):
        held = pc.greater(pc.list_value_length(cells), 0)
    elif pa.types.is_floating(kind) and not empty:
        held = pc.invert(pc.is_nan(cells))
    elif pa.types.is_string(kind) or empty:
        texts = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(cells, "a flag")))
        held = pc.invert(pc.is_in(texts, value_set=pa.array(["", *empty])))
        held = pc.and_(held, pc.is_valid(texts))
    else:
        held = pc.is_valid(cells)
    return np.asarray(pc.fill_null(held, False).to_numpy(), bool)
