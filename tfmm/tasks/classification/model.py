"""Labels of items from their fused modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, row_batches
from tfmm.encoders import Encoder
from tfmm.layers.content import Content
from tfmm.tasks.classification.batches import label_batches
from tfmm.tasks.classification.labels import Labels
from tfmm.tasks.classification.losses import LabelLoss
from tfmm.tasks.model import Model


class Classifier(Model):
    """Gives each label a probability, from whatever modalities an item has.

    Encoders and fusion as of the item tower; then a linear layer. Its logits are divided by a
    `temperature`, which calibration sets after training (Guo et al., "On calibration of modern
    neural networks", ICML 2017) and training leaves at 1.

    Args:
        content: the modalities.
        items: what their encoders read.
        labels: of the items, with their names.
        loss: of logits and labels.
        dropout: share of the fused vectors' components that training leaves out.
    """

    def __init__(
        self,
        content: Content,
        items: FeatureColumns,
        labels: Labels,
        loss: LabelLoss,
        *,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(name="classifier")
        self.content = content
        self.dropper = tf.keras.layers.Dropout(dropout)
        self.head = tf.keras.layers.Dense(len(labels.names), name="head")
        self.temperature = self.add_weight(
            name="temperature", shape=(), initializer="ones", trainable=False
        )
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(items=items, labels=labels, label_loss=loss, _step=None)
        self._logits(np.zeros(1, np.int32))

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        yield from self.content.encoders.items()

    def states(self) -> dict[str, Any]:
        encoders = {name: one.state() for name, one in self.content.encoders.items()}
        return {"items": encoders, "labels": [list(path) for path in self.labels.paths]}

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {"classifier": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        banks = (*self.content.banks.values(), *self.content.filled.values())
        found: list[tuple[tf.Variable, Sequence[str]]] = [(one, tables["items"]) for one in banks]
        for _, encoder in self.encoders():
            found += [(getattr(encoder, at), n) for at, n in encoder.vocabularies().items()]
        return found

    def batches(
        self, rows: NDArray[np.integer], batch_size: int = 64, **options: Any
    ) -> tf.data.Dataset:
        """Batches for `fit`, see `tfmm.tasks.classification.batches.label_batches`."""
        return label_batches(rows, self.items, self.labels.has, batch_size=batch_size, **options)

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """Logits float32 `[B, C]` of a batch of `batches`."""
        vectors, _ = self.content(inputs, training=training)
        return self.head(self.dropper(vectors, training=training))

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `batches`, a scalar."""
        return self.label_loss(self(inputs, training=training), inputs["labels"])

    def probabilities(
        self, rows: NDArray[np.integer] | None = None, mask: str | None = None
    ) -> NDArray[np.float32]:
        """The probability of each label.

        Args:
            rows: item rows; all by default.
            mask: a feature that is treated as missing everywhere.

        Returns:
            float32 `[n, C]`, in the order of `labels.names`; rows add up to 1 where an item has one
            label.
        """
        logits = self.logits(rows, mask) / self.temperature.numpy()
        return probabilities_of(logits, self.labels.several)

    def logits(
        self, rows: NDArray[np.integer] | None = None, mask: str | None = None
    ) -> NDArray[np.float32]:
        """Logits float32 `[n, C]`, before the temperature; arguments as of `probabilities`."""
        if mask is not None and mask not in self.items.columns:
            raise ValueError(
                f"There is no feature {mask!r} to mask; the model reads "
                f"{', '.join(self.items.columns)}."
            )
        rows = np.arange(len(self.items.present)) if rows is None else np.asarray(rows)
        return self._logits(rows, mask)[0]

    def modality_weights(self, rows: NDArray[np.integer]) -> dict[str, float]:
        """Mean fusion weight of each feature over those of some items that have it."""
        weights = self._logits(np.asarray(rows))[1]
        there = self.items.present[rows]
        return {
            name: float(weights[there[:, m], m].mean())
            for m, name in enumerate(self.items.columns)
            if there[:, m].any()
        }

    def _logits_of(self, batch: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        vectors, weights = self.content(batch)
        return self.head(vectors), weights

    def _for_any_batch(self, batch: Mapping[str, Any]) -> Any:
        """`_logits_of` of batches such as one, traced once for all their sizes."""
        specs = tf.nest.map_structure(lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), batch)
        read = {
            name: tf.TensorSpec([None, *column.shape[1:]], column.dtype)
            for name, column in self.items.columns.items()
        }
        specs["features"] = {name: read[name] for name in self.items.light}
        for name in self.items.budgets:
            specs["encode"][name]["inputs"] = read[name]
        return tf.function(self._logits_of, input_signature=[specs])

    def _logits(
        self, rows: NDArray[np.integer], mask: str | None = None, batch_size: int = 256
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        shown = np.array([name != mask for name in self.items.columns], bool)
        logits = [np.empty((0, len(self.labels.names)), np.float32)]
        weights = [np.empty((0, len(self.items.columns)), np.float32)]
        for batch in row_batches(rows, self.items, list(self.items.columns), batch_size):
            everything = tf.range(tf.size(batch["items"]))
            features = batch["features"]
            asked = {
                "items": batch["items"],
                "present": batch["present"] & shown,
                "features": {name: features[name] for name in self.items.light},
                "encode": {
                    name: {"at": everything, "inputs": features[name]}
                    for name in self.items.budgets
                },
            }
            if self._step is None:
                self.__dict__["_step"] = self._for_any_batch(asked)
            found = self._step(asked)
            logits.append(found[0].numpy())
            weights.append(found[1].numpy())
        return np.concatenate(logits), np.concatenate(weights)


def probabilities_of(logits: NDArray[np.floating], several: bool) -> NDArray[np.float32]:
    """Softmax over the labels, or a sigmoid each where an item may have several."""
    logits = np.asarray(logits, np.float64)
    if several:
        return (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
