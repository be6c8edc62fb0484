"""Which of Keras's callbacks can do what they promise with a tfmm model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfmm.tasks.weight_files import check_weights_path

#: What only `validation_data` measures.
VALIDATED = ("val_loss", "val_total_loss", "val_regularization_loss")


def check_callbacks(callbacks: Any, optimizer: Any, validated: bool) -> None:
    """Refuses callbacks that would fail after the first epoch, or pass without any effect.

    Args:
        callbacks: as `fit` takes them: one, a list, a `CallbackList`, or None.
        optimizer: the model's.
        validated: whether `fit` was given `validation_data`.

    Raises:
        ValueError: a `ModelCheckpoint` of the whole model, or to a file of weights that cannot be
            written; one that watches a validation loss without `validation_data`; one that moves
            the learning rate of an optimizer with a schedule; a `TensorBoard` that draws weights.
    """
    for callback in _each(callbacks):
        name = type(callback).__name__
        if isinstance(callback, tf.keras.callbacks.ModelCheckpoint):
            if not callback.save_weights_only:
                raise ValueError(
                    f"{name} is to save the whole model, which a tfmm model cannot be saved as. To "
                    "resolve this, give it save_weights_only=True and a path without suffix, or "
                    "one that ends in .weights.h5; what is served is written by tfmm.export_model."
                )
            check_weights_path(str(callback.filepath))
        if not validated and _watched(callback) in VALIDATED:
            raise ValueError(
                f"{name} watches {_watched(callback)!r}, but fit has no validation_data to measure "
                "it on. To resolve this, give validation_data=model.batches(parts.valid), or "
                "monitor='loss'."
            )
        moves = (
            tf.keras.callbacks.ReduceLROnPlateau,
            tf.keras.callbacks.LearningRateScheduler,
        )
        if isinstance(callback, moves) and _scheduled(optimizer):
            raise ValueError(
                f"{name} sets the learning rate, which the schedule of the optimizer would set "
                "back at the next step. To resolve this, compile with a number for the learning "
                "rate, or leave the callback out."
            )
        if isinstance(callback, tf.keras.callbacks.TensorBoard) and callback.write_images:
            raise ValueError(
                f"{name}(write_images=True) draws weights as pictures, but some of a tfmm model's "
                "are flags, which cannot be drawn. To resolve this, leave write_images out."
            )


def _each(callbacks: Any) -> Iterator[Any]:
    if isinstance(callbacks, tf.keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    yield from tf.nest.flatten([] if callbacks is None else callbacks)


def _watched(callback: Any) -> str | None:
    """The logged value that a callback does nothing without."""
    kinds = (tf.keras.callbacks.EarlyStopping, tf.keras.callbacks.ReduceLROnPlateau)
    best = isinstance(callback, tf.keras.callbacks.ModelCheckpoint) and callback.save_best_only
    return callback.monitor if best or isinstance(callback, kinds) else None


def _scheduled(optimizer: Any) -> bool:
    rate = getattr(optimizer, "_learning_rate", None)
    return isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule)
