"""Modalities: the features of items, users or events, each encoded into a vector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.catalog import Catalog
from tfmm.data.names import scope_name
from tfmm.encoders import Encoder, registry
from tfmm.encoders.choice import make_encoders
from tfmm.encoders.configured import no_config

#: Why a layer with encoders has no configuration.
LEARNED = (
    "it holds encoders that learned from the catalogue. To resolve this, make the model by "
    "from_data with the same arguments, and keep its weights with save_weights."
)


class Modalities(tf.keras.layers.Layer):
    """Encodes every feature of an item (or user, or event).

    Heavy encoders (`Encoder.heavy`: a CNN, an LSTM) do not see every row of a training batch. They
    encode the rows that the batch names under `encode`; for the others the layer takes the vector
    it computed last, from a bank with one row an item, as cross-batch memory does (Wang et al.,
    arXiv:1912.06798). Gradients reach the encoder through the freshly encoded rows. A row that was
    never encoded counts as a missing modality.

    Args:
        encoders: encoders by feature name, adapted; one at least.
        rows: the number of items, the height of the banks; 0 where each batch names all of its rows
            under `encode`, so that there is nothing to remember.
        name: Keras's layer name.
    """

    def __init__(self, encoders: Mapping[str, Encoder], rows: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.encoders = dict(encoders)
        self.rows = rows
        self.heavy = [name for name, encoder in encoders.items() if encoder.heavy]
        self.encode = {
            name: tf.function(self.encoders[name], reduce_retracing=True) for name in self.heavy
        }
        self.banks: dict[str, tf.Variable] = {}
        self.filled: dict[str, tf.Variable] = {}
        for feature in self.heavy if rows else ():
            self.banks[feature] = self.add_weight(
                scope_name(f"{feature}_bank"),
                (rows, self.encoders[feature].dim),
                initializer="zeros",
                trainable=False,
            )
            self.filled[feature] = self.add_weight(
                scope_name(f"{feature}_filled"),
                (rows,),
                dtype=tf.bool,
                initializer="zeros",
                trainable=False,
            )

    def tokens(
        self, batch: Mapping[str, Any], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The vectors of a batch of rows.

        Args:
            batch: `items` int32 `[n]`, `present` bool `[n, M]`, `features` {name: `[n, ...]`} for
                light encoders, and in training `encode` {name: {`at` int32 `[K]`, `inputs` `[K,
                ...]`}}.
            training: whether dropout and augmentation are on.

        Returns:
            Vectors float32 `[n, M, dim]`, and bool `[n, M]` where there is one.
        """
        tokens, present = [], tf.unstack(batch["present"], num=len(self.encoders), axis=1)
        for number, (name, encoder) in enumerate(self.encoders.items()):
            if not encoder.heavy:
                tokens.append(encoder(batch["features"][name], training=training))
                continue
            if name not in self.banks:
                tokens.append(encoder(batch["encode"][name]["inputs"], training=training))
                continue
            token = tf.gather(self.banks[name], batch["items"])
            known = tf.gather(self.filled[name], batch["items"])
            if name in batch.get("encode", {}):
                at = batch["encode"][name]["at"][:, None]
                fresh = encoder(batch["encode"][name]["inputs"], training=training)
                token = tf.tensor_scatter_nd_update(token, at, fresh)
                known = tf.tensor_scatter_nd_update(known, at, tf.ones_like(at[:, 0], tf.bool))
                if training:
                    self.remember(name, tf.gather_nd(batch["items"], at), fresh)
            tokens.append(token)
            present[number] = present[number] & known
        return tf.stack(tokens, 1), tf.stack(present, 1)

    def get_config(self) -> NoReturn:
        """Refused: what the encoders learned is no configuration."""
        no_config(self, LEARNED)

    def remember(self, name: str, rows: tf.Tensor, vectors: tf.Tensor) -> None:
        """Writes the vectors `[K, dim]` of rows int32 `[K]` into the bank of a heavy feature."""
        vectors = tf.stop_gradient(vectors)
        self.banks[name].scatter_update(tf.IndexedSlices(vectors, rows))
        self.filled[name].scatter_update(tf.IndexedSlices(tf.ones_like(rows, tf.bool), rows))


def build_modalities(
    catalog: Catalog,
    chosen: Mapping[str, Any] | None,
    *,
    dim: int,
    heads: int = 1,
    budget: int = 4096,
    states: Mapping[str, Any] | None = None,
    cache: Path | None = None,
) -> tuple[dict[str, Encoder], FeatureColumns]:
    """The encoders of a table's features, adapted, and what they read.

    Args:
        catalog: the table.
        chosen: encoder by feature, see `tfmm.encoders.choice`; None takes the default of every
            feature's kind, `{}` none at all.
        dim: length of the vectors.
        heads: of encoders that have such.
        budget: rows that a training step encodes anew of a heavy feature.
        states: what encoders learned earlier, by feature, in place of the catalogue; where `chosen`
            is None, its features alone are read, whatever the table has since.
        cache: folder where decoded pictures and the vectors of frozen encoders are kept.

    Returns:
        Encoders by feature, and their inputs, a row for each of the table.

    Raises:
        ValueError: for a feature or encoder that does not exist, with the nearest one.
    """
    if chosen is None and states is not None:
        chosen = {feature: registry.default(catalog.features[feature].kind) for feature in states}
    states = states or {}
    made = make_encoders(catalog, chosen, dim, heads)
    for feature, encoder in made.items():
        if feature in states:
            encoder.load_state(states[feature])
        else:
            encoder.adapt(catalog.features[feature], cache=cache)
    columns = {
        feature: encoder.prepare(catalog.features[feature], cache=cache)
        for feature, encoder in made.items()
    }
    present = np.ones((len(catalog), len(made)), bool)
    for m, feature in enumerate(made):
        present[:, m] = catalog.features[feature].present
    budgets = {feature: budget for feature, encoder in made.items() if encoder.heavy}
    return made, FeatureColumns(columns, present, budgets)
