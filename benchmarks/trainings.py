"""Trainings of run files, for the benchmarks that compare them."""

from __future__ import annotations

import dataclasses
import tempfile
from functools import partial
from pathlib import Path

import tensorflow as tf

from tfmm.data.parts import Split
from tfmm.data.shop import ShopData
from tfmm.models.two_tower import TwoTower
from tfmm.training.config import RunConfig
from tfmm.training.fit import fit
from tfmm.training.measure import validate
from tfmm.training.run import build_model


def seeded(config: RunConfig, seed: int) -> RunConfig:
    """The configuration with another seed."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, seed=seed))


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
        folder: goes on from the checkpoint there.
    """
    tf.keras.utils.set_random_seed(config.train.seed)
    pairs = parts.train if epochs is None else parts.final_train()
    model = build_model(config, data, pairs)
    with tempfile.TemporaryDirectory() as own:
        history = fit(
            model,
            pairs,
            config.train,
            folder or Path(own),
            ordered=parts.ordered,
            epochs=epochs,
            validate=(lambda: validate(model, parts)) if epochs is None else None,
            say=partial(print, flush=True),
        )
    return model, history
