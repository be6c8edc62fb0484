"""Reading and checking a shop's tables, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog, Variants
from tfmm.data.catalog_rows import CatalogRows, known_ids
from tfmm.data.cells.ids import TidyIds, look_alikes, tidy_ids
from tfmm.data.cells.source import RowNames, Source
from tfmm.data.checks import MAX_EXAMPLES, CheckReport
from tfmm.data.events.event_log import (
    KnownIds,
    RawEvents,
    find_repeats,
    is_bad_id,
    read_events,
)
from tfmm.data.events.examples import Examples, build_examples
from tfmm.data.features import Builder
from tfmm.data.fetch.addresses import Addresses
from tfmm.data.knowledge.reading import read_triples
from tfmm.data.knowledge.triples import Knowledge
from tfmm.data.loaded import Loaded
from tfmm.data.media.folders import Folders
from tfmm.data.seen import first_seen, only_seen
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import (
    EventSpec,
    FormatSpec,
    ShopFileError,
    TableSpec,
)
from tfmm.data.shop_file.table_urls import placed
from tfmm.data.shop_file.texts import AspectSpec, QuerySpec, ReviewSpec
from tfmm.data.tables import as_text, objects, one_array, read_table
from tfmm.data.texts.reading import read_queries, read_reviews
from tfmm.data.variants.fold import Fold
from tfmm.data.variants.read import read_families


class Loader:
    """Reads a shop's tables one by one and checks each.

    Args:
        shop: the shop file.
        report: takes what is counted and found.
        addresses: where files at addresses come from.
        verify_media: whether every picture, sound and clip is decoded once.
    """

    def __init__(
        self, shop: Shop, report: CheckReport, addresses: Addresses, *, verify_media: bool
    ) -> None:
        self.shop = shop
        self.report = report
        self.verify_media = verify_media
        self.folders = Folders.of(shop)
        self.addresses = addresses

    def load(self, extra_names: tuple[str, ...]) -> Loaded:
        """The shop, with columns of the events table that are to be kept besides.

        Raises:
            ShopFileError, CheckError, FetchError, ModuleNotFoundError: see `tfmm.load`.
        """
        # The small tables first: what is wrong with them shows before the long read.
        items = self._read_catalog("items", self.shop.items)
        users = self._read_catalog("users", self.shop.users)
        self.addresses.settle()
        if self.shop.events is None:
            found = self._without_events(items, users, extra_names)
        else:
            found = self._with_events(self.shop.events, items, users, extra_names)
        found = self._with_texts(items, users, found)
        return replace(found, knowledge=self._knowledge(items, found.items))

    def _without_events(
        self, items: CatalogRows | None, users: CatalogRows | None, extra_names: tuple[str, ...]
    ) -> Loaded:
        """A shop that has a catalogue and nobody who has looked at it yet."""
        if extra_names:
            raise ShopFileError(
                f"{self.shop}: the column {extra_names[0]!r} of its events is asked for, but it "
                "has no `events`"
            )
        nothing = Catalog(np.empty(0, object))
        known = [nothing if rows is None else rows.catalog for rows in (items, users)]
        return Loaded(known[0], known[1], Examples.none(), {})

    def _with_events(
        self,
        spec: EventSpec,
        items: CatalogRows | None,
        users: CatalogRows | None,
        extra_names: tuple[str, ...],
    ) -> Loaded:
        shop, report = self.shop, self.report
        asked = {**dict.fromkeys(extra_names, "extra_event_columns"), **spec.columns()}
        table = self._read(spec.table, asked, "events", spec.format)
        known = {
            role: KnownIds(rows.whole, pa.array(rows.ids, pa.string()))
            for role, rows in (("item", items), ("user", users))
            if rows
        }
        raw = read_events(table, spec, report, str(shop), known)
        table = table.select(list(dict.fromkeys([*extra_names, *spec.told()])))

        item_catalog, raw.item = self._match("items", shop.items, items, raw)
        user_catalog, raw.user = self._match("users", shop.users, users, raw)
        if users is None and len(raw):
            # Leaving out events of unknown items may have left users without any.
            user_catalog, raw.user = only_seen(user_catalog, raw.user)
        if items is None and len(raw):
            item_catalog, raw.item = only_seen(item_catalog, raw.item)
        self.addresses.settle()
        self._check_repeats(spec, raw, user_catalog, item_catalog)
        examples = self._told(spec, raw, table, extra_names)
        return Loaded(item_catalog, user_catalog, examples, raw.dropped)

    def _knowledge(self, rows: CatalogRows | None, items: Catalog) -> Knowledge:
        spec, report = self.shop.knowledge, self.report
        if spec is None:
            return Knowledge.none()
        table = self._read(spec.table, spec.columns(), "knowledge", spec.format, empty=True)
        links = None
        if (link := spec.link) is not None:
            links = self._read(link.table, link.columns(), "link", link.format, empty=True)
        known = known_ids(rows, items)
        made = read_triples(spec, table, links, known, report, str(self.shop))
        report.counts["knowledge"] = made.counts()
        return made

    def _with_texts(
        self, items: CatalogRows | None, users: CatalogRows | None, found: Loaded
    ) -> Loaded:
        """With the tables of texts, which say who and what there is where no other table does."""
        shop, report = self.shop, self.report
        if shop.queries is not None:
            asked = self._read_texts(shop.queries, "queries")
            found = replace(found, queries=read_queries(shop.queries, asked, report, str(shop)))
        if shop.reviews is None:
            return found
        of_items, of_users = (
            None if rows is None and shop.events is None else known_ids(rows, catalog)
            for rows, catalog in ((items, found.items), (users, found.users))
        )
        reviews, seen_items, seen_users = read_reviews(
            shop.reviews, self._read_texts, of_items, of_users, report, str(shop)
        )
        if of_items is None:
            found = replace(found, items=Catalog(seen_items))
        if of_users is None:
            found = replace(found, users=Catalog(seen_users))
        return replace(found, reviews=reviews)

    def _read_texts(self, spec: ReviewSpec | AspectSpec | QuerySpec, role: str) -> pa.Table:
        return self._read(spec.table, spec.columns(), role, spec.format, empty=role == "aspects")

    def _told(
        self, spec: EventSpec, raw: RawEvents, table: pa.Table, extra_names: tuple[str, ...]
    ) -> Examples:
        """The events with what else their table says of them."""
        told = table.select(list(dict.fromkeys(spec.told())))
        if len(raw) < table.num_rows:
            told = told.take(pa.array(raw.rows))
        names = RowNames(raw.rows)
        source = self._source("events", spec, told, names, raw.rows, table.num_rows)
        builder = self._builder(source)
        examples = build_examples(builder, raw, table, spec, extra_names)
        if not builder.dropped.any():
            return examples
        raw.keep(~builder.dropped, "a feature's check")
        self._require(raw)
        return examples.take(np.flatnonzero(~builder.dropped))

    def _builder(self, source: Source) -> Builder:
        return Builder(
            source, self.report, self.folders, self.addresses, verify_media=self.verify_media
        )

    def _read(
        self,
        name: str,
        columns: Mapping[str, str],
        role: str,
        format: FormatSpec,
        *,
        empty: bool = False,
    ) -> pa.Table:
        read = read_table(placed(self.shop.root, name), columns, str(self.shop), format)
        for said in read.notes:
            self.report.note(role, said)
        self.report.counts["rows"][role] = read.table.num_rows + len(read.bad)
        self.report.record("bad_rows", role, len(read.bad), read.bad)
        if not read.table.num_rows and not empty:
            raise ShopFileError(f"{self.shop}: {role}: the table {name} has no rows")
        return read.table

    def _read_catalog(self, name: str, spec: TableSpec | None) -> CatalogRows | None:
        """A table of items or users without the rows whose id is bad or was seen before."""
        if spec is None or spec.table is None:
            return None
        table = self._read(spec.table, spec.columns(name), name, spec.format)
        ids = table.column(spec.id)
        ids = one_array(as_text(ids, f"{self.shop}: {spec.table}, column {spec.id!r}"))
        tidy = tidy_ids(ids)
        for said, count, examples in tidy.said:
            self.report.note(name, said, count, examples, column=spec.id)
        if tidy.said:
            ids = tidy.ids
            table = table.set_column(table.column_names.index(spec.id), spec.id, ids)
        if spec.parent is not None:
            return self._fold(name, spec, table, tidy)
        bad = is_bad_id(ids)
        self._record_rows("bad_ids", name, np.flatnonzero(bad), ids, spec.id)
        # Codes are given in order of first appearance, so a new id's is above all before it.
        codes = np.append(
            -1, ids.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
        )
        first = codes[1:] > np.maximum.accumulate(codes)[:-1]
        self._record_rows(f"duplicate_{name}", name, np.flatnonzero(~first & ~bad), ids, spec.id)
        rows = np.flatnonzero(first & ~bad)
        self._require_rows(name, spec, len(rows))
        kept = table if len(rows) == table.num_rows else table.take(pa.array(rows))
        ids = ids.take(pa.array(rows))
        self._tell_alike(name, ids, spec.id)
        source = self._source(name, spec, kept, objects(ids), rows, table.num_rows)
        return replace(self._build(source, spec), whole=tidy.whole or None)

    def _fold(self, name: str, spec: TableSpec, table: pa.Table, tidy: TidyIds) -> CatalogRows:
        """A table whose rows are variants of products."""
        families = read_families(name, spec, str(self.shop), table, tidy, self.report)
        self._require_rows(name, spec, len(families.ids))
        fold = Fold(table, families)
        source = self._source(name, spec, table, families.ids, fold.positions, table.num_rows)
        self._tell_alike(name, pa.array(families.ids, pa.string()), spec.id)
        rows = self._build(source, spec, fold)
        places = rows.places[families.of]
        # Products come first among all ids that there are.
        kept = np.flatnonzero(places >= 0)
        kept = kept[kept >= len(families.ids)]
        variants = Variants(families.known[kept], places[kept])
        catalog = replace(rows.catalog, variants=variants)
        return CatalogRows(families.known, places, catalog, tidy.whole or None)

    def _require_rows(self, name: str, spec: TableSpec, rows: int) -> None:
        if not rows:
            raise ShopFileError(
                f"{self.shop}: {name}: no row of {spec.table} has a usable id in {spec.id!r}; "
                f"{self._findings()}"
            )

    def _source(
        self,
        name: str,
        spec: TableSpec | EventSpec,
        table: pa.Table,
        ids: Any,
        positions: NDArray[np.int64],
        n_read: int,
    ) -> Source:
        told = (name, str(spec.table), str(self.shop), self.shop.root)
        return Source(*told, table, ids, positions, n_read, spec.format.decimal)

    def _tell_alike(self, name: str, ids: pa.Array, column: str) -> None:
        count, shown = look_alikes(ids)
        if count:
            self.report.note(name, "ids look like another and differ", count, shown, column=column)

    def _record_rows(
        self, check: str, name: str, rows: NDArray[np.int64], ids: pa.Array, column: str
    ) -> None:
        examples = [f"row {row + 1}: {ids[int(row)].as_py()!r}" for row in rows[:MAX_EXAMPLES]]
        self.report.record(check, name, len(rows), examples, column=column)

    def _build(self, source: Source, spec: TableSpec, fold: Fold | None = None) -> CatalogRows:
        builder = self._builder(source)
        features = {}
        for key, feature in spec.features.items():
            if fold is not None:
                builder.source = replace(source, table=fold.of(feature), members=fold.members)
            features[key] = builder.build(feature)
        kept = np.flatnonzero(~builder.dropped)
        if not len(kept):
            raise ShopFileError(
                f"{self.shop}: {source.name}: every row was dropped by a check; {self._findings()}"
            )
        catalog = Catalog(source.ids, features)
        places = np.full(len(source.ids), -1, np.int32)
        places[kept] = np.arange(len(kept), dtype=np.int32)
        return CatalogRows(
            source.ids, places, catalog if len(kept) == len(source.ids) else catalog.take(kept)
        )

    def _match(
        self, name: str, spec: TableSpec | None, rows: CatalogRows | None, raw: RawEvents
    ) -> tuple[Catalog, NDArray[np.int32]]:
        """The catalogue, and the row of each event in it; events without one are left out."""
        role = name[:-1]
        ids: pa.Array = getattr(raw, f"{role}_ids")
        if rows is None:
            self._require(raw)
            rows, place = self._seen(name, spec, getattr(raw, role), ids)
        else:
            codes, known = getattr(raw, role), pa.array(rows.ids, pa.string())
            found = pc.index_in(ids, value_set=known)
            place = found.fill_null(-1).to_numpy(zero_copy_only=False)
            unknown = place[codes] < 0
            distinct = pd.unique(codes[unknown])
            self.report.record(
                f"unknown_{name}",
                "events",
                int(unknown.sum()),
                raw.examples(unknown, lambda event: repr(ids[int(codes[event])].as_py())),
                detail=f"{len(distinct):,} distinct ids; "
                f"those of the {name} table look like {rows.ids[0]!r}",
            )
            if len(distinct):
                alike, shown = look_alikes(ids.take(pa.array(distinct)), known)
                if alike:
                    said = f"distinct ids that the {name} table lacks look like one that it has"
                    self.report.note("events", said, alike, shown)
            raw.keep(~unknown, f"unknown_{name}")
        raw.keep(rows.places[place[getattr(raw, role)]] >= 0, f"{role} dropped")
        self._require(raw)
        return rows.catalog, rows.places[place[getattr(raw, role)]]

    def _seen(
        self, name: str, spec: TableSpec | None, codes: NDArray[np.int32], ids: pa.Array
    ) -> tuple[CatalogRows, NDArray[np.int32]]:
        """A catalogue of the ids seen in events, in order of first appearance."""
        seen, place = first_seen(codes, len(ids))
        names = objects(ids.take(pa.array(seen)))
        if name == "items":
            self._tell_alike(name, pa.array(names, pa.string()), spec.id if spec else "item")
        if spec is None or not spec.features:
            return CatalogRows(names, np.arange(len(names), dtype=np.int32), Catalog(names)), place
        table = pa.table({spec.id: pa.array(names, pa.string())})
        source = Source(
            name,
            self._events_table,
            str(self.shop),
            self.shop.root,
            table,
            names,
            np.arange(len(names)),
            len(names),
        )
        return self._build(source, spec), place

    @property
    def _events_table(self) -> str:
        return self.shop.events.table if self.shop.events else ""

    def _check_repeats(
        self, spec: EventSpec, raw: RawEvents, users: Catalog, items: Catalog
    ) -> None:
        repeats = find_repeats(raw, weighted=spec.type is not None or spec.rating is not None)
        raw.apply(
            self.report,
            "duplicate_events",
            repeats,
            lambda i: f"{users.ids[raw.user[i]]!r}, {items.ids[raw.item[i]]!r}",
        )

    def _require(self, raw: RawEvents) -> None:
        if not raw.counts.any():
            dropped = ", ".join(f"{reason}: {count:,}" for reason, count in raw.dropped.items())
            raise ShopFileError(
                f"{self.shop}: no event of {self._events_table} is left after the checks "
                f"(left out: {dropped}); {self._findings()}"
            )

    def _findings(self) -> str:
        return "; ".join(map(str, self.report.findings)) or "no check found anything"
