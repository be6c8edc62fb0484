"""The task of classification: one label an item, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.baselines import classes
from tfmm.data.columns import TextColumn
from tfmm.data.files import cache_folder
from tfmm.encoders import Encoder
from tfmm.encoders.choice import make_encoders
from tfmm.encoders.raw import check_embedder
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.classes import (
    class_metrics,
    confusion,
    most_confused,
    per_class,
    reliability,
)
from tfmm.layers.content import build_content
from tfmm.tasks.base import Export, Metric, Metrics, RowParts, Say, Section, Task, silent
from tfmm.tasks.classification.batches import rarer
from tfmm.tasks.classification.calibration import temperature_of, threshold_for
from tfmm.tasks.classification.config import ClassificationConfig, ServeConfig
from tfmm.tasks.classification.frozen import frozen_inputs
from tfmm.tasks.classification.labels import Labels, labels_of
from tfmm.tasks.classification.losses import LOSSES, LabelLoss
from tfmm.tasks.classification.model import Classifier, probabilities_of
from tfmm.tasks.classification.parts import parts_of
from tfmm.tasks.classification.report import sections
from tfmm.tasks.classification.signatures import export_of
from tfmm.tasks.config import RunFileError, check_baselines
from tfmm.tasks.items.fused import check_fusion

#: Shares of right answers that thresholds are chosen for.
PRECISIONS = tuple(round(0.5 + 0.01 * step, 2) for step in range(50))
BASELINES = ("majority", "tfidf", "vectors", "neighbours")
#: How much seldomer a feature must be where labels are told to be hidden in training.
_NOTICED = 0.1


class Classification(Task):
    """Tells the label of an item, or its tags, from its words, pictures and other features."""

    name = "classification"
    Config = ClassificationConfig
    Settings = ServeConfig

    @classmethod
    def check(cls, config: ClassificationConfig) -> None:
        check_baselines(config.evaluate.baselines, BASELINES)
        if config.train.loss not in LOSSES:
            raise RunFileError(
                f"`train.loss` must be one of {', '.join(LOSSES)}, got {config.train.loss!r}."
            )
        check_fusion(config.items)
        if not config.label.features:
            raise RunFileError("`label.feature` must name a feature, got an empty list.")
        for name in config.label.features:
            if name in (config.items.encoders or {}):
                raise RunFileError(
                    f"`items.encoders` reads {name!r}, which is the label: the answer would be "
                    "given away. Leave it out."
                )

    @property
    def choice(self) -> Metric:  # type: ignore[override]
        return Metric("micro_f1" if self.labels.several else "accuracy")

    @cached_property
    def labels(self) -> Labels:
        """The labels of the catalogue's items."""
        label = self.config.label
        return labels_of(self.data.items, label.features, label.min_items)

    @cached_property
    def reads(self) -> dict[str, Any]:
        """The encoders by feature, as the run file chooses them."""
        chosen = self.config.items.encoders
        if chosen is not None:
            return dict(chosen)
        features = self.data.items.features
        own = (*self.config.label.features, self.config.split.feature)
        made = make_encoders(self.data.items, None)
        return {name: made[name].registered for name in features if name not in own}

    def check_data(self, measured: bool = True) -> None:
        for encoder in make_encoders(self.data.items, self.reads).values():
            check_embedder(encoder)

    def draw(self) -> RowParts:
        if not self.reads:
            raise RunFileError(
                "The model reads nothing: name encoders under `items.encoders`, or give the shop "
                "file features beside the label."
            )
        return parts_of(self.data.items, self.labels, self.config.split, list(self.reads))

    def build(
        self,
        train: NDArray[np.integer] | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Classifier:
        config = self.config
        items, fitting = config.items, config.train
        labels = self.labels
        if states is not None:
            known = [tuple(path) for path in states["labels"]]
            labels = labels_of(self.data.items, config.label.features, paths=known)
        content, inputs = build_content(
            self.data.items,
            # What joined the shop file since was never learned from.
            self.reads if states is None else {name: self.reads[name] for name in states["items"]},
            fusion=items.fused_by,
            dim=items.dim,
            budget=len(self.data.items),
            states=(states or {}).get("items"),
            cache=cache_folder() if keep_media else None,
            name="content",
        )
        assert content is not None
        shares = np.full(len(labels.names), 1 / len(labels.names))
        if train is not None:
            shares = labels.has[train].mean(axis=0)
        loss = LabelLoss(
            shares,
            labels.several,
            loss=fitting.loss,
            focus=fitting.focus,
            smoothing=fitting.smoothing,
            adjust=fitting.adjust,
            levels=[level.of for level in labels.levels],
        )
        return Classifier(content, inputs, labels, loss, dropout=items.dropout)

    def batches(
        self, model: Classifier, part: NDArray[np.integer], first_epoch: int = 0
    ) -> tf.data.Dataset:
        train = self.config.train
        return model.batches(
            part,
            train.batch_size,
            balance=train.balance,
            hidden=self._hidden(model, part),
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def _hidden(self, model: Classifier, part: NDArray[np.integer]) -> NDArray[np.float32]:
        hidden = rarer(model.items.present, part, self.parts.valid)
        # A few items more or less say nothing.
        return np.where(hidden < _NOTICED, 0.0, hidden).astype(np.float32)

    def validate(self, model: Classifier) -> dict[str, float]:
        return self._measured(model.probabilities(self.parts.valid), self.parts.valid)

    def decide(self, model: Classifier, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        valid, several = self.parts.valid, self.labels.several
        logits, has = model.logits(valid), self.labels.has[valid]
        temperature = temperature_of(logits, has, several)
        found = probabilities_of(logits / temperature, several)
        sure, right = found.ravel(), has.ravel()
        if not several:
            sure, right = found.max(axis=1), found.argmax(axis=1) == has.argmax(axis=1)
        thresholds = [
            {
                "precision": float(precision),
                "threshold": (threshold := threshold_for(sure, right, precision)),
                "share": float((sure >= threshold).mean()),
            }
            for precision in PRECISIONS
        ]
        return {"temperature": temperature, "thresholds": thresholds}, None

    def finish(
        self, model: Classifier, train: NDArray[np.integer], decided: Mapping[str, Any]
    ) -> Classifier:
        model.temperature.assign(decided["temperature"])
        return model

    def evaluate(self, model: Classifier, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        test, has = self.parts.test, self.labels.has[self.parts.test]
        several, names = self.labels.several, list(self.labels.names)
        say(f"Measuring the model on the {len(test):,} items of the test part.")
        logits = model.logits(test)
        found = probabilities_of(logits / model.temperature.numpy(), several)
        raw = self._measured(probabilities_of(logits, several), test)
        baselines, answers = self._baselines(say)
        metrics: Metrics = {
            "model": self._measured(found, test),
            "uncalibrated": raw["calibration_error"],
            "temperature": float(model.temperature.numpy()),
            "modalities": self._modalities(model, found),
            "hidden": {
                name: float(share)
                for name, share in zip(
                    model.items.columns, self._hidden(model, self.parts.train), strict=True
                )
                if share
            },
            "baselines": baselines,
            "split": self.parts.counts(),
            "rare": self.labels.rare,
            "partial": self.labels.partial,
            "thresholds": decided["thresholds"],
        }
        if several:
            metrics["reliability"] = reliability(found.ravel(), has.ravel())
            return metrics
        metrics["levels"] = {
            level.feature: {
                who: class_metrics(level.sums(given), level.sums(has) > 0)
                for who, given in {"model": found, **answers}.items()
            }
            for level in self.labels.levels
        }
        label = has.argmax(axis=1)
        right = found.argmax(axis=1) == label
        metrics["compared"] = {
            who: {"accuracy": _compared(right, given.argmax(axis=1) == label)}
            for who, given in answers.items()
        }
        rows = zip(names, per_class(found, has), strict=True)
        matrix = confusion(found, has)
        metrics["reliability"] = reliability(found.max(axis=1), right)
        metrics["labels"] = [{"label": name, **row} for name, row in rows]
        metrics["confusion"] = {"labels": names, "items": matrix.tolist()}
        metrics["confused"] = [list(row) for row in most_confused(matrix, names)]
        return metrics

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        return sections(metrics, folder, history, self.choice.name)

    def signatures(self, run: Any, settings: ServeConfig) -> Export:
        return export_of(self, run.model, settings.k)

    def encoders(self) -> list[tuple[str, Encoder]]:
        return list(make_encoders(self.data.items, self.reads).items())

    def summary(self) -> str:
        counts, labels = self.parts.counts(), self.labels
        labelled = int(labels.labelled.sum())
        return (
            f"{len(self.data.items):,} items, {labelled:,} of them with some of the "
            f"{len(labels.names):,} labels of {labels.features[-1]!r}: {counts['train']:,} "
            f"to train on, {counts['valid']:,} for validation, {counts['test']:,} for the test."
        )

    @classmethod
    def run_settings(cls, config: ClassificationConfig) -> dict[str, Any]:
        return config.serve.model_dump()

    def _measured(self, found: NDArray[np.float32], rows: NDArray[np.integer]) -> dict[str, float]:
        return self._metrics(found, self.labels.has[rows])

    def _metrics(self, found: NDArray[np.float32], has: NDArray[np.bool_]) -> dict[str, float]:
        label = self.config.label
        return class_metrics(found, has, several=self.labels.several, threshold=label.threshold)

    def _modalities(
        self, model: Classifier, found: NDArray[np.float32]
    ) -> dict[str, dict[str, float]]:
        """What is lost without each modality, and its weight in fusion."""
        test, name = self.parts.test, self.choice.name
        whole = self._measured(found, test)[name]
        weights = model.modality_weights(test)
        rows = {}
        for feature in model.items.columns:
            without = self._measured(model.probabilities(test, mask=feature), test)[name]
            rows[feature] = {"drop": whole - without}
            if feature in weights:
                rows[feature]["weight"] = weights[feature]
        return rows

    def _baselines(self, say: Say) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
        """What the baselines reach on the test, and their probabilities `[n, C]` there."""
        chosen = self.config.evaluate.baselines
        answers: dict[str, NDArray[np.float32]] = {}
        if not chosen:
            return {}, answers
        say(f"Tuning and measuring the baselines: {', '.join(chosen)}.")
        parts, labels, items = self.parts, self.labels, self.data.items
        final, test = parts.final_train(), parts.test
        three = (parts.train, parts.valid, final)
        name = self.choice.name
        measured: dict[str, Any] = {}

        def tune(title: str, make: Callable[..., Any], values: Sequence[Any], inputs: Any) -> None:
            found, best = classes.tuned(
                make,
                values,
                inputs,
                labels.has,
                three,
                test,
                lambda given, has: self._metrics(given, has)[name],
                labels.several,
            )
            answers[title] = found
            measured[title] = {**self._measured(found, test), "params": {"value": best}}

        if "majority" in chosen:
            share = classes.majority(labels.has, final)
            answers["majority"] = np.tile(share, (len(test), 1))
            measured["majority"] = self._measured(answers["majority"], test)
        if "tfidf" in chosen:
            texts = [
                column
                for feature, column in items.features.items()
                if feature in self.reads and isinstance(column, TextColumn)
            ]
            if texts:
                joined = [" ".join(row) for row in zip(*(_words(c) for c in texts), strict=True)]
                inputs = classes.text_inputs(joined, final)
                tune("tfidf", classes.regression, classes.STRENGTHS, inputs)
            else:
                measured["tfidf"] = {"left_out": "the model reads no text."}
        if {"vectors", "neighbours"} & set(chosen):
            made = make_encoders(items, self.reads)
            vectors = frozen_inputs(items, made, cache_folder())
            for title, make, values in (
                ("vectors", classes.regression, classes.STRENGTHS),
                ("neighbours", classes.neighbours, classes.NEIGHBOURS),
            ):
                if title not in chosen:
                    continue
                if vectors is None:
                    why = "the model reads no feature by a pretrained encoder."
                    measured[title] = {"left_out": why}
                else:
                    tune(title, make, values, classes.scaled(vectors, final))
        return measured, answers


def _compared(own: NDArray[np.bool_], other: NDArray[np.bool_]) -> dict[str, float]:
    """How much more often the model is right, and between what that lies."""
    names = ("difference", "low", "high")
    return dict(zip(names, paired_bootstrap(own * 1.0, other * 1.0), strict=True))


def _words(column: TextColumn) -> list[str]:
    return [str(value) for value in column.values]
