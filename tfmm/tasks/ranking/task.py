"""The task of ranking: what a shopper does with what is shown, and how it is liked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.config.names import unknown
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoders
from tfmm.evaluation.labels import label_counts, label_metrics, reliability
from tfmm.evaluation.report import Section
from tfmm.tasks.base import Metric, Metrics, Say, Task, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking import baselines
from tfmm.tasks.ranking.answers.signatures import Served, export_of
from tfmm.tasks.ranking.baselines import compared, names
from tfmm.tasks.ranking.build import Builder
from tfmm.tasks.ranking.calibration import slope_and_shift
from tfmm.tasks.ranking.config import RankingConfig, ServeConfig
from tfmm.tasks.ranking.decided import Decided
from tfmm.tasks.ranking.model import Ranker
from tfmm.tasks.ranking.network.losses import lists_needed
from tfmm.tasks.ranking.network.network import blocks_of
from tfmm.tasks.ranking.reading.labels import Label
from tfmm.tasks.ranking.reading.parts import EventParts
from tfmm.tasks.ranking.reading.reader import lists_and_steps
from tfmm.tasks.ranking.report import sections
from tfmm.tasks.ranking.retrieved.finder import check_vectors, retrieval_config
from tfmm.tasks.ranking.retrieved.stage import judged, measured
from tfmm.tasks.ranking.retrieved.vectors import Retrieved
from tfmm.tasks.retrieval.task import Retrieval
from tfmm.tasks.weights import saved_states

#: What validation chooses a second stage by.
STAGES = "two stages ndcg@20"
#: Folder of what is kept of a retrieval run, beside the weights.
RETRIEVED = "retrieved"
#: What the first label is chosen by, by its loss.
_CHOICES = {
    "binary": ("auc", True),
    "squared": ("rmse", False),
    "ordinal": ("rmse", False),
    "pairwise": ("ndcg@10", True),
    "listwise": ("ndcg@10", True),
}


class Ranking(Task):
    """Tells what a shopper does with an item that is shown, label by label, or how it is rated."""

    name = "ranking"
    Config = RankingConfig
    Settings = ServeConfig

    def __init__(self, config: RankingConfig, data: ShopData) -> None:
        super().__init__(config, data)
        self.builder = Builder(config, data)

    @classmethod
    def check(cls, config: RankingConfig) -> None:
        blocks_of(config.network)
        for name in config.evaluate.baselines or ():
            if name not in names():
                raise RunFileError(f"`evaluate.baselines`: {unknown('baseline', name, names())}")
        check_vectors(config)

    @classmethod
    def event_columns(cls, config: RankingConfig, shop: Any) -> Iterable[str]:
        columns = [] if config.split.column is None else [config.split.column]
        if config.vectors is not None and Path(config.vectors).is_dir():
            read = retrieval_config(Path(config.vectors))
            columns += Retrieval.event_columns(read, shop)
        return tuple(dict.fromkeys(columns))

    def check_data(self, measured: bool = True) -> None:
        self.builder.check()

    @cached_property
    def choice(self) -> Metric:  # type: ignore[override]
        if self.config.negatives.by == "retrieval" and not self.builder.labels[0].numeric:
            return Metric(STAGES)
        return self._told

    @property
    def _told(self) -> Metric:
        """What the test tells of the first label."""
        label = self.builder.labels[0]
        name, higher = _CHOICES[label.loss]
        return Metric(f"{label.name} {name}", higher)

    def draw(self) -> EventParts:
        if not len(self.data.examples):
            raise RunFileError("The shop has no events to learn from.")
        return self.builder.parts

    def build(
        self,
        train: NDArray[np.integer] | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Ranker:
        events = self._learned() if train is None else train
        cache = cache_folder() if keep_media else None
        return self.builder.build(self.builder.learnable(events), states, cache)

    def load(self, folder: Path, *, keep_media: bool = True) -> Ranker:
        decided = saved_states(folder).get("ranking")
        if decided is not None:
            self.builder = Builder(self.config, self.data, Decided.of_state(decided))
        self.builder.kept = Retrieved.load(folder / RETRIEVED, self.data.items.ids)
        return super().load(folder, keep_media=keep_media)

    def _learned(self) -> NDArray[np.integer]:
        """The events that a saved model learned from, by the tables as they are."""
        try:
            return self.parts.final_train()
        except RunFileError:
            # Of a table whose old events are gone, no part of the training may be left.
            return self.builder.told

    def batches(
        self, model: Ranker, part: NDArray[np.integer], first_epoch: int = 0
    ) -> tf.data.Dataset:
        train = self.config.train
        part = self.builder.learnable(part)
        return model.batches(part, train.batch_size, seed=train.seed, first_epoch=first_epoch)

    def steps(self, part: NDArray[np.integer]) -> int:
        lists = lists_needed(self.builder.labels)
        size, part = self.config.train.batch_size, self.builder.learnable(part)
        return lists_and_steps(self.builder.shown, part, size, lists=lists)[1]

    def examples(self, part: NDArray[np.integer]) -> int:
        return len(self.builder.learnable(part)) * (1 + self.builder.shown.each)

    def validate(self, model: Ranker) -> dict[str, float]:
        row = self._measured(model, self.parts.valid)
        if self.config.negatives.by == "retrieval":
            row[STAGES] = self._as_second_stage(model)
        return row

    def _as_second_stage(self, model: Ranker) -> float:
        """NDCG@20 of what the chosen retrieval model finds for the shoppers of validation, in the
        ranker's order."""
        builder, finder = self.builder, self.builder.finder
        made = finder.task.parts.split
        users = np.unique(builder.shown.user[self.parts.valid])
        users = users[made.valid.user_counts()[users] > 0]
        truth = made.valid.subset(np.isin(made.valid.user, users))
        lists = builder.lists[0][users]
        reader = builder.reader_at_begin(model.reader)
        served = Served(model, reader, self.data, builder.context, 0)
        scores = judged(served, users, lists, finder.window.begin // 1_000_000)
        found = measured(users, lists, scores, truth, made.train, (20,), made.repeats)
        return found["model"]["ndcg@20"]

    def decide(self, model: Ranker, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        rows = self.builder.shown.of(self.parts.valid)
        scores, labels = model.scores(rows), self.builder.shown.labels[rows]
        return {
            "calibration": [
                [1.0, 0.0] if label.numeric else list(slope_and_shift(scores[:, at], labels[:, at]))
                for at, label in enumerate(self.builder.labels)
            ]
        }, None

    def finish(
        self, model: Ranker, train: NDArray[np.integer], decided: Mapping[str, Any]
    ) -> Ranker:
        for head, (slope, shift) in zip(model.heads, decided["calibration"], strict=True):
            head.slope.assign(slope)
            head.shift.assign(shift)
        if self.config.vectors is not None:
            model.reader.retrieved = self.builder.finder.now
        return model

    def save(self, model: Ranker, folder: Path) -> None:
        if model.reader.retrieved is not None:
            model.reader.retrieved.save(folder / RETRIEVED, self.data.items.ids)
        super().save(model, folder)

    def evaluate(self, model: Ranker, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        made = self.builder.shown
        rows = made.of(self.parts.test)
        say(f"Measuring the model on the {len(rows):,} examples of the test part.")
        said = model.answers(rows)
        metrics: Metrics = {
            "model": self._metrics(said, rows),
            "counts": {
                label.name: label_counts(label.kind, made.labels[rows, at], made.user[rows])
                for at, label in enumerate(self.builder.labels)
            },
            "split": self.parts.counts(),
            "calibration": decided["calibration"],
            "suspects": self.builder.suspects,
            "baselines": {},
            "compared": {},
            "reliability": {},
        }
        chosen = self.config.evaluate.baselines
        if chosen is None or chosen:
            say("Tuning and measuring the baselines.")
        for at, label in enumerate(self.builder.labels):
            self._beside(metrics, label, said[:, at], rows, at)
        return metrics

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        learned = history, self.choice.name
        return sections(metrics, learned, folder, self.builder.labels, self._told)

    def signatures(self, run: Any, settings: Any) -> Any:
        return export_of(self, run.model, settings.by)

    def encoders(self) -> list[tuple[str, Encoder]]:
        made = make_encoders(self.data.items, self.builder.chosen("items"), self.config.network.dim)
        return list(made.items())

    def summary(self) -> str:
        counts, made = self.parts.counts(), self.builder.shown
        beside = f", each beside {made.each} drawn items" if made.each else ""
        names = ", ".join(label.name for label in self.builder.labels)
        return (
            f"{len(self.data.users):,} users, {len(self.data.items):,} items, {made.events:,} "
            f"events that say {names}{beside}: {counts['train']:,} to train on, "
            f"{counts['valid']:,} for validation, {counts['test']:,} for the test."
            + "".join(f"\n{line}" for line in self.builder.suspects)
        )

    @classmethod
    def run_settings(cls, config: RankingConfig) -> dict[str, Any]:
        return config.serve.model_dump()

    def measure(self, said: NDArray[np.floating], rows: NDArray[np.integer], at: int) -> Metrics:
        """The metrics of one label's answers `[m]` for examples."""
        made, label = self.builder.shown, self.builder.labels[at]
        return label_metrics(label.kind, said, made.labels[rows, at], made.user[rows])

    def _beside(
        self,
        metrics: Metrics,
        label: Label,
        said: NDArray[np.floating],
        rows: NDArray[np.int64],
        at: int,
    ) -> None:
        """Adds what simple models reach, and how reliable the probabilities are, of one label."""
        made, data = self.builder.shown, self.data
        values = made.labels[:, at]
        there = np.isfinite(values[rows])
        true, group = values[rows][there], made.user[rows][there]
        if not label.numeric:
            metrics["reliability"][label.name] = reliability(said[there], true)
        asked = self.config.evaluate.baselines
        if asked is not None and not asked:
            return
        parts = [made.of(part) for part in (self.parts.train, self.parts.valid)]
        others = baselines.measured(
            label,
            values,
            made,
            self.builder.table,
            [*parts, rows],
            asked,
            data.items,
            len(data.users),
        )
        metrics["compared"][label.name] = compared(label, said[there], others, true, group)
        for name, row in others.items():
            mine = metrics["baselines"].setdefault(name, {})
            for key, value in row.items():
                if key == "params":
                    mine.setdefault("params", {})[label.name] = value
                elif key != "said":
                    mine[key if key == "left_out" else f"{label.name} {key}"] = value

    def _measured(self, model: Ranker, part: NDArray[np.integer]) -> dict[str, float]:
        rows = self.builder.shown.of(part)
        return self._metrics(model.answers(rows), rows)

    def _metrics(self, said: NDArray[np.float32], rows: NDArray[np.int64]) -> dict[str, float]:
        return {
            f"{label.name} {metric}": value
            for at, label in enumerate(self.builder.labels)
            for metric, value in self.measure(said[:, at], rows, at).items()
        }
