"""Fits a model epoch by epoch, with a checkpoint after each, so that a killed run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmm.data.files import write_text
from tfmm.data.interactions import Interactions
from tfmm.models.two_tower import TwoTower
from tfmm.optimizers import LazyAdam
from tfmm.training.config import RunFileError, TrainConfig
from tfmm.training.measure import CHOICE
from tfmm.training.search import Aligned


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
    model: TwoTower,
    pairs: Interactions | None,
    config: TrainConfig,
    folder: Path,
    *,
    ordered: bool,
    aligned: Aligned | None = None,
    choice: str = CHOICE,
    groups: np.ndarray | None = None,
    epochs: int | None = None,
    validate: Callable[[], dict[str, float]] | None = None,
    say: Callable[[str], None] = lambda line: None,
    logs: Path | None = None,
) -> list[dict[str, float]]:
    """Trains `model` on `pairs`, going on from the checkpoint in `folder` where there is one.

    Args:
        model: the model, its weights at their start.
        pairs: the training pairs; None trains search alone.
        config: epochs, batch size, optimizer and so on.
        folder: where the checkpoint and `history.json` are kept.
        ordered: whether histories hold strictly earlier events only.
        aligned: the batches that search is trained on.
        choice: the validation metric that training stops by.
        groups: int `[n_items]`, the classes that `config.balance` evens out.
        epochs: stop after so many epochs of the schedule; all by default.
        validate: returns validation metrics; called after each epoch. Training then stops when
            `choice` has not risen for `patience` epochs, and the model ends with the best weights.
        say: takes a line of progress for each epoch.
        logs: TensorBoard folder.

    Returns:
        A row an epoch: `epoch`, `loss`, `seconds`, and what `validate` returned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    epochs = config.epochs if epochs is None else epochs
    steps = aligned.steps if aligned else 0
    if pairs is not None:
        steps = -(-len(pairs) // config.batch_size)
    optimizer = make_optimizer(config, steps * config.epochs)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer)
    checkpoint = tf.train.Checkpoint(
        model=model, optimizer=optimizer, epoch=tf.Variable(0, dtype=tf.int64)
    )
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
    history: list[dict[str, float]] = []
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).expect_partial()
        history = json.loads((folder / "history.json").read_text())[: int(checkpoint.epoch)]
        say(f"Going on after epoch {len(history)} of {epochs}.")
    keeper = _EpochKeeper(
        checkpoint, manager, folder, history, config, epochs, validate, say, choice
    )
    if len(history) < epochs and not keeper.exhausted():
        batches = model.batches(
            pairs,
            config.batch_size,
            aligned=aligned(len(history)) if aligned else None,
            ordered=ordered,
            balance=config.balance,
            groups=groups,
            seed=config.seed,
            first_epoch=len(history),
        )
        callbacks = [keeper]
        if logs is not None:
            callbacks.append(tf.keras.callbacks.TensorBoard(str(logs), write_graph=False))
        model.fit(
            batches, initial_epoch=len(history), epochs=epochs, verbose=0, callbacks=callbacks
        )
    if validate is not None:
        checkpoint.read(str(folder / "best")).expect_partial()
    return history


def best_epoch(history: list[dict[str, float]], choice: str = CHOICE) -> int:
    """The number, from 1, of the epoch with the best validation metric `choice`."""
    return 1 + max(range(len(history)), key=lambda row: history[row][choice])


class _EpochKeeper(tf.keras.callbacks.Callback):
    """Validates, writes the checkpoint and the history, reports, and stops training."""

    def __init__(
        self,
        checkpoint: tf.train.Checkpoint,
        manager: tf.train.CheckpointManager,
        folder: Path,
        history: list[dict[str, float]],
        config: TrainConfig,
        epochs: int,
        validate: Callable[[], dict[str, float]] | None,
        say: Callable[[str], None],
        choice: str,
    ) -> None:
        super().__init__()
        self.checkpoint, self.manager, self.folder = checkpoint, manager, folder
        self.history, self.config, self.epochs = history, config, epochs
        self.validate, self.say, self.choice = validate, say, choice

    def exhausted(self) -> bool:
        """Whether validation has not improved for `patience` epochs."""
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
            raise FloatingPointError(
                f"The loss became {row['loss']} in epoch {epoch + 1}. To resolve this, lower "
                f"`train.learning_rate` (it is {self.config.learning_rate}) or raise "
                f"`train.temperature` (it is {self.config.temperature})."
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
        found = f"  valid {self.choice} {row[self.choice]:.4f}" if self.choice in row else ""
        self.say(
            f"epoch {epoch + 1:2d}/{self.epochs}  loss {row['loss']:.4f}{found}"
            f"  {row['seconds']:.1f} s"
        )
        if self.exhausted():
            self.say(f"No better {self.choice} for {self.config.patience} epochs: stopping here.")
            self.model.stop_training = True
