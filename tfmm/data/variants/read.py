"""Reading which rows of a table are variants of which products, and what there is to say of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.cells.ids import NO_ID, TidyIds, tidy_ids
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.events.event_log import is_bad_id
from tfmm.data.shop_file.specs import TableSpec
from tfmm.data.tables import as_text, objects, one_array
from tfmm.data.variants.families import Families, find_families


def read_families(
    name: str, spec: TableSpec, shop: str, table: pa.Table, tidy: TidyIds, report: CheckReport
) -> Families:
    """The products of a table whose rows are variants, with what was found in the report.

    Args:
        name: "items", for the report.
        spec: the table, with its `parent`.
        shop: the shop file's name, for errors.
        table: the cells.
        tidy: its ids.
        report: takes what was found.

    Raises:
        CheckError: for a check set to raise.
    """
    assert spec.parent is not None
    columns = dict.fromkeys((*spec.parent.by, spec.id, spec.parent.column))
    cells = {spec.id: objects(tidy.ids)}
    for column in columns:
        if column != spec.id:
            texts = as_text(table.column(column), f"{shop}: {spec.table}, column {column!r}")
            whole = True if tidy.whole else None
            cells[column] = objects(tidy_ids(one_array(texts), whole, tidy.ids).ids)
    ids, parents = cells[spec.id], cells[spec.parent.column].copy()
    parents[np.isin(parents.astype(str), NO_ID)] = ""
    bad = is_bad_id(tidy.ids)
    by = [(column, cells[column]) for column in (*spec.parent.by, spec.id)]
    families = find_families(ids, parents, ~bad, list({one[0]: one for one in by}.values()))
    _tell(name, spec, ids, parents, bad, families, report)
    return families


def _tell(
    name: str,
    spec: TableSpec,
    ids: NDArray[np.object_],
    parents: NDArray[np.object_],
    bad: NDArray[np.bool_],
    families: Families,
    report: CheckReport,
) -> None:
    assert spec.parent is not None
    column = spec.parent.column

    def shown(rows: NDArray[np.int64], *, parent: bool = True) -> list[str]:
        return [
            f"row {row + 1}: {ids[row]!r}" + (f" of {parents[row]!r}" if parent else "")
            for row in rows[:MAX_EXAMPLES].tolist()
        ]

    # A row without an id that is of a product is a further row of it; a broken id stays one.
    empty = np.isin(ids.astype(str), NO_ID)
    broken = np.flatnonzero(bad & ~(empty & (families.product >= 0)))
    report.record("bad_ids", name, len(broken), shown(broken, parent=False), column=spec.id)
    repeated = np.flatnonzero(families.repeated)
    report.record(f"duplicate_{name}", name, len(repeated), shown(repeated), column=spec.id)
    orphans = np.flatnonzero(families.orphans)
    report.record("orphan_variants", name, len(orphans), shown(orphans), column=column)
    chained = np.flatnonzero(families.chained)
    circling = int(families.circling.sum())
    detail = f"{circling:,} of them lead back to themselves" if circling else ""
    report.record(
        "chained_variants", name, len(chained), shown(chained), column=column, detail=detail
    )
    folded = np.flatnonzero((families.product >= 0) & (parents != "") & ~families.own)
    report.counts["variants"] = len(folded)
    if not len(folded):
        report.note(name, "no row is a variant", column=column)
        return
    products = len(np.unique(families.product[folded]))
    said = f"rows are variants of {products:,} products"
    if families.named:
        said += " that it names"
    report.note(name, said, len(folded), shown(folded), column=column)
