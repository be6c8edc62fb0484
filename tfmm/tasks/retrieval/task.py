"""The task of retrieval: recommending, and searching in the same space."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.baselines import Content as ContentBaseline
from tfmm.baselines import content_vectors, create
from tfmm.data.columns import CategoryColumn, ImageColumn
from tfmm.data.interactions import Interactions
from tfmm.data.splits import split
from tfmm.encoders import Encoder
from tfmm.encoders.cache import cache_folder
from tfmm.encoders.choice import make_encoder, make_encoders
from tfmm.index import index_for
from tfmm.tasks.base import Export, Metric, Metrics, Say, Section, Task, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.retrieval.blend import Blend
from tfmm.tasks.retrieval.blend_choice import check_blend, choose_blend, fit_linear
from tfmm.tasks.retrieval.build import two_tower
from tfmm.tasks.retrieval.config import RetrievalConfig
from tfmm.tasks.retrieval.linear_part import LinearPart
from tfmm.tasks.retrieval.measure import CHOICE, looked_at, measure, measure_parts, validate
from tfmm.tasks.retrieval.parts import Part, RetrievalParts
from tfmm.tasks.retrieval.refresh import refreshed
from tfmm.tasks.retrieval.report import sections
from tfmm.tasks.retrieval.serve import export_of
from tfmm.tasks.retrieval.settings import ExportSettings
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.retrieval.vector_file import remember_vectors
from tfmm.tasks.search.examples import (
    SEARCH_CHOICE,
    aligned,
    hub_queries,
    load_hubs,
    measure_search,
    queries_of,
    save_hubs,
    search_parts,
)


class Retrieval(Task):
    """Finds items for shoppers, sessions, items and queries by one inner product.

    Two objectives share the item tower: recommendation, where the shop has events, and search,
    where the run file has queries. A shop without events has the second alone.
    """

    name = "retrieval"
    Config = RetrievalConfig
    Settings = ExportSettings
    refreshes = True

    @classmethod
    def check(cls, config: RetrievalConfig) -> None:
        options = {"recall": config.index.recall, "storage": config.index.storage}
        try:
            index_for(config.index.kind, k=config.index.k, n_candidates=0, **options)
        except ValueError as error:
            raise RunFileError(f"`index`: {error}") from error
        check_blend(config.blend)
        for name in config.evaluate.baselines:
            create(name)
        if config.graph is not None and config.search.queries:
            raise RunFileError(
                "`graph` and `search.queries` do not go together: a graph's item vectors take in "
                "what is around an item, which a query does not have. To resolve this, leave one "
                "out, or train two models."
            )

    @classmethod
    def event_columns(cls, config: RetrievalConfig, shop: Any) -> Iterable[str]:
        columns = [config.split.column] if config.split.column else []
        typed = config.graph is not None and config.graph.types
        if typed and shop.events is not None and shop.events.type is not None:
            columns.append(shop.events.type)
        return tuple(dict.fromkeys(columns))

    @property
    def choice(self) -> Metric:  # type: ignore[override]
        return Metric(CHOICE if self.events else SEARCH_CHOICE)

    @property
    def events(self) -> bool:
        """Whether the shop has events to learn recommending from."""
        return self.data.shop.events is not None

    @cached_property
    def interactions(self) -> Interactions:
        """All events of the shop as distinct pairs: the histories that an export serves."""
        return Interactions.from_events(
            self.data.events, len(self.data.users), len(self.data.items)
        )

    @cached_property
    def queries(self) -> dict[str, Any]:
        """The query towers' encoders by feature."""
        return queries_of(self.config, self.data)

    def draw(self) -> RetrievalParts:
        check_blend(self.config.blend, len(self.data.items))
        if self.config.blend.ease and not self.events:
            raise RunFileError("`blend` needs events to learn EASE from, and the shop has none.")
        made = split(self.data, **self.config.split.model_dump()) if self.events else None
        if not self.queries:
            return RetrievalParts(made, None)
        chosen = self.config.items.encoders
        read = [*self.queries, *(self.data.items.features if chosen is None else chosen)]
        warm = None if made is None else made.warm_items
        search = search_parts(self.config, self.data, read, warm)
        if made is None and not len(search.valid):
            raise RunFileError(
                "`search.valid` leaves no items to choose the number of epochs by; raise it."
            )
        return RetrievalParts(made, search)

    def build(
        self,
        train: Part | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> TwoTower:
        config = self.config
        items, users, loss, search = config.items, config.users, config.train, config.search
        model = two_tower(
            self.data,
            None if train is None else train.pairs,
            encoders=items.encoders,
            fusion=items.fusion,
            dim=items.dim,
            id=items.id and self.events,
            id_dropout=items.id_dropout,
            modality_dropout=items.modality_dropout,
            budget=items.budget,
            history=users.history,
            history_size=users.history_size,
            user_id=users.id,
            user_id_dropout=users.id_dropout,
            user_features=users.features,
            temperature=loss.temperature,
            log_q=loss.log_q,
            hard_negatives=loss.hard_negatives,
            negatives=loss.negatives,
            heads=search.heads,
            queries=self.queries,
            contrast=search.loss,
            search_temperature=search.temperature,
            search_weight=search.weight,
            hide=search.hide,
            cache=cache_folder() if keep_media else None,
            states=states,
            graph=config.graph,
        )
        # Without shoppers nothing trains it.
        model.user_tower.trainable = self.events
        return model

    def batches(self, model: TwoTower, part: Part, first_epoch: int = 0) -> tf.data.Dataset:
        train = self.config.train
        asked = None
        if part.rows is not None:
            asked = aligned(self.config, self.data, model, part.rows, self.steps(part))(first_epoch)
        return model.batches(
            part.pairs,
            train.batch_size,
            aligned=asked,
            ordered=self.parts.split is not None and self.parts.split.ordered,
            balance=train.balance,
            groups=self._groups,
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def steps(self, part: Part) -> int:
        if part.pairs is not None:
            return -(-len(part.pairs) // self.config.train.batch_size)
        rows = 0 if part.rows is None else len(part.rows)
        return self.examples(part) // max(1, min(self.config.search.batch_size, rows))

    def examples(self, part: Part) -> int:
        if part.pairs is not None:
            return len(part.pairs)
        rows = 0 if part.rows is None else len(part.rows)
        size = max(1, min(self.config.search.batch_size, rows))
        return rows // size * size

    def validate(self, model: TwoTower) -> dict[str, float]:
        parts = self.parts
        row = {} if parts.split is None else validate(model, parts.split)
        if parts.search is not None and len(parts.search.valid):
            found = measure_search(
                model,
                self.config,
                parts.search,
                parts.search.valid,
                parts.search.train,
                refresh=parts.split is None,
            )
            first = next(iter(found.values()))
            row |= {SEARCH_CHOICE: first["recall@10"], "search_mrr": first["mrr"]}
        return row

    def decide(self, model: TwoTower, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        if not self.config.blend.ease:
            return {}, None
        choice = choose_blend(model, self.parts.split, self.config.blend, say)
        reached = [row[CHOICE] for row in choice.tried if row["weight"] == choice.weight]
        decided = {"blend": json.loads(json.dumps(dataclasses.asdict(choice)))}
        return decided, max(reached, default=None)

    def finish(self, model: TwoTower, train: Part, decided: Mapping[str, Any]) -> TwoTower | Blend:
        if train.rows is not None:
            model.keep_hubs(hub_queries(model, self.config, train.rows))
        choice = decided.get("blend")
        if train.pairs is None or not choice or choice["weight"] == 0:
            return model
        linear = fit_linear(train.pairs, choice["lam"], self.config.blend)
        return Blend(model, linear.weighted(choice["weight"], choice["scale"]))

    def evaluate(
        self, model: TwoTower | Blend, decided: Mapping[str, Any], say: Say = silent
    ) -> Metrics:
        parts, config = self.parts, self.config
        metrics: Metrics = {}
        if parts.split is not None:
            given = {}
            if ContentBaseline.name in config.evaluate.baselines:
                given[ContentBaseline.name] = {"item_vectors": content_vectors(self.data.items)}
            metrics = measure(model, parts.split, config.evaluate, say, params=given)
            if "blend" in decided:
                of_file = {"rank": config.blend.rank, "activity": config.blend.activity}
                metrics["blend"] = {**decided["blend"], **of_file}
            if model.linear is not None:
                metrics["blend"] |= measure_parts(model, parts.split, config.evaluate)
            metrics["split"] = parts.counts()
        if parts.search is not None and len(parts.search.test):
            asked = parts.search.test
            say(f"Measuring search by the {len(asked):,} items held out for its test.")
            metrics["search"] = measure_search(
                model.learned, config, parts.search, asked, parts.final_train().rows
            )
        shown = parts.split is not None
        metrics["looked_at"] = (
            looked_at(model.learned, parts.split, self.data.items) if shown else {}
        )
        return metrics

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        learned = [row for row in history if self.choice.name in row]
        return sections(metrics, folder, learned, self._pictures(metrics.get("looked_at", {})))

    def signatures(self, run: Any, settings: ExportSettings) -> Export:
        learned = run.model.learned.item_vectors()
        if run.pristine:
            remember_vectors(self, run.path / "model", run.model.learned.reads, learned)
        return export_of(self, run.model, settings, learned)

    def refresh(self, folder: Path, settings: ExportSettings) -> tuple[Export, dict[str, int]]:
        return refreshed(self, folder, settings)

    def save(self, model: TwoTower | Blend, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_hubs(folder, model.learned.hubs)
        if model.linear is not None:
            model.linear.save(folder, self.data.items.ids)
        super().save(model.learned, folder)

    def load(self, folder: Path, *, keep_media: bool = True) -> TwoTower | Blend:
        model = super().load(folder, keep_media=keep_media)
        model.keep_hubs(load_hubs(folder))
        linear = LinearPart.load(folder, self.data.items.ids)
        return model if linear is None else Blend(model, linear)

    def encoders(self) -> list[tuple[str, Encoder]]:
        every = [*make_encoders(self.data.items, self.config.items.encoders).items()]
        for name, choice in self.queries.items():
            many = choice if isinstance(choice, (list, tuple)) else [choice]
            kind = self.data.items.features[name].kind
            every += [(name, make_encoder(kind, one, 64)) for one in many]
        return every

    def summary(self) -> str:
        made, data = self.parts.split, self.data
        if made is None:
            return f"{len(data.items):,} items; there are no events, so the model learns to search."
        return (
            f"{len(data.items):,} items, {len(data.users):,} users, {len(data.events):,} events: "
            f"{len(made.train):,} distinct pairs to train on, {len(made.valid):,} for validation, "
            f"{len(made.test):,} for the test."
        )

    @classmethod
    def settings(cls, config: RetrievalConfig, given: Mapping[str, Any]) -> ExportSettings:
        own = {"k": config.index.k, "history_size": config.users.history_size}
        return super().settings(config, own | {k: v for k, v in given.items() if v is not None})

    @cached_property
    def _groups(self) -> np.ndarray | None:
        """The class of each item that `train.balance` evens out; None for every item its own."""
        name = self.config.train.balance_by
        if name is None:
            return None
        column = self.data.items.features.get(name)
        if not isinstance(column, CategoryColumn):
            features = self.data.items.features.items()
            categories = [n for n, c in features if c.kind == "category"]
            raise RunFileError(
                f"`train.balance_by` must name a category feature of the items, got {name!r}; "
                f"there are: {', '.join(categories) or 'none'}."
            )
        return column.codes + 1

    def _pictures(self, rows: Mapping[str, Any]) -> dict[str, Path]:
        """The first picture, where there is one, of each item that `looked_at` tells of."""
        items = self.data.items
        ids = [row["item"] for part in rows.values() for row in part]
        found: dict[str, Path] = {}
        for column in items.features.values():
            if isinstance(column, ImageColumn):
                shown = zip(ids, column.take(items.rows(ids)).paths, strict=True)
                found = {item: paths[0] for item, paths in shown if paths} | found
        return found
