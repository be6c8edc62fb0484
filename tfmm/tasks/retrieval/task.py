"""The task of retrieval: recommending, and searching in the same space."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.baselines import CategoryPopularity, content_vectors, create, item_categories
from tfmm.baselines import Content as ContentBaseline
from tfmm.data.columns import ImageColumn
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.splits import split
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoders
from tfmm.evaluation.evaluator import as_matrix, tested_users
from tfmm.evaluation.metrics import check_ks
from tfmm.tasks.base import Export, Metric, Metrics, Say, Section, Task, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.items.similar import show_similar, similar_items
from tfmm.tasks.items.task import ItemTask
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.choice import Chooser
from tfmm.tasks.retrieval.blend.fitting import blends, check_blend, fit_linear
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.blend.prior import load_priors, priors_of, save_priors
from tfmm.tasks.retrieval.build import check_edges, check_towers, check_users, two_tower
from tfmm.tasks.retrieval.config import RetrievalConfig, SplitConfig
from tfmm.tasks.retrieval.measure import (
    CHOICE,
    asked_for,
    list_lengths,
    looked_at,
    measure,
    measure_parts,
    ranked,
    validate,
)
from tfmm.tasks.retrieval.news import news
from tfmm.tasks.retrieval.parts import Part, RetrievalParts
from tfmm.tasks.retrieval.report import sections
from tfmm.tasks.retrieval.serve import retrieval_export
from tfmm.tasks.retrieval.settings import ExportSettings
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.examples import (
    classes_by,
    measure_search,
    read_by,
    search_batches,
    search_parts,
    search_row,
)
from tfmm.tasks.search.hubness import hub_queries, load_hubs, save_hubs
from tfmm.tasks.search.queries import check_queries, query_encoders
from tfmm.tasks.search.task import Search
from tfmm.tasks.weights import restore_weights, saved_states

#: What the metrics of a blend tell beside what was chosen.
_OF_THE_TEST = ("tried", "learned", "linear")


class Retrieval(ItemTask):
    """Finds items for shoppers, sessions, items and queries by one inner product.

    Two objectives share the item tower: recommendation, and search where the run file has queries.
    A shop without events has the second alone: `Search` takes its place.
    """

    name = "retrieval"
    Config = RetrievalConfig
    Settings = ExportSettings
    choice = Metric(CHOICE)
    backtested = (CHOICE, "ndcg@20")
    updates = True

    @classmethod
    def over(cls, config: RetrievalConfig, data: ShopData) -> Task:
        if data.shop.events is not None:
            return cls(config, data)
        if config.blend.ease:
            raise RunFileError(
                "`blend.ease` needs events to learn EASE from, and the shop has none."
            )
        if config.graph is not None:
            raise RunFileError("`graph` needs events, which are its edges, and the shop has none.")
        return Search(config, data)

    @classmethod
    def check(cls, config: RetrievalConfig) -> None:
        super().check(config)
        check_towers(config)
        check_blend(config.blend, config.prior)
        try:
            check_ks(list_lengths(config.evaluate))
        except ValueError as error:
            raise RunFileError(f"`evaluate.k`: {error}") from error
        for name in config.evaluate.baselines or ():
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

    @cached_property
    def pairs(self) -> Pairs:
        """All events of the shop as distinct pairs: the histories that an export serves."""
        return Pairs.from_events(self.data.events, len(self.data.users), len(self.data.items))

    @cached_property
    def queries(self) -> dict[str, Any]:
        """The query towers' encoders by feature."""
        return self.config.search.queries or {}

    def check_data(self, measured: bool = True) -> None:
        config, data = self.config, self.data
        check_users(data.users, config.users, config.items.dim)
        check_edges(data, config)
        check_queries(data.items, self.queries, config.items, config.search)
        classes_by(config.search.hard_by, "search.hard_by", data.items)
        _ = self._groups
        if measured:
            made = self.parts.split
            tested_users([as_matrix(part) for part in (made.test, made.cold_test_pairs)])

    def draw(self) -> RetrievalParts:
        check_blend(self.config.blend, self.config.prior, len(self.data.items))
        given = self.config.split.model_dump()
        made = split(self.data, repeats=self.config.evaluate.repeats, **given)
        if not self.queries:
            return RetrievalParts(made, None)
        read = read_by(self.config, self.data, self.queries)
        return RetrievalParts(made, search_parts(self.config, self.data, read, made.warm_items))

    def build(
        self,
        train: Part | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> TwoTower:
        return two_tower(
            self.data,
            None if train is None else train.pairs,
            self.config,
            cache=cache_folder() if keep_media else None,
            states=states,
        )

    def batches(self, model: TwoTower, part: Part, first_epoch: int = 0) -> tf.data.Dataset:
        train = self.config.train
        asked = None
        if part.rows is not None:
            asked = search_batches(
                self.config,
                self.data,
                model,
                part.rows,
                steps=self.steps(part),
                first_epoch=first_epoch,
            )
        return model.batches(
            part.pairs,
            train.batch_size,
            aligned=asked,
            ordered=self.parts.split.ordered,
            balance=train.balance,
            groups=self._groups,
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def at(self, valid: str, test: str, until: str) -> RetrievalConfig:
        kept = {name: getattr(self.config.split, name) for name in ("seed", "cold_items")}
        cut = SplitConfig(by="time", valid=valid, test=test, until=until, **kept)
        return self.config.with_values(split=cut)

    def examples(self, part: Part) -> int:
        return len(part.pairs)

    def validate(self, model: TwoTower) -> dict[str, float]:
        parts = self.parts
        row = validate(model, parts.split)
        if parts.search is not None and len(parts.search.valid):
            asked, learned = parts.search.valid, parts.search.train
            found = measure_search(model, self.config, parts.search, asked, learned, refresh=False)
            row |= search_row(found)
        return row

    def decide(self, model: TwoTower, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        config = self.config
        blend = config.blend if blends(config.blend, len(self.data.items)) else None
        prior = config.prior if config.prior.weight != 0 else None
        if blend is None and prior is None:
            return {}, None
        chooser = Chooser(model, self.parts.split, config.train.temperature, say)
        found = dict(zip(("blend", "prior"), chooser.choose(blend, prior), strict=True))
        decided = {name: dataclasses.asdict(made) for name, made in found.items() if made}
        return json.loads(json.dumps(decided)), chooser.reached

    def finish(self, model: TwoTower, train: Part, decided: Mapping[str, Any]) -> TwoTower | Blend:
        if train.rows is not None:
            model.keep_hubs(hub_queries(model, self.config, train.rows))
        linear = None
        choice = decided.get("blend")
        if choice and choice["weight"]:
            fitted = fit_linear(
                train.pairs, choice["lam"], self.config.blend, choice.get("half_life")
            )
            linear = fitted.weighted(choice["weight"], choice["scale"])
        choice = decided.get("prior")
        temperature = self.config.train.temperature
        priors = priors_of(choice, train.pairs, temperature) if choice else ()
        return Blend(model, linear, priors) if linear is not None or priors else model

    def evaluate(
        self, model: TwoTower | Blend, decided: Mapping[str, Any], say: Say = silent
    ) -> Metrics:
        parts, config = self.parts, self.config
        given: dict[str, dict[str, Any]] = {}
        categories = item_categories(self.data.items)
        if categories:
            given[CategoryPopularity.name] = {"categories": categories}
        if ContentBaseline.name in (config.evaluate.baselines or ()):
            given[ContentBaseline.name] = {"item_vectors": content_vectors(self.data.items)}
        metrics = measure(model, parts.split, config.evaluate, say, params=given)
        if "prior" in decided:
            metrics["prior"] = decided["prior"]
        if "blend" in decided:
            of_file = {"rank": config.blend.rank, "activity": config.blend.activity}
            metrics["blend"] = {**decided["blend"], **of_file}
        if model.linear is not None:
            metrics["blend"] |= measure_parts(model, parts.split, config.evaluate)
        made = parts.split
        metrics["split"] = {**parts.counts(), "by": made.by, "repeats": made.repeats}
        if parts.search is not None and len(parts.search.test):
            asked = parts.search.test
            say(f"Measuring search by the {len(asked):,} items held out for its test.")
            metrics["search"] = measure_search(
                model.learned, config, parts.search, asked, parts.final_train().rows
            )
        metrics["trained_until"] = _until(parts.final_train().pairs)
        metrics["looked_at"] = looked_at(model.learned, parts.split, self.data.items)
        metrics["similar"] = similar_items(
            model.learned.item_vectors(refresh=False), asked_for(made, count=3), self.data.items
        )
        return metrics

    def update(
        self,
        folder: Path,
        since: str,
        before: Metrics,
        replay: float,
        learn: Callable[[TwoTower, Part], None],
        say: Say = silent,
    ) -> tuple[TwoTower | Blend, Metrics]:
        told = news(self.pairs, since, replay, self.config)
        say(
            f"{len(told.new):,} new pairs of {len(told.log.user):,} new events, and "
            f"{len(told.again):,} of before."
        )
        ks, repeats = list_lengths(self.config.evaluate), self.config.evaluate.repeats
        metrics = ranked(self.load(folder), told.known, told.new, ks, repeats=repeats)
        rows = self.parts.final_train().rows
        whole = Part(self.pairs, rows)
        model = self.build(whole, saved_states(folder))
        restore_weights(model, folder, self.data.items.ids, self.data.users.ids)
        learn(model, Part(Pairs.concat(told.new, told.again), rows))
        decided: dict[str, Any] = {
            name: {key: value for key, value in before[name].items() if key not in _OF_THE_TEST}
            for name in ("blend", "prior")
            if name in before
        }
        metrics |= {
            **decided,
            "updated": {"events": len(told.log.user), "pairs": len(told.new)},
            "trained_until": _until(self.pairs),
        }
        return self.finish(model, whole, decided), metrics

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        show_similar(metrics.get("similar", {}), self.data.items, folder)
        learned = [row for row in history if self.choice.name in row]
        return sections(metrics, folder, learned, self._pictures(metrics.get("looked_at", {})))

    def export(
        self, model: TwoTower | Blend, settings: ExportSettings, vectors: np.ndarray
    ) -> Export:
        return retrieval_export(self, model, settings, vectors)

    @property
    def joined(self) -> bool:
        # A graph reaches new items through those that they are like.
        return self.config.graph is not None

    @classmethod
    def read_by(cls, states: Mapping[str, Any]) -> Sequence[str]:
        return [*super().read_by(states), *states.get("graph", {}).get("features", [])]

    @classmethod
    def reads_knowledge(cls, states: Mapping[str, Any]) -> bool:
        return bool(states.get("graph", {}).get("knowledge"))

    def save(self, model: TwoTower | Blend, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_hubs(folder, model.learned.hubs)
        if model.linear is not None:
            model.linear.save(folder, self.data.items.ids)
        if model.priors:
            save_priors(model.priors, folder, self.data.items.ids)
        super().save(model.learned, folder)

    def completed(self, model: TwoTower, folder: Path) -> TwoTower | Blend:
        model.keep_hubs(load_hubs(folder))
        linear = LinearPart.load(folder, self.data.items.ids)
        priors = load_priors(folder, self.data.items.ids)
        return Blend(model, linear, priors) if linear is not None or priors else model

    def encoders(self) -> list[tuple[str, Encoder]]:
        items = make_encoders(self.data.items, self.config.items.encoders)
        return [*items.items(), *query_encoders(self.data.items, self.queries)]

    def summary(self) -> str:
        made, data = self.parts.split, self.data
        return (
            f"{len(data.items):,} items, {len(data.users):,} users, {len(data.events):,} events: "
            f"{len(made.train):,} distinct pairs to train on, {len(made.valid):,} for validation, "
            f"{len(made.test):,} for the test."
        )

    @classmethod
    def run_settings(cls, config: RetrievalConfig) -> dict[str, Any]:
        return super().run_settings(config) | {
            "history_size": config.users.history_size,
            "exclude_seen": not config.evaluate.repeats,
        }

    @cached_property
    def _groups(self) -> np.ndarray | None:
        """The class of each item that `train.balance` evens out; None for every item its own."""
        return classes_by(self.config.train.balance_by, "train.balance_by", self.data.items)

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


def _until(pairs: Pairs) -> str | None:
    """The time of the latest event, as ISO text in UTC; None without times."""
    time = pairs.log.time
    if time is None or not len(time):
        return None
    return np.datetime_as_string(np.datetime64(int(time[-1]), "us"), timezone="UTC")
