"""The contract of a task: what a model learns from, how it is measured, what it answers.

Training, tuning, export, serving and the command line know tasks by this contract alone. A new task
is a subclass of `Task` in a folder of its own, and a line in `tfmm.tasks.registry`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.data.shop import ShopData
from tfmm.evaluation.report import MODEL, Section, table
from tfmm.tasks.config import RunConfig
from tfmm.tasks.model import Model

if TYPE_CHECKING:
    from tfmm.encoders import Encoder

Say = Callable[[str], None]
#: What `validate` and `evaluate` measure, by name; what `metrics.json` holds.
Metrics = dict[str, Any]


def silent(line: str) -> None:
    """Takes a line of progress and drops it."""


@dataclass(frozen=True)
class Metric:
    """What choices are made by.

    Attributes:
        name: a key of what `Task.validate` returns, such as `recall@20`.
        higher_is_better: False for a loss or an error.
    """

    name: str
    higher_is_better: bool = True

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`."""
        return one > other if self.higher_is_better else one < other

    def best(self, values: Sequence[float]) -> int:
        """The place of the best value, the first of equals."""
        pick = max if self.higher_is_better else min
        return pick(range(len(values)), key=values.__getitem__)


class Parts(Protocol):
    """What is learned from, chosen on and tested on; what a part is, its task says."""

    @property
    def train(self) -> Any: ...

    @property
    def valid(self) -> Any: ...

    @property
    def test(self) -> Any: ...

    @property
    def refit(self) -> bool:
        """Whether the tested model is fitted anew on training and validation together."""

    def final_train(self) -> Any:
        """What the tested model is fitted on: train + valid where `refit`, else train."""

    def counts(self) -> dict[str, Any]:
        """Sizes of the parts, for reports."""


@dataclass(frozen=True)
class Signature:
    """A served function with its inputs.

    Attributes:
        name: `serving_default` and others; what a request asks for.
        function: called with a tensor for each input, by name; gives tensors by name, the batch
            first. Made of stock TensorFlow ops.
        inputs: what it takes, by name; the batch comes first and is free.
        samples: so many rows of input, by name, known and unknown ids among them: warm-up, the
            self-check and the model card ask them.
        doc: one line of what it answers.
        method: how TensorFlow Serving is asked: Predict, or Classify or Regress over tf.Example.
        check: refuses an answer that the inputs rule out, by AssertionError; called with the
            inputs, the answer (NumPy, by name) and a function that asks again.
    """

    name: str
    function: Callable[..., dict[str, tf.Tensor]]
    inputs: Mapping[str, tf.TensorSpec]
    samples: Callable[[int], dict[str, np.ndarray]]
    doc: str
    method: Literal["predict", "classify", "regress"] = "predict"
    check: Callable[[dict, dict, Callable], None] | None = None

    def traced(self) -> Any:
        """The concrete function that a SavedModel holds."""
        specs = {
            name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in self.inputs.items()
        }
        return tf.function(self.function, autograph=False).get_concrete_function(**specs)


@dataclass(frozen=True)
class Export:
    """What a run answers, ready to be written.

    Attributes:
        signatures: at least one, by distinct names.
        holder: tracks the tables and other resources that the functions read, beside variables,
            which are found by themselves; a function that is a method of a `tf.Module` is held by
            it.
        sizes: numbers for the model card, such as items, users, dimensions.
        card: further parts of the model card.
        files: writes further files of the version, by path within it.
        options: how the SavedModel is written, for ops that TensorFlow lacks.
        notes: lines for the terminal, called with the bytes that the version takes.
    """

    signatures: Sequence[Signature]
    holder: tf.Module | None = None
    sizes: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict)
    options: tf.saved_model.SaveOptions | None = None
    notes: Callable[[int], Sequence[str]] = lambda size: ()


