"""Trainings of run files, for the benchmarks that compare them."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tfmm.data.events.parts import Split
from tfmm.data.shop import ShopData
from tfmm.tasks.base import Metric
from tfmm.tasks.config import RunConfig
from tfmm.tasks.retrieval.parts import RetrievalParts
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.training import fit
from tfmm.training.run import task_of
from tfmm.training.trainer import Choice, Trainer


def seeded(config: RunConfig, seed: int) -> RunConfig:
    """The configuration with another seed."""
    return config.with_values(train=config.train.with_values(seed=seed))


def split_of(config: RunConfig, data: ShopData) -> Split:
    """The split of the events that a configuration asks for."""
    return task_of(config, data).parts.split


def trained(
    config: RunConfig,
    data: ShopData,
    parts: Split,
    *,
    epochs: int | None = None,
    folder: Path | None = None,
) -> tuple[TwoTower, list[dict[str, float]]]:
    """A model, and the rows of its epochs.

    Args:
        config: with the seed.
        data, parts: the shop's data and its split.
        epochs: without it, the model trains on the training part and keeps the weights of its best
            epoch on validation; with it, for so many on all that the final model may train on.
        folder: goes on from the checkpoints there.
    """
    task = task_of(config, data)
    task.parts = RetrievalParts(parts, None)
    with tempfile.TemporaryDirectory() as own:
        trainer = Trainer(task, folder or Path(own), say=partial(print, flush=True))
        if epochs is None:
            return trainer.choose().model, trainer.history
        return trainer.refit(Choice(epochs)).learned, trainer.history


def best_epoch(history: list[dict[str, float]]) -> int:
    """The number, from 1, of the epoch that was best on validation."""
    return fit.best_epoch(history, Metric("recall@20"))
