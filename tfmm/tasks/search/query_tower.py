"""The query tower: words, a picture or a sound to a vector in the items' space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import tensorflow as tf

from tfmm.encoders import Encoder
from tfmm.encoders.configured import no_config
from tfmm.layers.modalities import LEARNED
from tfmm.layers.towers import unit


class QueryTower(tf.keras.layers.Layer):
    """The sum of what one or more encoders make of the same feature, scaled to length one.

    ```python
    words = encoder("text", "subwords", dim=16)
    words.adapt(titles)
    tower = QueryTower([words])
    vectors = tower([words.prepare(titles)])  # float32 [n, 16], of length one
    ```

    Args:
        encoders: encoders of one kind, adapted; one that was trained on much text and one that
            learns the shop's own words add up well.
        heads: independent parts of the vector, see `tfmm.layers.towers.unit`.

    Raises:
        ValueError: no encoder, or encoders of several kinds or lengths.
    """

    def __init__(
        self, encoders: Sequence[Encoder], *, heads: int = 1, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        kinds, dims = {one.kind for one in encoders}, {one.dim for one in encoders}
        if len(kinds) != 1 or len(dims) != 1:
            raise ValueError(
                "A query tower adds up encoders of one kind and one length, but got "
                f"{[f'{one.kind} of {one.dim}' for one in encoders] or 'none'}."
            )
        self.encoders = list(encoders)
        self.heads, self.kind, self.dim = heads, kinds.pop(), dims.pop()

    def get_config(self) -> NoReturn:
        """Refused: what the encoders learned is no configuration."""
        no_config(self, LEARNED)

    def call(self, inputs: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Vectors float32 `[n, dim]` of what the encoders prepared, an array each."""
        pairs = zip(self.encoders, inputs, strict=True)
        vectors = [encoder(values, training=training) for encoder, values in pairs]
        return unit(tf.add_n([tf.cast(vector, tf.float32) for vector in vectors]), self.heads)