@dataclass(frozen=True, eq=False)
class RowParts:
    """`Parts` that are rows of the catalogue, int64, ascending, no row in two of them."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    refit: bool = True

    def final_train(self) -> np.ndarray:
        """What the tested model is fitted on."""
        if not self.refit:
            return self.train
        return np.sort(np.concatenate([self.train, self.valid]))

    def counts(self) -> dict[str, int]:
        """Items in each part, for reports."""
        return {name: len(getattr(self, name)) for name in ("train", "valid", "test")}


@dataclass(frozen=True)
class NoSettings:
    """An export that fixes nothing."""


class Task(abc.ABC):
    """What a model is for: what it learns from, how it is measured, what it answers.

    What is abstract must be written; the rest has a default that serves many tasks.

    Args:
        config: the run file, of the class `Config`.
        data: the shop's tables.
    """

    #: `task: ranking` in the run file.
    name: ClassVar[str]
    #: The form of its run file.
    Config: ClassVar[Any] = RunConfig
    #: The form of what `tfmm export` may set; a frozen dataclass.
    Settings: ClassVar[Any] = NoSettings
    #: What validation chooses by.
    choice: Metric
    #: Whether `refresh` and `update` are there.
    refreshes: ClassVar[bool] = False
    updates: ClassVar[bool] = False
    #: What a backtest shows of each window, by name as in `metrics`; empty where there is no time.
    backtested: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Any, data: ShopData) -> None:
        self.config, self.data = config, data

    @classmethod
    def over(cls, config: Any, data: ShopData) -> Task:
        """The task over a shop's tables; another takes its place where the shop lacks one."""
        return cls(config, data)

    @classmethod
    def check(cls, config: Any) -> None:
        """Refuses a configuration that could not be trained or exported, before any table is read.

        Raises:
            RunFileError: the message names the key, what came and what was expected.
        """
        return

    def check_data(self, measured: bool = True) -> None:
        """Refuses tables whose model could not be made, measured or served, by ValueError.

        Args:
            measured: whether the model is to meet its test part.
        """
        return

    @classmethod
    def event_columns(cls, config: Any, shop: Any) -> Iterable[str]:
        """Further columns of the events that it reads."""
        return ()

    @cached_property
    def parts(self) -> Any:
        """The `Parts` that are learned from, chosen on and tested on; drawn once."""
        return self.draw()

    @abc.abstractmethod
    def draw(self) -> Parts:
        """Draws the parts, by the configuration's seed."""

    @abc.abstractmethod
    def build(
        self,
        train: Any,
        states: Mapping[str, Any] | None = None,
        *,
        keep_media: bool = True,
    ) -> Model:
        """The untrained model, made for a training part; feeding it never changes it.

        Args:
            train: the part; None for a model whose weights are restored.
            states: what the encoders of a saved model learned, in place of learning it from data.
            keep_media: whether decoded pictures and vectors are kept for later runs.
        """

    @abc.abstractmethod
    def batches(self, model: Model, part: Any, first_epoch: int = 0) -> tf.data.Dataset:
        """Batches for `model.fit`, an epoch a pass; pure, and may be made for any part."""

    def steps(self, part: Any) -> int:
        """Batches of an epoch."""
        return -(-self.examples(part) // self.config.train.batch_size)

    def at(self, valid: str, test: str, until: str) -> Any:
        """The configuration of a run that is made at a time and tested on what follows.

        Args:
            valid: ISO time at which validation begins; what comes before is learned from.
            test: at which the test begins.
            until: at which it ends; what comes after has not happened yet.
        """
        raise NotImplementedError(f"Task {self.name!r} parts nothing by time.")

    def examples(self, part: Any) -> int:
        """Examples of an epoch."""
        return len(part)

    @abc.abstractmethod
    def validate(self, model: Model) -> dict[str, float]:
        """What a model fitted on the training part reaches on validation, `choice` included."""

    def decide(self, model: Model, say: Say = silent) -> tuple[dict[str, Any], float | None]:
        """Whatever else is chosen on validation, for a model fitted on the training part.

        Returns:
            What `finish` is given, as JSON values; and `choice` with it, None where it is as
            `validate` says.
        """
        return {}, None

    def finish(self, model: Model, train: Any, decided: Mapping[str, Any]) -> Any:
        """What gradient descent does not learn, for a model fitted on `train`.

        Returns:
            The finished model: what is measured, saved and served.
        """
        return model

    @abc.abstractmethod
    def evaluate(self, model: Any, decided: Mapping[str, Any], say: Say = silent) -> Metrics:
        """What a finished model and its baselines, chosen on validation too, reach on the test.

        Args:
            model: what `finish` returned.
            decided: what `decide` did.
            say: takes lines of progress.
        """

    def report(self, metrics: Metrics, history: Sequence[Mapping], folder: Path) -> list[Section]:
        """The report's sections; plots go to `folder`, named `plots` beside the report.

        By default a table of `model` beside each of `baselines`.
        """
        shown = {MODEL: metrics["model"], **metrics.get("baselines", {})}
        names = [
            name for name, value in metrics["model"].items() if isinstance(value, (int, float))
        ]
        rows = [[title, *(row.get(name) for name in names)] for title, row in shown.items()]
        return [Section("The model beside the baselines", [table(["", *names], rows)])]

    @abc.abstractmethod
    def signatures(self, run: Any, settings: Any) -> Export | list[Signature]:
        """What a run answers.

        Args:
            run: a `tfmm.training.Run`.
            settings: of the class `Settings`.
        """

    def refresh(self, folder: Path, settings: Any) -> tuple[Export, dict[str, int]]:
        """What a saved model answers over the tables as they are now, without training.

        Args:
            folder: where `save` wrote.
            settings: of the class `Settings`.

        Returns:
            The export, and how many items are `new`, `removed` and were `encoded`.
        """
        raise NotImplementedError

    def update(
        self,
        folder: Path,
        since: str,
        before: Metrics,
        replay: float,
        learn: Callable[[Model, Any], None],
        say: Say = silent,
    ) -> tuple[Any, Metrics]:
        """A saved model, gone on from with what happened since.

        Args:
            folder: where it was saved.
            since: ISO time until which it was trained.
            before: the metrics of its run.
            replay: earlier examples to learn from again, for each new one.
            learn: fits a model on a part.
            say: takes lines of progress.

        Returns:
            The finished model; and how the saved one did on what happened since, with `updated`.
        """
        raise NotImplementedError(f"Task {self.name!r} has nothing to go on with.")

    def save(self, model: Any, folder: Path) -> None:
        """Writes a finished model."""
        from tfmm.tasks.weights import save_weights

        save_weights(model, folder, self.data.items.ids, self.data.users.ids)

    def load(self, folder: Path, *, keep_media: bool = True) -> Any:
        """Reads what `save` wrote, with a row for every item and user of the data."""
        from tfmm.tasks.weights import restore_weights, saved_states

        model = self.build(None, saved_states(folder), keep_media=keep_media)
        restore_weights(model, folder, self.data.items.ids, self.data.users.ids, served=True)
        return model

    def encoders(self) -> list[tuple[str, Encoder]]:
        """The encoders of items by feature, not adapted: `tfmm features` runs the frozen ones."""
        return []

    def summary(self) -> str:
        """One line of what is learned from, for the terminal."""
        counts = {key: n for key, n in self.parts.counts().items() if isinstance(n, int)}
        return ", ".join(f"{key.replace('_', ' ')} {n:,}" for key, n in counts.items())

    @classmethod
    def settings(cls, config: Any, given: Mapping[str, Any]) -> Any:
        """`Settings` with what was given, those of the run file for the rest and for None.

        Raises:
            ValueError: a setting that there is not, with the nearest one.
        """
        known = cls.settable()
        for key in given:
            if key not in known:
                raise ValueError(unknown(f"setting of an export of task {cls.name!r}", key, known))
        asked = {key: value for key, value in given.items() if value is not None}
        return cls.Settings(**{**cls.run_settings(config), **asked})

    @classmethod
    def settable(cls) -> list[str]:
        """What `settings` takes."""
        form = cls.Settings
        return list(getattr(form, "model_fields", None) or form.__dataclass_fields__)

    @classmethod
    def run_settings(cls, config: Any) -> dict[str, Any]:
        """What a run file says of `Settings`."""
        return {}
