"""The task of reviews: how shoppers feel, and about what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.columns import TextColumn
from tfmm.encoders.raw import check_embedder
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.tasks.base import Export, Metric, Metrics, RowParts, Say, Section, Task, silent
from tfmm.tasks.config import RunFileError, check_baselines
from tfmm.tasks.reviews.calibration import fitted_mix, presence_threshold
from tfmm.tasks.reviews.config import ReviewsConfig, ServeConfig
from tfmm.tasks.reviews.measures import measured
from tfmm.tasks.reviews.model import POLARITY, SENTIMENT, Reader
from tfmm.tasks.reviews.report import sections
from tfmm.tasks.reviews.signatures import export_of
from tfmm.tasks.reviews.simple import BASELINES, baselines
from tfmm.tasks.reviews.targets import Labels, Targets, labels_of, targets_of
from tfmm.tasks.texts.batches import text_batches, text_blocks
from tfmm.tasks.texts.encoder import token_encoder
from tfmm.tasks.texts.parts import text_parts

#: What epochs may be chosen by, of which more is better.
CHOICES = (
    "score",
    "accuracy",
    "macro_f1",
    "weighted_f1",
    "auc",
    "polarity_accuracy",
    "polarity_macro_f1",
    "term_f1",
    "category_f1",
    "category_accuracy",
)


class Reviews(Task):
    """Tells how reviews feel, the terms that they speak of, and how they feel about each."""

    name = "reviews"
    Config = ReviewsConfig
    Settings = ServeConfig

    @classmethod
    def check(cls, config: ReviewsConfig) -> None:
        check_baselines(config.evaluate.baselines, BASELINES)
        if config.train.choose not in (None, *CHOICES):
            raise RunFileError(
                f"`train.choose` must be one of {', '.join(CHOICES)}, got {config.train.choose!r}."
            )
        _encoder(config)

    def check_data(self, measured: bool = True) -> None:
        check_embedder(_encoder(self.config))

    @cached_property
    def labels(self) -> Labels:
        """What the reviews are labelled with."""
        return labels_of(self.data.reviews, self.config)

    @property
    def choice(self) -> Metric:  # type: ignore[override]
        return Metric(self.config.train.choose or "score")

    def draw(self) -> RowParts:
        reviews, labels = self.data.reviews, self.labels
        if not len(reviews):
            raise RunFileError(
                "The shop file has no reviews to learn from: give it `reviews: {table, text, …}` "
                "with `rating`, `aspects` or both."
            )
        usable = (labels.sentiment.codes >= 0) | reviews.annotated
        if not usable.any():
            raise RunFileError(
                "No review says anything to learn: none has a rating of two classes or more, and "
                "the table of aspects names none. Give `reviews.rating` or `reviews.aspects` in "
                "the shop file, and see `sentiment.classes` and `sentiment.min_reviews`."
            )
        return text_parts(reviews.text, reviews.part, self.config.split, usable)

    def build(
        self,
        train: NDArray[np.integer] | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Reader:
        encoder = _encoder(self.config)
        labels = self.labels
        if states is None:
            texts = self.data.reviews.text
            encoder.adapt(TextColumn(texts if train is None else texts[train]))
        else:
            encoder.load_state(states["text"])
            labels = labels_of(self.data.reviews, self.config, states["labels"])
        encoder.build(None)
        return Reader(encoder, labels, self.config)

    def read(self, model: Reader) -> Read:
        """The reviews as a model reads them."""
        if getattr(model, "_read", None) is None:
            model.__dict__["_read"] = Read(self.data.reviews, model)
        return model._read

    def batches(
        self, model: Reader, part: NDArray[np.integer], first_epoch: int = 0
    ) -> tf.data.Dataset:
        train, read = self.config.train, self.read(model)
        targets = read.targets
        return text_batches(
            part,
            {"ids": read.ids, "tags": targets.tags},
            {"sentiment": model.labels.sentiment.codes, **targets.arrays()},
            read.lengths,
            batch_size=train.batch_size,
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def validate(self, model: Reader) -> dict[str, float]:
        valid = self.parts.valid
        return self._measured(model, valid, self.read(model).logits(model, valid))

    def decide(self, model: Reader, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        read, valid = self.read(model), self.parts.valid
        self._fit_linear(model, self.parts.train, say)
        logits, margins = (read.logits(model, valid, linear) for linear in (False, True))
        decided: dict[str, Any] = {"mix": {}}
        for name in model.classes:
            codes = read.codes(name, valid)
            known = codes >= 0
            side = margins[name][known] if name in margins else None
            decided["mix"][name] = fitted_mix(logits[name][known], side, codes[known])
        if "present" in logits:
            decided["threshold"] = presence_threshold(
                logits["present"], read.targets.present[valid]
            )
        self._mix(model, decided)
        return decided, self._measured(model, valid, logits, margins)[self.choice.name]

    def finish(
        self, model: Reader, train: NDArray[np.integer], decided: Mapping[str, Any]
    ) -> Reader:
        self._fit_linear(model, train, silent)
        self._mix(model, decided)
        return model

    def evaluate(self, model: Reader, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        test, read = self.parts.test, self.read(model)
        say(f"Measuring the model on the {len(test):,} reviews of the test part.")
        logits, margins = (read.logits(model, test, linear) for linear in (False, True))
        metrics: Metrics = {
            "model": self._measured(model, test, logits, margins),
            "network": self._measured(model, test, logits),
            "mix": {name: dict(mix) for name, mix in decided["mix"].items()},
            "split": self.parts.counts(),
            "labels": {
                "sentiment": list(model.labels.sentiment.names),
                "polarities": list(model.labels.polarities),
                "categories": list(model.labels.categories),
            },
            "rare": model.labels.sentiment.rare,
            "cut": read.targets.cut,
        }
        chosen = self.config.evaluate.baselines
        if chosen:
            say(f"Measuring the baselines: {', '.join(chosen)}.")
        final = self.parts.final_train()
        metrics["baselines"] = baselines(self.data.reviews, model.labels, final, test, chosen)
        return metrics

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        return sections(metrics, folder, history, self.choice.name)

    def signatures(self, run: Any, settings: ServeConfig) -> Export:
        return export_of(self, run.model, settings.terms)

    def summary(self) -> str:
        counts, labels, reviews = self.parts.counts(), self.labels, self.data.reviews
        rated = int((labels.sentiment.codes >= 0).sum())
        return (
            f"{len(reviews):,} reviews, {rated:,} of them of {len(labels.sentiment):,} classes and "
            f"{int(reviews.annotated.sum()):,} with {len(reviews.aspects):,} aspects: "
            f"{counts['train']:,} to train on, {counts['valid']:,} for validation, "
            f"{counts['test']:,} for the test."
        )

    @classmethod
    def run_settings(cls, config: ReviewsConfig) -> dict[str, Any]:
        return config.serve.model_dump()

    def _fit_linear(self, model: Reader, rows: NDArray[np.integer], say: Say) -> None:
        read = self.read(model)
        for name, layer in model.linear.items():
            say(f"Fitting the linear part of {name}.")
            layer.fit(*read.pieces(model, name, rows))

    def _mix(self, model: Reader, decided: Mapping[str, Any]) -> None:
        for name, mix in decided["mix"].items():
            model.temperatures[name].assign(mix["temperature"])
            if name in model.shares:
                model.shares[name].assign(mix["share"])
        model.threshold.assign(decided.get("threshold", 0.5))

    def _measured(
        self,
        model: Reader,
        rows: NDArray[np.integer],
        logits: Mapping[str, NDArray[np.float32]],
        margins: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> dict[str, float]:
        """The metrics of logits over rows: as they are answered with the `margins` of the linear
        parts, or those of the network alone."""
        threshold = 0.5
        if margins is not None:
            mixed = {
                name: np.asarray(model.mixed(name, logits[name], margins.get(name)))
                for name in model.classes
            }
            logits, threshold = {**logits, **mixed}, float(model.threshold)
        read = self.read(model)
        return measured(read, model.labels, self.data.reviews, rows, logits, threshold)


class Read:
    """Reviews as a model reads them, prepared once.

    Args:
        reviews: the shop's.
        model: whose encoder reads them.
    """

    def __init__(self, reviews: Any, model: Reader) -> None:
        encoder = model.encoder
        self.ids, self.start, self.end = encoder.tokens_of(reviews.text)
        there = self.ids != encoder.padding
        there = there.any(axis=2) if there.ndim == 3 else there
        self.lengths = there.sum(axis=1).astype(np.int32)
        self.sentiment = model.labels.sentiment.codes
        self.targets: Targets = targets_of(
            model.labels, reviews.aspects, reviews.annotated, self.start, self.end
        )

    def codes(self, name: str, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        """What is right, -1 where it is not known: `[n]` of texts, `[n, M]` of targets."""
        if name == SENTIMENT:
            return self.sentiment[rows]
        return (self.targets.polarity if name == POLARITY else self.targets.category)[rows]

    def logits(
        self, model: Reader, rows: NDArray[np.integer], linear: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """See `Reader.logits`."""
        spans = self.targets.spans
        return model.logits(rows, self.ids, self.lengths, spans, linear=linear)

    def pieces(
        self, model: Reader, name: str, rows: NDArray[np.integer]
    ) -> tuple[list[NDArray[np.int32]], NDArray[np.integer]]:
        """What a linear part is fitted on: token ids, some texts at a time, and their classes."""
        blocks, codes = [], []
        known = self.codes(name, np.arange(len(self.ids)))
        rows = rows[(known[rows] >= 0).reshape(len(rows), -1).any(axis=1)]
        for places, block in text_blocks(rows, {"ids": self.ids}, self.lengths, 1024):
            at, ids = rows[places], block["ids"]
            if name == SENTIMENT:
                blocks.append(ids)
                codes.append(known[at])
                continue
            near = model.near(tf.constant(ids), tf.constant(self.targets.spans[at])).numpy()
            told = known[at] >= 0
            blocks.append(near[told])
            codes.append(known[at][told])
        return blocks, np.concatenate([*codes, np.zeros(0, np.int64)])


def _encoder(config: ReviewsConfig) -> TokenEncoder:
    return token_encoder(config.encoder(), config.text.dim)
