"""The task of dialogue: intents, slots, and what is out of scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.columns import TextColumn
from tfmm.encoders.pretrained.base import Pretrained
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.classes import per_class, reliability
from tfmm.tasks.base import Export, Metric, Metrics, RowParts, Say, Section, Task, silent
from tfmm.tasks.config import RunFileError, check_baselines
from tfmm.tasks.dialogue import baselines, measure
from tfmm.tasks.dialogue.calibration import probabilities_of, temperature_of
from tfmm.tasks.dialogue.config import DialogueConfig, ServeConfig, default_encoder
from tfmm.tasks.dialogue.labels import OUT, Labels
from tfmm.tasks.dialogue.model import Understander
from tfmm.tasks.dialogue.reading import Read, understood
from tfmm.tasks.dialogue.report import sections
from tfmm.tasks.dialogue.scope import fitted, in_scope
from tfmm.tasks.dialogue.signatures import export_of
from tfmm.tasks.texts.batches import text_batches
from tfmm.tasks.texts.encoder import token_encoder
from tfmm.tasks.texts.parts import text_parts

BASELINES = ("majority", "svm", "dictionary")
#: Queries whose vectors tell where an intent begins, at most.
_STARTERS = 20


class Dialogue(Task):
    """Tells what shoppers want, the words that say it, and whether it is known at all."""

    name = "dialogue"
    Config = DialogueConfig
    Settings = ServeConfig

    @classmethod
    def check(cls, config: DialogueConfig) -> None:
        check_baselines(config.evaluate.baselines, BASELINES)

    @property
    def choice(self) -> Metric:  # type: ignore[override]
        names = [*["accuracy"] * bool(self.labels.intents), *["span_f1"] * bool(self.labels.slots)]
        return Metric(names[0] if len(names) == 1 else "understood")

    def check_data(self, measured: bool = True) -> None:
        if not len(self.data.queries):
            raise RunFileError("Task 'dialogue' learns from the shop's `queries`, and it has none.")
        self._encoder()
        if not self.labels.intents and not self.labels.slots:
            raise RunFileError(
                "The shop file's `queries` say neither what is wanted nor which words say it: name "
                "a column under `queries.intent` or `queries.slots`."
            )

    @cached_property
    def labels(self) -> Labels:
        """The intents and slots of the shop's queries."""
        return Labels.of(self.data.queries, self.config.scope.intents)

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """int32 `[n]`, the intent of each query, see `Labels.codes`."""
        return self.labels.codes(self.data.queries, self.config.scope.intents)

    def draw(self) -> RowParts:
        queries, split = self.data.queries, self.config.split
        usable = (self.codes >= 0) | (self.codes == OUT) | bool(self.labels.slots)
        parts = text_parts(queries.text, queries.part, split, usable)
        if not split.examples:
            return parts
        kept = _few(self.codes, parts.train, split.examples, split.seed)
        return RowParts(kept, parts.valid, parts.test, refit=False)

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """The encoder as the run file names it, or the default for these texts."""
        given = self.config.text.encoder
        if given is None:
            return default_encoder(self.data.queries.text)
        return {"name": given} if isinstance(given, str) else dict(given)

    def _encoder(self, choice: Mapping[str, Any] | None = None) -> TokenEncoder:
        return token_encoder(choice or self.chosen, self.config.text.dim)

    def build(
        self,
        train: NDArray[np.integer] | None,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Understander:
        queries, text, fitting = self.data.queries, self.config.text, self.config.train
        if states is None:
            labels, choice = self.labels, self.chosen
            encoder = self._encoder(choice)
            encoder.adapt(TextColumn(queries.text[train]))
        else:
            labels, choice = Labels.from_dict(states["labels"]), states["encoder"]
            encoder = self._encoder(choice)
            encoder.load_state(states["items"]["text"])
        model = Understander(
            encoder,
            labels,
            choice,
            dropout=text.dropout,
            smoothing=fitting.smoothing,
            slot_weight=fitting.slots,
        )
        if train is not None and labels.intents and isinstance(encoder, Pretrained):
            rows = _few(self.codes, train, _STARTERS, fitting.seed)
            model.start_from(self._read(model).vectors(model, rows), self.codes[rows])
        return model

    def batches(
        self, model: Understander, part: NDArray[np.integer], first_epoch: int = 0
    ) -> tf.data.Dataset:
        train, read = self.config.train, self._read(model)
        return text_batches(
            part,
            {"ids": read.ids, "tags": read.tags(self.data.queries, model.labels)},
            {"intent": self.codes},
            read.lengths,
            batch_size=train.batch_size,
            seed=train.seed,
            first_epoch=first_epoch,
        )

    def _read(self, model: Understander) -> Read:
        """The queries' tokens; made once for each state that an encoder may have."""
        held = self.__dict__.setdefault("_held", {})
        if held.get("encoder") is not model.encoder:
            held.update(encoder=model.encoder, read=Read.of(model.encoder, self.data.queries.text))
        return held["read"]

    def validate(self, model: Understander) -> dict[str, float]:
        return self._measured(model, self.parts.valid)[0]

    def decide(self, model: Understander, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        if not self.labels.intents:
            return {}, None
        valid = self.parts.valid
        logits, codes = self._read(model).logits(model, valid), self.codes[valid]
        return {
            "temperature": temperature_of(logits[codes >= 0], codes[codes >= 0]),
            "scope": list(fitted(logits, codes, self.config.scope.share)),
        }, None

    def finish(
        self, model: Understander, train: NDArray[np.integer], decided: Mapping[str, Any]
    ) -> Understander:
        if decided:
            model.temperature.assign(decided["temperature"])
            model.scope.assign(decided["scope"])
        return model

    def evaluate(
        self, model: Understander, decided: Mapping[str, Any], say: Say = silent
    ) -> Metrics:
        test, queries = self.parts.test, self.data.queries
        say(f"Measuring the model on the {len(test):,} queries of the test part.")
        measured, found, spans = self._measured(model, test)
        metrics: Metrics = {
            "model": measured,
            "baselines": {},
            "split": self.parts.counts(),
            "encoder": self.chosen["name"],
            **decided,
        }
        codes = self.codes[test]
        chosen = self.config.evaluate.baselines
        if chosen:
            say(f"Tuning and measuring the baselines: {', '.join(chosen)}.")
        if self.labels.intents and (codes >= 0).any():
            has = np.arange(len(self.labels.intents)) == codes[codes >= 0][:, None]
            rows = zip(self.labels.intents, per_class(found[codes >= 0], has), strict=True)
            metrics["intents"] = [{"intent": name, **row} for name, row in rows]
            right = found.argmax(axis=1) == codes
            inside = codes >= 0
            metrics["reliability"] = reliability(found[inside].max(axis=1), right[inside])
            classes = len(self.labels.intents)
            if "majority" in chosen:
                share = baselines.majority(self.codes, classes, self.parts)
                said = np.tile(share, (len(test), 1))
                metrics["baselines"]["majority"] = measure.intent_metrics(said, codes)
            if "svm" in chosen:
                texts = [str(text) for text in queries.text]
                margins, strength = baselines.margins(texts, self.codes, classes, self.parts)
                theirs = measure.intent_metrics(probabilities_of(margins), codes)
                metrics["baselines"]["svm"] = {
                    # Margins are no probabilities: what is said of these would mean nothing.
                    **{name: theirs[name] for name in ("accuracy", "top_5", "macro_f1")},
                    **measure.scope_metrics(margins.max(axis=1), codes),
                    "params": {"value": strength},
                }
                metrics["compared"] = _compared(
                    right[inside], (margins.argmax(axis=1) == codes)[inside]
                )
        if self.labels.slots:
            true = [queries.slots[row] for row in test]
            metrics["slots"] = measure.each_slot(spans, true)
            if "dictionary" in chosen:
                book = baselines.Dictionary(queries, self.parts.final_train())
                looked_up = [book.find(str(queries.text[row])) for row in test]
                metrics["baselines"]["dictionary"] = measure.slot_metrics(looked_up, true)
        return metrics

    def _measured(
        self, model: Understander, rows: NDArray[np.integer]
    ) -> tuple[dict[str, float], NDArray[np.float64], list[list[tuple[str, int, int]]]]:
        """The metrics of some queries, the probabilities of their intents, and their slots."""
        read, codes = self._read(model), self.codes[rows]
        logits, spans = understood(model, read, rows)
        metrics: dict[str, float] = {}
        found = np.zeros((len(rows), 0))
        if model.labels.intents:
            found = probabilities_of(logits / model.temperature.numpy())
            metrics |= measure.intent_metrics(found, codes)
            weights = model.scope.numpy()
            if weights.any():
                said = in_scope(logits, tuple(weights))
                metrics |= measure.scope_metrics(said, codes, self.config.scope.share)
            else:
                metrics |= measure.scope_metrics(logits.max(axis=1), codes)
        if model.labels.slots:
            true = [self.data.queries.slots[row] for row in rows]
            metrics |= measure.slot_metrics(spans, true)
        if model.labels.intents and model.labels.slots:
            metrics["understood"] = (metrics.get("accuracy", 0.0) + metrics["span_f1"]) / 2
        return metrics, found, spans

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        return sections(metrics, folder, history, self.choice.name)

    def signatures(self, run: Any, settings: ServeConfig) -> Export:
        return export_of(self, run.model, settings.k)

    def summary(self) -> str:
        counts, labels = self.parts.counts(), self.labels
        outside = int((self.codes == OUT).sum())
        return (
            f"{len(self.data.queries):,} queries with {len(labels.intents):,} intents and "
            f"{len(labels.slots):,} slots, {outside:,} out of scope: {counts['train']:,} to train "
            f"on, {counts['valid']:,} for validation, {counts['test']:,} for the test; read by "
            f"{self.chosen['name']}."
        )

    @classmethod
    def run_settings(cls, config: DialogueConfig) -> dict[str, Any]:
        return config.serve.model_dump()


def _few(
    codes: NDArray[np.integer], rows: NDArray[np.integer], count: int, seed: int
) -> NDArray[np.int64]:
    """At most so many rows of each intent, at random; those of none stay."""
    drawn = np.random.default_rng(seed).permutation(rows)
    place = np.zeros(len(drawn), np.int64)
    for code in np.unique(codes[drawn]):
        same = codes[drawn] == code
        place[same] = np.arange(same.sum())
    return np.sort(drawn[(place < count) | (codes[drawn] < 0)])


def _compared(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> dict[str, float]:
    """How much more often the model is right than the machine, and between what that lies."""
    names = ("difference", "low", "high")
    return dict(zip(names, paired_bootstrap(ours * 1.0, theirs * 1.0), strict=True))
