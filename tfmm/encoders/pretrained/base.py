"""What every pretrained encoder is: a network that others trained, and a projection of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.columns import VectorColumn
from tfmm.data.rows import MappedRows
from tfmm.encoders.base import Encoder, OwnRate, positive, rate
from tfmm.encoders.cache import cached_vectors
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.pretrained.bridge import FROZEN, check_part
from tfmm.encoders.projection import VectorProjection, check_heads

#: Rows whose vectors tell the mean and scale, where the network is trained.
SAMPLE = 512


class Held:
    """What an encoder makes once and Keras is not to see: it would save it with the layer."""

    network: Any = None
    step: Any = None
    column: Any = None
    vectors: Any = None
    tokenizer: Any = None
    tokenize: Any = None
    spans: Any = None


class Pretrained(Encoder):
    """Base of the encoders whose network comes with weights; its vectors are scaled to length one.

    Frozen, the network runs once over the catalogue (`cached_vectors`), `prepare` gives its vectors
    `float32 [n, width]`, and what is trained and saved with the model is a projection of them; the
    encoder is then as light as given vectors are. Trained in part or whole, `prepare` gives what
    the network reads, and the network is a part of the model.

    Either way the projection centres and scales the vectors first, by what the data say
    (`VectorProjection`), and `embedder()` takes raw values to vectors in one graph.

    Args:
        dim: length of the vectors.
        train: which part of the network is trained: "frozen", "all", or the number of its last
            layers.
        learning_rate: the rate of the network's weights, where it is trained.
        warmup: training steps over which that rate rises from zero.
        hidden: width of a layer with GELU before the projection; 0 leaves it out.
        dropout: share of the network's components that the projection leaves out in training.
        skip, heads, scales: see `VectorProjection`, which the projection is.
        encode_batch: rows that the frozen network encodes at a time.
        name: Keras's layer name.
    """

    #: What the progress bar counts.
    unit = "rows"
    _held: Held

    def __init__(
        self,
        dim: int = 64,
        *,
        train: str | int = FROZEN,
        learning_rate: float = 3e-5,
        warmup: int = 100,
        hidden: int = 0,
        dropout: float = 0.0,
        skip: bool = False,
        heads: int = 1,
        scales: bool = False,
        encode_batch: int = 32,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.train = check_part(train)
        if not 0 < float(learning_rate) < 1:
            raise ValueError(f"learning_rate must lie in (0, 1), but got {learning_rate!r}.")
        self.learning_rate = float(learning_rate)
        self.warmup = positive("warmup", warmup)
        self.hidden = hidden
        self.dropout = rate("dropout", dropout)
        self.skip, self.scales = bool(skip), bool(scales)
        self.heads = check_heads(heads, dim=self.dim, hidden=hidden)
        self.encode_batch = positive("encode_batch", encode_batch)
        self.heavy = train != FROZEN
        object.__setattr__(self, "_held", Held())

    # What subclasses write.

    def _open(self) -> tf.keras.layers.Layer:
        """Loads the network: the rows of `_inputs` to vectors `[n, width]`; `train` applied."""
        raise NotImplementedError

    def _identity(self) -> dict[str, Any]:
        """All that decides the network's vectors, a digest of its weights included."""
        raise NotImplementedError

    def _inputs(self, column: Any, cache: Path | None) -> np.ndarray | MappedRows:
        """What the network reads, for every row of a column."""
        raise NotImplementedError

    def _digests(self, column: Any) -> list[bytes | None]:
        """The digest of each row's content; None where it is missing."""
        raise NotImplementedError

    def _blocks(
        self, column: Any, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], np.ndarray]]:
        """The network's inputs for some rows, a batch at a time, with the rows of each batch."""
        raise NotImplementedError

    def _from_raw(self, raw: tf.Tensor) -> tf.Tensor:
        """The network's inputs from raw values, in ops that a SavedModel can hold."""
        return raw

    def _raw_spec(self) -> tf.TensorSpec:
        """Shape and type of the raw values that `embedder()` takes."""
        raise NotImplementedError

    def _resources(self) -> list[Any]:
        """What `_from_raw` needs besides the network, for a SavedModel to track."""
        return []

    # The network.

    def network(self) -> tf.keras.layers.Layer:
        """The network, loaded when it is first needed: training on cached vectors never does."""
        if self._held.network is None:
            # Also when a graph is being traced, the weights are made outside of it.
            with tf.init_scope():
                self._held.network = self._open()
        return self._held.network

    @cached_property
    def fingerprint(self) -> str:
        """What tells this network's vectors from another's, as JSON."""
        return json.dumps({"encoder": self.registered, **self._identity()}, sort_keys=True)

    def encode(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The network's vectors, float `[n, width]` of length one, for rows of its inputs."""
        vectors = tf.cast(self.network()(inputs, training=training), tf.float32)
        return tf.math.l2_normalize(vectors, axis=1)

    @property
    def own_rate(self) -> OwnRate | None:
        if not self.heavy or not self.built:
            return None
        return OwnRate(self.network().trainable_variables, self.learning_rate, self.warmup)

    # An encoder's life.

    def _learn(self, column: Any, cache: Path | None) -> dict[str, Any]:
        if self.heavy:
            rows = np.flatnonzero(column.present)
            rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
            blocks = [vectors for _, vectors in self._encode_rows(column, rows)]
            vectors = np.concatenate(blocks) if blocks else np.zeros((0, self._width()), np.float32)
            sample = VectorColumn(vectors, np.ones(len(vectors), bool))
        else:
            found = self.frozen(column, cache)
            sample = VectorColumn(found, np.asarray(column.present))  # type: ignore[arg-type]
        scale = VectorProjection(scales=self.scales)
        scale.adapt(sample)
        return {"network": self.fingerprint, **scale.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        if state["network"] != self.fingerprint:
            raise ValueError(
                f"Encoder {self.registered!r} {self.name!r} was adapted with another network or "
                f"other weights: {state['network']}, but now it is {self.fingerprint}. Give it "
                "what it was trained with, or train again."
            )
        self.head = VectorProjection(
            self.dim,
            hidden=self.hidden,
            dropout=self.dropout,
            skip=self.skip,
            heads=self.heads,
            scales=self.scales,
            name="head",
        )
        self.head.load_state({"mean": state["mean"], "scale": state["scale"]})

    def _prepare(self, column: Any, cache: Path | None) -> np.ndarray | MappedRows:
        return self._inputs(column, cache) if self.heavy else self._vectors(column, cache)

    def frozen(self, column: Any, cache: Path | None = None) -> np.ndarray | MappedRows:
        """The frozen network's vectors, float32 `[n, width]`, zeros where there is no value.

        Args:
            column: n values of the encoder's kind.
            cache: as for `prepare`.
        """
        return self._vectors(column, cache)

    def _vectors(self, column: Any, cache: Path | None) -> np.ndarray | MappedRows:
        if self._held.column is not column:
            self._held.vectors = self._make_vectors(column, cache)
            self._held.column = column
        return self._held.vectors

    def _make_vectors(self, column: Any, cache: Path | None) -> np.ndarray | MappedRows:
        return cached_vectors(
            self._digests(column),
            lambda rows: self._encode_rows(column, rows),
            encoder=self.fingerprint,
            width=self._width,
            folder=cache,
            description=f"encoding by {self.registered}",
            unit=self.unit,
        )

    def _width(self) -> int:
        """Length of the network's vectors."""
        raise NotImplementedError

    def _encode_rows(
        self, column: Any, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        if self._held.step is None:
            self.network()  # loaded out here, where AutoGraph has nothing to say about it
            self._held.step = tf.function(lambda x: self.encode(x), reduce_retracing=True)
        for part, inputs in self._blocks(column, rows):
            yield part, self._held.step(inputs).numpy()

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        if self.heavy:
            self.backbone = self.network()
        self.head.build([None, len(self.state()["mean"])])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        vectors = self.encode(inputs, training) if self.heavy else inputs
        return self.head(vectors, training=training)

    def embedder(self) -> tf.Module:
        """Raw values to vectors, as a module that `tf.saved_model.save` takes.

        Returns:
            A module to call as `module(values)`, text as string `[n]`, pictures as uint8 `[n, h, w,
            3]`, which gives float32 `[n, dim]`. It is loaded with TensorFlow alone; text encoders
            also need `import tensorflow_text`, whose ops TensorFlow Serving has built in.

        Raises:
            ValueError: nothing was adapted yet.
        """
        self._check_adapted()
        if not self.built:
            self.build(None)
        return Embedder(
            lambda values: self.head(self.encode(self._from_raw(values))),
            self._raw_spec(),
            [*self.network().weights, *self.head.weights],
            self._resources(),
        )
