"""Raw values, as requests hold them, to vectors: what signatures serve items by that nobody has
seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders.base import Encoder
from tfmm.encoders.image.pictures import read_pictures
from tfmm.encoders.text.tokenizer import split_words

#: Characters of a text past this many are left out.
LONGEST_TEXT = 2_000
#: Kinds whose raw values are whole files in a request, and pixels or samples in an embedder.
_FILES = ("image", "audio")


def check_embedder(encoder: Encoder) -> None:
    """Refuses an encoder that cannot read raw values in a graph, so that nothing could be served.

    Raises:
        ValueError: its class does not write `embedder`.
    """
    if type(encoder).embedder is Encoder.embedder:
        raise ValueError(
            f"The encoder {encoder.registered!r} of kind {encoder.kind!r} has no `embedder()`, "
            "which reads what requests hold, so that a model with it cannot be served. To resolve "
            f"this, choose another encoder, or write {type(encoder).__name__}.embedder."
        )


class RawReader(tf.Module):
    """An encoder over the raw values of requests, as a module that a SavedModel can hold.

    | kind | raw values | nothing is said by |
    | --- | --- | --- |
    | text | string `[n]` | a text without letter or digit |
    | category | string `[n]` | `""` |
    | image, audio | string `[n]`, encoded files (WAV for audio) | `""` |
    | tags | string `[n, T]`, padded with `""` | a row of `""` |
    | number | float32 `[n]` | NaN |
    | vector | float32 `[n, D]` | a row that holds NaN |
    | image, of several | string `[n, P]`, encoded files, padded with `""` | a row of `""` |
    | video | uint8 `[n, frames, h, w, 3]`, black where there is no frame | black frames alone |

    Args:
        encoder: adapted.
        several: of pictures, whether it reads several of an item beside one of each.

    Raises:
        ValueError: the encoder has no `embedder`.
    """

    def __init__(self, encoder: Encoder, *, several: bool = False) -> None:
        super().__init__(name="raw_reader")
        check_embedder(encoder)
        self.kind, self.several = encoder.kind, several
        self.embedder = encoder.pictures_embedder() if several else encoder.embedder()
        self._size = tuple(getattr(encoder, "size", ()))
        #: Shape and type of the raw values, the batch first.
        self.spec = tf.TensorSpec([None], tf.string) if self.kind in _FILES else self.embedder.spec

    def __call__(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Vectors float32 `[n, dim]`, and bool `[n]`, whether a row says anything."""
        if self.several:
            return self._pictures(values if values.shape.rank == 2 else values[:, None])
        if self.kind == "text":
            values = cleaned(values)
        present = _present(self.kind, values)
        if self.kind == "image":
            values = read_pictures(values, self._size)
        return self.embedder(values), present

    def _pictures(self, files: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # A tf.Example may hold no picture at all.
        files = tf.concat([files, tf.fill([tf.shape(files)[0], 1], "")], axis=1)
        said = tf.strings.length(files) > 0
        # Requests are padded to one width for the server's batching, which few items fill.
        width = tf.reduce_max(tf.where(said, tf.range(1, tf.shape(files)[1] + 1), 1))
        files = files[:, :width]
        pixels = read_pictures(tf.reshape(files, [-1]), self._size)
        pixels = tf.reshape(pixels, [-1, width, *self._size, 3])
        return self.embedder(pixels), tf.reduce_any(said, axis=1)


def cleaned(texts: tf.Tensor) -> tf.Tensor:
    """Texts that every tokenizer can read: bytes that are no UTF-8 count as spaces, characters past
    `LONGEST_TEXT` are left out."""
    texts = tf.strings.unicode_transcode(
        texts,
        "UTF-8",
        "UTF-8",
        errors="replace",
        replacement_char=0x20,
        replace_control_characters=True,
    )
    return tf.strings.substr(texts, 0, LONGEST_TEXT, unit="UTF8_CHAR")


def _present(kind: str, values: tf.Tensor) -> tf.Tensor:
    if kind == "number":
        return tf.math.is_finite(values)
    if kind == "vector":
        return tf.reduce_all(tf.math.is_finite(values), axis=1)
    if kind == "video":
        return tf.reduce_any(values > 0, axis=[1, 2, 3, 4])
    if kind == "text":
        return split_words(values).row_lengths() > 0
    said = tf.strings.length(values) > 0
    return tf.reduce_any(said, axis=1) if kind == "tags" else said


def raw_value(kind: str, column: Any, row: int) -> Any:
    """What a request would hold of a row of a column; see `RawReader`.

    Videos are not read: a request holds their frames.

    Args:
        kind: the column's.
        column: of a catalogue.
        row: which.
    """
    if not column.present[row]:
        return {"number": float("nan"), "tags": [], "vector": None}.get(kind, "")
    if kind == "text":
        return str(column.values[row])
    if kind in _FILES:
        return column.paths[row][0].read_bytes()
    if kind == "category":
        return str(column.vocabulary[column.codes[row]])
    if kind == "tags":
        codes = column.values[column.offsets[row] : column.offsets[row + 1]]
        return [str(column.vocabulary[code]) for code in codes]
    return column.values[row]


def raw_samples(kind: str, spec: tf.TensorSpec, column: Any, count: int) -> NDArray[Any]:
    """Raw values of some rows, the last of which says nothing.

    Args:
        kind: the column's.
        spec: what an input takes.
        column: of a catalogue.
        count: rows.
    """
    if kind == "video":
        return np.zeros([count, *spec.shape[1:]], np.uint8)
    rows = np.flatnonzero(column.present)[:4].tolist()
    values = [raw_value(kind, column, row) for row in rows]
    nothing: Any = {"number": np.nan, "tags": [], "vector": None}.get(kind, "")
    cycle = [*values, nothing]
    shown = [cycle[place % len(cycle)] for place in range(count)]
    if kind == "tags":
        width = max(1, *map(len, shown)) if shown else 1
        return np.array([[*tags, *[""] * (width - len(tags))] for tags in shown], object)
    if kind == "vector":
        blank = np.full(spec.shape[1:], np.nan, np.float32)
        return np.stack([blank if value is None else value for value in shown]).astype(np.float32)
    return np.array(shown, np.float32 if kind == "number" else object)
