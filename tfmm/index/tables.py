"""Tables of vectors, stored in fewer bits and cast at use."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index.options import check_name

#: How vectors may be stored.
STORAGES = ("float32", "bfloat16", "int8")

# Rows cast at a time: at 64 dimensions 8 MiB of float32, which a CPU's cache takes for the most.
_BLOCK = 32_768
_INT8 = 127


class VectorTable(tf.Module):
    """A table of vectors, stored as float32, bfloat16 or int8, that answers in float32.

    bfloat16 keeps 8 bits of each number's fraction. int8 keeps, for each row, multiples of its
    largest magnitude / 127. Products with queries cast some thousand rows at a time, so that the
    table is never whole in memory as float32.

    Args:
        vectors: float32 `[N, D]`, finite.
        storage: a name in `STORAGES`.
        name: the variable's name.

    Attributes:
        shape: `(N, D)`.
        storage: how it is stored.

    Raises:
        ValueError: `storage` is none of them.
    """

    def __init__(
        self, vectors: NDArray[np.float32], storage: str = "float32", name: str = "vectors"
    ) -> None:
        super().__init__(name=name)
        check_name("storage", storage, STORAGES)
        self.shape = tuple(vectors.shape)
        self.storage = storage
        self._scale: tf.Variable | None = None
        stored: Any = vectors
        if storage == "bfloat16":
            stored = vectors.astype(tf.bfloat16.as_numpy_dtype)
        elif storage == "int8":
            scale = np.abs(vectors).max(axis=1, initial=0).astype(np.float32) / _INT8
            # A row of zeros, or of numbers too small for a scale in float32, is zeros.
            some = scale[:, None] > 0
            steps = np.divide(vectors, scale[:, None], out=np.zeros_like(vectors), where=some)
            stored = np.clip(np.rint(steps), -_INT8, _INT8).astype(np.int8)
            self._scale = tf.Variable(scale, trainable=False, name=f"{name}_scale")
        self._stored = tf.Variable(stored, trainable=False, name=name)

    def rows(self, rows: tf.Tensor) -> tf.Tensor:
        """The vectors of rows `[...]`, float32 `[..., D]`."""
        found = tf.cast(gather(self._stored, rows), tf.float32)
        if self._scale is None:
            return found
        return found * gather(self._scale, rows)[..., tf.newaxis]

    def products(self, queries: tf.Tensor) -> tf.Tensor:
        """Inner products float32 `[B, N]` of queries float32 `[B, D]` with every row."""
        if self.storage == "float32":
            return tf.matmul(queries, self._stored, transpose_b=True)
        n = self.shape[0]
        count = -(-n // _BLOCK)

        def step(i: tf.Tensor, blocks: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            part = tf.cast(self._stored[i * _BLOCK : (i + 1) * _BLOCK], tf.float32)
            # Transposed, because blocks are joined along the first axis.
            return i + 1, blocks.write(i, tf.matmul(part, queries, transpose_b=True))

        if count == 1:
            found = tf.matmul(queries, tf.cast(self._stored, tf.float32), transpose_b=True)
        else:
            blocks = tf.TensorArray(
                tf.float32, size=count, infer_shape=False, element_shape=[None, None]
            )
            # One at a time: casting all at once would hold the whole table as float32.
            _, blocks = tf.while_loop(
                lambda i, _: i < count, step, [tf.constant(0), blocks], parallel_iterations=1
            )
            found = tf.ensure_shape(tf.transpose(blocks.concat()), [None, n])
        return found if self._scale is None else found * self._scale

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        """None: what is indexed is not trained."""
        return []

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        """All variables. A Keras layer lets go of a replaced part only if it lists its weights."""
        return list(self.variables)

    def decoded(self) -> NDArray[np.float32]:
        """All vectors as the table gives them, float32 `[N, D]`."""
        return self.rows(tf.range(self.shape[0])).numpy()


def gather(table: tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """Rows of a variable; `tf.gather` would make TensorFlow copy it whole at every later read."""
    return tf.gather(table.read_value(), rows)


def stored_bytes(variables: Any) -> int:
    """Bytes of the numbers in variables; strings, whose lengths differ, are left out."""
    sizes = [
        variable.shape.num_elements() * variable.dtype.size
        for variable in variables
        if variable.dtype != tf.string
    ]
    return int(sum(sizes))
