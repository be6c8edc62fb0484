"""Fits a model epoch by epoch, with a checkpoint after each, so that a killed run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.data.files import write_text
from tfmm.data.progress import Bar
from tfmm.tasks.base import Metric, Say, Task, silent
from tfmm.tasks.config import RunFileError, TrainConfig
from tfmm.tasks.model import Model
from tfmm.training.optimizers import LazyAdam

History = list[dict[str, float]]


def make_optimizer(config: TrainConfig, steps: int) -> tf.keras.optimizers.Optimizer:
    """The optimizer of a configuration; `steps` is the length of its schedule.

    Raises:
        RunFileError: for an unknown optimizer or schedule.
    """
    kinds = {
        "lazy_adam": partial(LazyAdam, dense_rate=config.dense_rate),
        "adagrad": tf.keras.optimizers.Adagrad,
        "adam": tf.keras.optimizers.Adam,
    }
    if config.optimizer not in kinds:
        raise RunFileError(
            f"`train.optimizer` must be one of {', '.join(kinds)}, got {config.optimizer!r}."
        )
    if config.schedule == "cosine":
        rate = tf.keras.optimizers.schedules.CosineDecay(config.learning_rate, max(1, steps))
    elif config.schedule == "constant":
        rate = config.learning_rate
    else:
        raise RunFileError(f"`train.schedule` must be cosine or constant, got {config.schedule!r}.")
    return kinds[config.optimizer](rate)


def fit(
    task: Task,
    model: Model,
    part: Any,
    folder: Path,
    *,
    epochs: int | None = None,
    validate: Callable[[], dict[str, float]] | None = None,
    say: Say = silent,
    logs: Path | None = None,
) -> History:
    """Trains `model` on a part, going on from the checkpoint in `folder` where there is one.

    Args:
        task: gives the batches and, in its configuration, `train`.
        model: made for the part, its weights at their start.
        part: what it learns from.
        folder: where the checkpoint and `history.json` are kept.
        epochs: stop after so many epochs of the schedule; all by default.
        validate: returns validation metrics; called after each epoch. Training then stops when the
            task's choice has not become better for `patience` epochs, and the model ends with the
            best weights.
        say: takes a line of progress for each epoch.
        logs: TensorBoard folder.

    Returns:
        A row an epoch: `epoch`, `loss`, `seconds`, and what `validate` returned.

    Raises:
        FloatingPointError: the loss is no longer a number.
    """
    config: TrainConfig = task.config.train
    folder.mkdir(parents=True, exist_ok=True)
    epochs = config.epochs if epochs is None else epochs
    optimizer = make_optimizer(config, task.steps(part) * config.epochs)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer)
    checkpoint = tf.train.Checkpoint(
        model=model, optimizer=optimizer, epoch=tf.Variable(0, dtype=tf.int64)
    )
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
    history: History = []
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).expect_partial()
        history = json.loads((folder / "history.json").read_text("utf-8"))[: int(checkpoint.epoch)]
        say(f"Going on after epoch {len(history)} of {epochs}.")
    keeper = _EpochKeeper(
        checkpoint, manager, folder, history, config, epochs, validate, say, task.choice
    )
    if len(history) < epochs and not keeper.exhausted():
        callbacks: list[tf.keras.callbacks.Callback] = [keeper]
        if logs is not None:
            callbacks.append(tf.keras.callbacks.TensorBoard(str(logs), write_graph=False))
        bar = _EpochBar(task.steps(part), epochs)
        try:
            model.fit(
                task.batches(model, part, len(history)),
                initial_epoch=len(history),
                epochs=epochs,
                verbose=0,
                callbacks=[bar, *callbacks],
            )
        finally:
            bar.stop()
    if validate is not None:
        checkpoint.read(str(folder / "best")).expect_partial()
    return history


def best_epoch(history: History, choice: Metric) -> int:
    """The number, from 1, of the epoch with the best validation metric `choice`."""
    return 1 + choice.best([row[choice.name] for row in history])


class _EpochBar(tf.keras.callbacks.Callback):
    """How far an epoch has come; gone before it is validated and told of."""

    def __init__(self, steps: int, epochs: int) -> None:
        super().__init__()
        self.steps, self.epochs = steps, epochs
        self.bar: Bar | None = None

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.bar = Bar(self.steps, f"epoch {epoch + 1}/{self.epochs}", unit="steps")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.bar is not None:
            self.bar.advance()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.stop()

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()


class _EpochKeeper(tf.keras.callbacks.Callback):
    """Validates, writes the checkpoint and the history, reports, and stops training."""

    def __init__(
        self,
        checkpoint: tf.train.Checkpoint,
        manager: tf.train.CheckpointManager,
        folder: Path,
        history: History,
        config: TrainConfig,
        epochs: int,
        validate: Callable[[], dict[str, float]] | None,
        say: Say,
        choice: Metric,
    ) -> None:
        super().__init__()
        self.checkpoint, self.manager, self.folder = checkpoint, manager, folder
        self.history, self.config, self.epochs = history, config, epochs
        self.validate, self.say, self.choice = validate, say, choice

    def exhausted(self) -> bool:
        """Whether validation has not become better for `patience` epochs."""
        if self.validate is None or not self.history:
            return False
        return len(self.history) - best_epoch(self.history, self.choice) >= self.config.patience

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row = {
            "epoch": epoch + 1,
            "loss": float((logs or {})["loss"]),
            "seconds": time.perf_counter() - self.started,
        }
        if not row["loss"] < float("inf"):
            warm = getattr(self.config, "temperature", None)
            other = "" if warm is None else f" or raise `train.temperature` (it is {warm})"
            raise FloatingPointError(
                f"The loss became {row['loss']} in epoch {epoch + 1}. To resolve this, lower "
                f"`train.learning_rate` (it is {self.config.learning_rate}){other}."
            )
        if self.validate is not None:
            row |= self.validate()
            if logs is not None:
                logs.update({f"valid_{key}": value for key, value in row.items() if "@" in key})
        self.history.append(row)
        write_text(self.folder / "history.json", json.dumps(self.history, indent=1))
        best = self.validate is not None and best_epoch(self.history, self.choice)
        if best == len(self.history):
            self.checkpoint.write(str(self.folder / "best"))
        self.checkpoint.epoch.assign(epoch + 1)
        self.manager.save(epoch + 1)
        name = self.choice.name
        found = f"  valid {name} {row[name]:.4f}" if name in row else ""
        self.say(
            f"epoch {epoch + 1:2d}/{self.epochs}  loss {row['loss']:.4f}{found}"
            f"  {row['seconds']:.1f} s"
        )
        if self.exhausted():
            self.say(f"No better {name} for {self.config.patience} epochs: stopping here.")
            self.model.stop_training = True
