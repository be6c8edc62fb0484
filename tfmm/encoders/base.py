"""What every encoder is: a Keras layer that turns one column of a catalogue into vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow as tf

from tfmm.encoders.configured import Configured
from tfmm.encoders.embedder import Embedder

if TYPE_CHECKING:
    from tfmm.data.columns import Column
    from tfmm.data.rows import MappedRows

#: Rows of an embedding table that belong to no string of the data start with this character.
RESERVED = "\0"


@dataclass(frozen=True)
class OwnRate:
    """A learning rate of their own for some variables.

    Attributes:
        variables: the variables.
        learning_rate: their rate after the warm-up.
        warmup: steps over which the rate rises from zero.
    """

    variables: list[tf.Variable]
    learning_rate: float
    warmup: int


class Encoder(Configured):
    """Turns one feature of items or users into vectors, `float32 [n, dim]`.

    Life of an encoder: `adapt(column)` learns what the data alone tells (vocabulary, statistics);
    `prepare(column)` turns a column into a dense array, once; the layer is then called on rows of
    that array. What `adapt` learned is returned by `state()`, so that `load_state` can rebuild the
    encoder without the data:

    ```python
    one = CategoryEmbedding(dim=16)
    one.adapt(column)
    vectors = one(one.prepare(column))  # [len(column), 16]
    two = CategoryEmbedding.from_config(one.get_config())
    two.load_state(one.state())
    ```

    Subclasses keep every constructor argument in the attribute of the same name; `get_config` reads
    them there. Their `call` gives finite numbers for missing values too; whether a row is present
    is said by `column.present` and travels beside the vectors as a mask.

    Args:
        dim: length of the vectors.
        name: Keras's layer name.
    """

    #: The column kind it reads, one of `tfmm.data.shop_file.specs.KINDS`.
    kind: ClassVar[str] = ""
    #: The name it is registered under.
    registered: ClassVar[str] = ""
    #: True where encoding the whole catalogue at every step would be too slow (CNN, LSTM).
    heavy: bool = False

    _state: dict[str, Any] | None

    def __init__(self, dim: int = 64, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.dim = positive("dim", dim)
        object.__setattr__(self, "_state", None)

    def adapt(self, column: Column, *, cache: Path | None = None) -> None:
        """Learns vocabulary and statistics from `column`; must come before the first call.

        Args:
            column: values of the encoder's kind.
            cache: as for `prepare`.

        Raises:
            ValueError: the column is of another kind, or the layer's variables exist already.
        """
        self._check_kind(column)
        self._check_unbuilt("adapt")
        self._take(self._learn(column, cache))

    def state(self) -> dict[str, Any]:
        """What `adapt` learned, as plain JSON values.

        Raises:
            ValueError: nothing was learned yet.
        """
        self._check_adapted()
        return dict(self._state or {})

    def load_state(self, state: dict[str, Any]) -> None:
        """Takes what another encoder's `state()` returned, in place of `adapt`.

        Raises:
            ValueError: the layer's variables exist already.
        """
        self._check_unbuilt("load_state")
        self._take(dict(state))

    @property
    def adapted(self) -> bool:
        """Whether `adapt` or `load_state` has run."""
        return self._state is not None

    def vocabularies(self) -> dict[str, list[str]]:
        """Attribute name of each embedding variable -> the strings its rows belong to, in order.

        Row i of `getattr(encoder, name)` is the vector of string i; rows that belong to no string
        (padding, unknown) have names that start with `RESERVED`. A warm start moves rows by these.
        """
        return {}

    def prepare(self, column: Column, *, cache: Path | None = None) -> np.ndarray | MappedRows:
        """The dense array `[n, ...]` whose rows are what the layer is called on.

        Args:
            column: n values of the encoder's kind.
            cache: folder for what is worth keeping between runs (thumbnails, vectors of frozen
                encoders); others ignore it.

        Raises:
            ValueError: the column is of another kind, or nothing was adapted yet.
        """
        self._check_kind(column)
        self._check_adapted()
        return self._prepare(column, cache)

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape([tf.TensorShape(input_shape)[0], self.dim])

    def _take(self, state: dict[str, Any]) -> None:
        # Past Keras's own __setattr__, which would wrap the lists in objects that are not JSON.
        object.__setattr__(self, "_state", state)
        self._restore(state)

    @property
    def own_rate(self) -> OwnRate | None:
        """A learning rate for some of its variables alone; None where all take the optimizer's."""
        return None

    def embedder(self) -> Embedder:
        """The encoder from raw values on, as a module that `tf.saved_model.save` takes.

        Raw values are what people write: text and categories as string `[n]`, tags as string `[n,
        T]` padded with "", numbers as float32 `[n]`, vectors as float32 `[n, D]`, sounds as the
        bytes of WAV files `[n]`, pictures as uint8 `[n, h, w, 3]` and clips as uint8 `[n, frames,
        h, w, 3]`; `tfmm.encoders.raw.RawReader` reads pictures from the bytes of files. Its
        `spec` says which. The ops are those of the stock TensorFlow Serving.

        Returns:
            A module to call as `module(values)`, which gives float32 `[n, dim]`; what a value that
            says nothing gives is as `call` has it.

        Raises:
            ValueError: nothing was adapted yet.
        """
        raise NotImplementedError

    def pictures_embedder(self) -> Embedder:
        """As `embedder`, of items with several pictures each: uint8 `[n, P, h, w, 3]`, black where
        there is none; encoders of pictures alone have it."""
        raise NotImplementedError

    # What subclasses write.

    def _learn(self, column: Any, cache: Path | None) -> dict[str, Any]:
        """The JSON-able state that `column` gives."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:
        """Makes tables and constants from a state."""

    def _prepare(self, column: Any, cache: Path | None) -> np.ndarray | MappedRows:
        raise NotImplementedError

    # What subclasses call.

    def _embedder(
        self,
        embed: Callable[[tf.Tensor], tf.Tensor],
        spec: tf.TensorSpec,
        resources: Sequence[Any] = (),
    ) -> Embedder:
        """The encoder from raw values on, as a module that a SavedModel can hold."""
        self._check_adapted()
        if not self.built:
            self.build(None)
        return Embedder(embed, spec, self.weights, resources)

    # Refusals.

    def _check_kind(self, column: Any) -> None:
        if getattr(column, "kind", None) != self.kind:
            raise ValueError(
                f"{type(self).__name__} reads columns of kind {self.kind!r}, but got "
                f"{getattr(column, 'kind', type(column).__name__)!r}. Choose an encoder of that "
                "kind (tfmm.encoders.names(kind) lists them)."
            )

    def _check_adapted(self) -> None:
        if not self.adapted:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has learned nothing from the data yet. Call "
                "adapt(column), or load_state(state) with the state of a trained encoder, first."
            )

    def _check_unbuilt(self, method: str) -> None:
        if self.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has variables already, whose shapes follow "
                f"from what it learned; {method} would leave them behind. Make a new encoder with "
                f"from_config(get_config()) and call {method} on that."
            )


def positive(argument: str, value: int) -> int:
    """`value`, if it is an integer of 1 or more; else a ValueError that names `argument`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{argument} must be an integer of 1 or more, but got {value!r}.")
    return int(value)


def rate(argument: str, value: float) -> float:
    """`value`, if it is a share in [0, 1); else a ValueError that names `argument`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 1.0:
        raise ValueError(f"{argument} must be a number in [0, 1), but got {value!r}.")
    return float(value)
