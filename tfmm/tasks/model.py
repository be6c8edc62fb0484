"""What every model is, beside a Keras model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders import Encoder
from tfmm.tasks.keras_model import KerasModel


class Model(KerasModel):
    """A Keras model that knows what its encoders learned and what its rows stand for.

    A model is made for a training part, and feeding it changes nothing but its trained weights.
    """

    def compile(self, optimizer: Any = "rmsprop", loss: None = None, **options: Any) -> None:
        """As `KerasModel.compile`; gives pretrained encoders that train their own rates.

        Raises:
            ValueError: an encoder has such a rate, and the optimizer knows only one.
        """
        for name, encoder in self.encoders():
            own = encoder.own_rate
            if own is not None:
                if not hasattr(optimizer, "give_rate"):
                    raise ValueError(
                        f"The encoder of {name!r} trains pretrained weights at a rate of their own "
                        f"({own.learning_rate:g}), which {type(optimizer).__name__} has no way of "
                        "giving them. To resolve this, use tfmm.LazyAdam (in a run file, "
                        "`train.optimizer: lazy_adam`), or train='frozen' in the encoder."
                    )
                optimizer.give_rate(own.variables, own.learning_rate, own.warmup)
        super().compile(optimizer, loss, **options)

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        """Every encoder with the feature it reads."""
        return iter(())

    def states(self) -> dict[str, Any]:
        """What its encoders learned from the data, as JSON values, for building it again."""
        return {}

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        """The layers whose weights make the model, by the name that they are saved under."""
        return {"model": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        """The variables with a row for each of some strings, and these strings.

        Args:
            tables: the ids of `items` and `users`.
        """
        return []

    def settle(self) -> None:
        """Computes what serving needs beside the weights; saving calls it."""

    def restored(self, missing: Mapping[str, np.ndarray], served: bool) -> None:
        """Puts right what moved weights cannot say.

        Args:
            missing: by path of a variable, bool, the rows that the saved model did not have.
            served: the model answers rather than trains.
        """
