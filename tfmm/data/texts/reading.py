"""Reading tables of texts: which rows say something, of what, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tfmm.data.cells.ids import NO_ID, tidy_ids
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.knowledge.reading import KnownItems
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.shop_file.texts import AspectSpec, QuerySpec, ReviewSpec
from tfmm.data.tables import as_text, objects, one_array
from tfmm.data.texts.queries import Queries, parse_slots
from tfmm.data.texts.reviews import Aspects, Reviews

#: What tables call the parts.
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}
Cells = NDArray[np.object_]


class TextTable:
    """A table of texts while it is checked.

    Args:
        role: what it is called in reports: "reviews", "queries" or "aspects".
        spec: what its columns mean.
        table: with the columns of `spec.columns()`.
        report: takes what is found.
        shop: the shop file's name, for errors.
    """

    def __init__(
        self, role: str, spec: Any, table: pa.Table, report: CheckReport, shop: str
    ) -> None:
        self.role, self.spec, self.report = role, spec, report
        self.where = f"{shop}: {spec.table}"
        self.table = table
        self.rows = np.arange(table.num_rows)

    def cells(self, column: str | None) -> Cells:
        """A column's cells of the rows that are left, as they are written; "" where empty."""
        if column is None:
            return np.full(len(self.rows), "", object)
        texts = as_text(self.table.column(column), f"{self.where}, column {column!r}")
        return objects(one_array(texts))[self.rows]

    def names(self, column: str | None) -> Cells:
        """As `cells`, without white space around them; what stands for nothing is ""."""
        found = pd.Series(self.cells(column), dtype=object).str.strip()
        return np.where(found.isin(NO_ID), "", found).astype(object)

    def ids(self, column: str | None, known: KnownItems | None = None) -> Cells:
        """As `cells`, put right as ids are; `known` where they are ids of these."""
        texts = pa.array(self.cells(column), pa.string())
        given = () if known is None else (known.whole, pa.array(known.ids, pa.string()))
        tidy = tidy_ids(texts, *given)
        for said, count, examples in tidy.said:
            self.report.note(self.role, said, count, examples, column=column)
        found = objects(tidy.ids)
        return np.where(pd.Series(found, dtype=object).isin(NO_ID), "", found).astype(object)

    def left_out(self, check: str, bad: NDArray[np.bool_], shown: Cells, column: str) -> bool:
        """Counts bad rows; leaves them out and answers True where that is the check's policy."""
        places = np.flatnonzero(bad)
        examples = [f"row {self.rows[i] + 1}: {_short(shown[i])}" for i in places[:MAX_EXAMPLES]]
        policy = self.report.record(check, self.role, len(places), examples, column=column)
        if policy != "drop" or not len(places):
            return False
        self.rows = self.rows[~bad]
        return True

    def texts(self) -> Cells:
        """The texts; rows without any, and perhaps repeated ones, are left out for good."""
        texts = self._joined()
        shown = texts.copy()
        empty = np.array([not text.strip() for text in texts], bool)
        if self.left_out("missing_texts", empty, shown, self.spec.text[0]):
            texts = texts[~empty]
        keys = [self.cells(column) for column in self.spec.columns()]
        again = pd.DataFrame(dict(enumerate(keys)), dtype=object).duplicated().to_numpy(bool)
        if self.left_out("duplicate_texts", again, texts, self.spec.text[0]):
            texts = texts[~again]
        return texts

    def parts(self) -> Cells:
        """Which part each row is of.

        Raises:
            ShopFileError: for a value that names none.
        """
        given = self.names(self.spec.part)
        for value in dict.fromkeys(given):
            if value and value.casefold() not in PARTS:
                raise ShopFileError(
                    f"{self.where}: column {self.spec.part!r} must say train, valid or test, or "
                    f"nothing, but got {value!r}"
                )
        found = [PARTS.get(value.casefold(), "") for value in given]
        return np.array([*found, None], object)[:-1]

    def _joined(self) -> Cells:
        several = [self.cells(column) for column in self.spec.text]
        if len(several) == 1:
            return several[0]
        joined = ["\n".join(t for t in row if t.strip()) for row in zip(*several, strict=True)]
        return np.array([*joined, None], object)[:-1]


