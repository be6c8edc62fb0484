"""The task of search: items found by words, pictures and sounds, without any shopper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.data.files import cache_folder
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoders
from tfmm.evaluation.in_words import in_short
from tfmm.evaluation.learning import learning_section
from tfmm.tasks.base import Export, Metric, Metrics, Say, Section, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.items.settings import ItemSettings
from tfmm.tasks.items.similar import show_similar, similar_items
from tfmm.tasks.items.task import ItemTask
from tfmm.tasks.search.baselines import search_baselines
from tfmm.tasks.search.config import SearchRunConfig
from tfmm.tasks.search.examples import (
    SEARCH_CHOICE,
    SearchParts,
    classes_by,
    epoch_of,
    measure_search,
    queries_of,
    read_by,
    search_batches,
    search_parts,
    search_row,
)
from tfmm.tasks.search.hubness import hub_queries, load_hubs, save_hubs
from tfmm.tasks.search.model import ItemModel, item_model
from tfmm.tasks.search.queries import check_queries, query_encoders
from tfmm.tasks.search.report import search_in_words, search_section
from tfmm.tasks.search.serve import search_export


class Search(ItemTask):
    """Finds items by what is said or shown of them; the catalogue is all that it learns from.

    `tfmm.tasks.retrieval` carries the same objective beside its own where a shop has events.
    """

    name = "search"
    Config = SearchRunConfig
    choice = Metric(SEARCH_CHOICE)

    @cached_property
    def queries(self) -> dict[str, Any]:
        """The query towers' encoders by feature."""
        return queries_of(self.config, self.data)

    def check_data(self, measured: bool = True) -> None:
        config = self.config
        check_queries(self.data.items, self.queries, config.items, config.search)
        classes_by(config.search.hard_by, "search.hard_by", self.data.items)

    def draw(self) -> SearchParts:
        parts = search_parts(self.config, self.data, read_by(self.config, self.data, self.queries))
        if not len(parts.valid):
            raise RunFileError(
                "`search.valid` leaves no items to choose the number of epochs by; raise it."
            )
        return parts

    def build(
        self,
        train: np.ndarray | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> ItemModel:
        cache = cache_folder() if keep_media else None
        return item_model(self.data, self.queries, self.config, cache=cache, states=states)

    def batches(self, model: ItemModel, part: np.ndarray, first_epoch: int = 0) -> tf.data.Dataset:
        return search_batches(self.config, self.data, model, part, first_epoch=first_epoch)

    def steps(self, part: np.ndarray) -> int:
        return epoch_of(self.config, part)[0]

    def examples(self, part: np.ndarray) -> int:
        steps, size = epoch_of(self.config, part)
        return steps * size

    def validate(self, model: ItemModel) -> dict[str, float]:
        parts = self.parts
        return search_row(measure_search(model, self.config, parts, parts.valid, parts.train))

    def finish(self, model: ItemModel, train: np.ndarray, decided: Mapping[str, Any]) -> ItemModel:
        model.keep_hubs(hub_queries(model, self.config, train))
        return model

    def evaluate(self, model: ItemModel, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        parts = self.parts
        metrics: Metrics = {"split": parts.counts()}
        if not len(parts.test):
            return metrics
        say(f"Measuring search by the {len(parts.test):,} items held out for its test.")
        found = measure_search(
            model, self.config, parts, parts.test, parts.final_train(), refresh=True
        )
        if not found:
            return metrics
        simple: dict[str, dict[str, Any]] = {}
        for feature in found:
            asked = parts.test[self.data.items.features[feature].present[parts.test]]
            made = search_baselines(self.data.items, feature, parts.groups, asked)
            for name, row in made.items():
                simple.setdefault(name, {})[feature] = row
        first = next(iter(found))
        vectors, some = model.item_vectors(refresh=False), {"cold": parts.test[:3]}
        return metrics | {
            "similar": similar_items(vectors, some, self.data.items),
            "model": search_row(found),
            "baselines": {
                name: search_row({first: rows[first]})
                for name, rows in simple.items()
                if first in rows
            },
            "search": found,
            "search_baselines": simple,
        }

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        show_similar(metrics.get("similar", {}), self.data.items, folder)
        search, simple = metrics.get("search", {}), metrics.get("search_baselines")
        return [
            *in_short(search_in_words(search, simple)),
            *search_section(search, simple),
            *learning_section(history, SEARCH_CHOICE, folder),
        ]

    def export(self, model: ItemModel, settings: ItemSettings, vectors: np.ndarray) -> Export:
        return search_export(self, model, settings, vectors)

    def save(self, model: ItemModel, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        save_hubs(folder, model.hubs)
        super().save(model, folder)

    def completed(self, model: ItemModel, folder: Path) -> ItemModel:
        model.keep_hubs(load_hubs(folder))
        return model

    def encoders(self) -> list[tuple[str, Encoder]]:
        items = make_encoders(self.data.items, self.config.items.encoders)
        return [*items.items(), *query_encoders(self.data.items, self.queries)]

    def summary(self) -> str:
        counts = self.parts.counts()
        return (
            f"{len(self.data.items):,} items to learn searching: {counts['train']:,} to train on, "
            f"{counts['valid']:,} for validation, {counts['test']:,} for the test."
        )