def read_reviews(
    spec: ReviewSpec,
    tables: Callable[[ReviewSpec | AspectSpec, str], pa.Table],
    items: KnownItems | None,
    users: KnownItems | None,
    report: CheckReport,
    shop: str,
) -> tuple[Reviews, Cells, Cells]:
    """The reviews that are sound.

    Args:
        spec: what the columns mean.
        tables: reads the table of a spec, which a report calls by the name given.
        items, users: the catalogues; None where they are those seen in reviews.
        report: takes what is found.
        shop: the shop file's name, for errors.

    Returns:
        The reviews, and the ids of the items and users seen where they are those.

    Raises:
        ShopFileError: no review is left, or one is of a part that there is not.
        CheckError: for a check set to raise.
    """
    made = TextTable("reviews", spec, tables(spec, "reviews"), report, shop)
    text = made.texts()
    if spec.id is not None:
        ids = made.ids(spec.id)
        again = pd.Series(ids, dtype=object).duplicated().to_numpy(bool) & (ids != "")
        if made.left_out("duplicate_reviews", again, ids, spec.id):
            text = text[~again]
    item_ids = made.ids(spec.item, items)
    if items is not None and spec.item is not None:
        unknown = (items.rows(item_ids) < 0) & (item_ids != "")
        if made.left_out("reviews_of_unknown", unknown, item_ids, spec.item):
            text, item_ids = text[~unknown], item_ids[~unknown]
    if not len(text):
        raise ShopFileError(f"{shop}: reviews: no row of {spec.table} is left after the checks")
    user_ids = made.ids(spec.user, users)
    item, seen_items = _rows(item_ids, items)
    user, seen_users = _rows(user_ids, users)
    aspects, annotated = Aspects(), np.zeros(len(text), bool)
    if spec.aspects is not None:
        table = TextTable("aspects", spec.aspects, tables(spec.aspects, "aspects"), report, shop)
        aspects, annotated = _aspects(table, made.ids(spec.id), text)
    rating = made.names(spec.rating)
    reviews = Reviews(text, item, user, rating, made.parts(), annotated, aspects)
    report.counts["reviews"] = reviews.counts()
    return reviews, seen_items, seen_users


def read_queries(spec: QuerySpec, table: pa.Table, report: CheckReport, shop: str) -> Queries:
    """The queries that are sound.

    Args:
        spec: what the columns mean.
        table: with the columns of `spec.columns()`.
        report: takes what is found.
        shop: the shop file's name, for errors.

    Raises:
        ShopFileError: no query is left, or one is of a part that there is not.
        CheckError: for a check set to raise.
    """
    made = TextTable("queries", spec, table, report, shop)
    text = made.texts()
    cells = zip(made.cells(spec.slots), text, strict=True)
    slots = np.array([*(parse_slots(cell, of) for cell, of in cells), None], object)[:-1]
    bad = np.array([isinstance(found, str) for found in slots], bool)
    if made.left_out("bad_slots", bad, slots, spec.slots or ""):
        text, slots = text[~bad], slots[~bad]
    if not len(text):
        raise ShopFileError(f"{shop}: queries: no row of {spec.table} is left after the checks")
    queries = Queries(text, made.names(spec.intent), slots, made.parts())
    report.counts["queries"] = queries.counts()
    return queries


def _rows(ids: Cells, known: KnownItems | None) -> tuple[NDArray[np.int32], Cells]:
    """The row of each id, -1 for none; and the ids that there are where these say it."""
    if known is not None:
        return known.rows(ids), known.ids
    seen = pd.Index([one for one in dict.fromkeys(ids) if one], dtype=object)
    return seen.get_indexer(pd.Index(ids, dtype=object)).astype(np.int32), seen.to_numpy(object)


def _aspects(
    table: TextTable, review_ids: Cells, texts: Cells
) -> tuple[Aspects, NDArray[np.bool_]]:
    """The aspects of reviews, by these; and which reviews somebody read."""
    spec: AspectSpec = table.spec
    given = table.ids(spec.review)
    index = pd.Series(np.arange(len(review_ids)), review_ids)
    index = index[(index.index != "") & ~index.index.duplicated()]
    review = index.reindex(given).fillna(-1).to_numpy(np.int64)
    if table.left_out("unknown_reviews", review < 0, given, spec.review):
        review = review[review >= 0]
    annotated = np.zeros(len(texts), bool)
    annotated[review] = True
    start, end = (_places(table.names(column)) for column in (spec.start, spec.end))
    aspect, polarity = table.names(spec.aspect), table.names(spec.polarity)
    length = np.array([len(texts[row]) for row in review], np.int64)
    category = (start == -1) & (end == -1)
    sound = category | ((start >= 0) & (start < end) & (end <= length))
    said = [f"{a!r} from {s} to {e}" for a, s, e in zip(aspect, start, end, strict=True)]
    table.left_out("bad_aspects", ~sound, np.array([*said, None], object)[:-1], spec.aspect)
    there = np.flatnonzero(sound & ((aspect != "") | ~category))
    words = aspect[there].copy()
    for place, row in enumerate(there):
        if not category[row]:
            words[place] = texts[review[row]][start[row] : end[row]]
    order = np.argsort(review[there], kind="stable")
    lower = pd.Series(polarity, dtype=object).str.lower().to_numpy(object)
    at = there[order]
    places = [column[at].astype(np.int32) for column in (review, start, end)]
    return Aspects(places[0], words[order], lower[at], places[1], places[2]), annotated


def _places(cells: Cells) -> NDArray[np.int64]:
    """Characters; -1 where empty, -2 where no whole number."""
    numbers = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(float)
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (numbers >= 0)
    found = np.where(whole, np.where(whole, numbers, 0), -2).astype(np.int64)
    return np.where(cells == "", -1, found)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
