"""Sound by a small convolutional network over log-mel, MFCC or linear prediction."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.config.names import unknown
from tfmm.data.media.audio import AudioDecodeError, wav_bytes
from tfmm.data.rows import MappedRows
from tfmm.encoders.ahead import Decoding
from tfmm.encoders.audio.front_ends import FRONT_ENDS, FrontEnd
from tfmm.encoders.audio.wav import MARGIN, read_wavs
from tfmm.encoders.base import Encoder, positive
from tfmm.encoders.base import rate as share
from tfmm.encoders.cache import cached_vectors, file_digests
from tfmm.encoders.image.cnn import check_norm, check_widths, residual_network
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import AudioColumn

#: Part of the cache's key: raised when the same files would give other frames.
VERSION = 1
#: Rows whose frames tell the mean and the spread of each number.
SAMPLE = 512
#: Files that the front end reads at a time.
BATCH = 32


@register("cnn", kind="audio")
class AudioCNN(Encoder):
    """A small residual network over frames of sound, pooled over time, projected.

    Sound is mixed to mono, brought to one rate, cut or followed by silence to `seconds`, and made
    frames by the front end: log-mel bands, which suit most sound; cepstral coefficients, which keep
    timbre and leave pitch out; or linear prediction, which suits voices. `prepare` gives the frames
    and not the waveform, since the front end is not trained and would cost more at every step than
    the network: float16 `[n, frames, width + 1]`, 16 kB for five seconds, the last number of a
    frame 1 where there is sound. Frames after a sound's end play no part.

    The network is that of the pictures' `cnn`, half as wide, over time and frequency; a step over
    five seconds costs twice that over a thumbnail of 32 × 32 pixels. Its outputs are pooled over
    time by mean and maximum, and keep their place in frequency. In training a stretch of time and
    one of frequency is hidden (SpecAugment; Park et al., arXiv:1904.08779).

    Args:
        dim: length of the vectors.
        front_end: "log_mel", "mfcc" or "lpc".
        rate: samples a second, in Hz; half of it is the highest frequency that is heard.
        seconds: how much of a sound is heard, from its beginning.
        window: length of a frame in seconds.
        hop: from one frame to the next, in seconds.
        bins: mel bands (40), cepstral (20) or predictive coefficients (16); these if None.
        widths: channels of each stage.
        blocks: residual blocks a stage.
        norm: "batch" or "group", as for pictures.
        augment: the largest share of time and of frequency that training hides; 0 hides nothing.
        dropout: share of the pooled components that training leaves out.
        name: Keras's layer name.

    Raises:
        ValueError: for a front end that there is not, or a length, width, norm or share out of
            range.
    """

    heavy = True

    def __init__(
        self,
        dim: int = 64,
        *,
        front_end: str = "log_mel",
        rate: int = 16_000,
        seconds: float = 5.0,
        window: float = 0.05,
        hop: float = 0.025,
        bins: int | None = None,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        norm: str = "batch",
        augment: float = 0.2,
        dropout: float = 0.0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        if front_end not in FRONT_ENDS:
            raise ValueError(unknown("front end", front_end, FRONT_ENDS))
        self.front_end = front_end
        front = FRONT_ENDS[front_end](rate, window=window, hop=hop, bins=bins)
        self.rate, self.window, self.hop, self.bins = front.rate, window, hop, bins
        if not window <= seconds < math.inf:
            raise ValueError(
                f"seconds must be as long as one window ({window}) or longer, but got {seconds!r}."
            )
        self.seconds = float(seconds)
        self.widths = check_widths(widths)
        self.blocks = positive("blocks", blocks)
        self.norm = check_norm(norm)
        self.augment = share("augment", augment)
        self.dropout = share("dropout", dropout)
        # Past Keras, which would save them with the layer.
        object.__setattr__(self, "front", front)

    front: FrontEnd

    def frames(self, files: tf.Tensor) -> tf.Tensor:
        """What `prepare` gives, from the bytes of WAV files.

        Args:
            files: string `[n]`, see `read_wavs`; "" stands for a missing one.

        Returns:
            float16 `[n, frames, width + 1]`.
        """
        waveforms, counts = read_wavs(files, self.rate, self.seconds)
        found = self.front(waveforms)
        mask = self.front.mask(counts, found.shape[1])[..., None]
        found = tf.concat([found, tf.ones_like(found[..., :1])], axis=-1)
        return tf.cast(tf.where(mask, found, tf.zeros_like(found)), tf.float16)

    def _learn(self, column: AudioColumn, cache: Path | None) -> dict[str, Any]:
        rows = np.flatnonzero(column.present)
        rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
        found = self._prepare(column.take(rows), cache)[:].astype(np.float64)
        heard = found[found[..., -1] > 0][:, :-1]
        if not len(heard):
            return {"mean": [0.0] * self.front.width, "std": [1.0] * self.front.width}
        # What hardly varies says nothing, and is not to be blown up.
        std = np.maximum(heard.std(axis=0), 1e-2)
        return {"mean": heard.mean(axis=0).tolist(), "std": std.tolist()}

    def _restore(self, state: dict[str, Any]) -> None:
        if len(state["mean"]) != self.front.width:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} makes frames of {self.front.width} numbers "
                f"by {self.front_end!r}, but the state is of frames of {len(state['mean'])}. Give "
                "it the front end and bins that it was trained with."
            )
        self.mean = np.array(state["mean"], np.float32)
        self.std = np.array(state["std"], np.float32)

    def _prepare(self, column: AudioColumn, cache: Path | None) -> np.ndarray | MappedRows:
        shape = (-1, self.front.frames(round(self.rate * self.seconds)), self.front.width + 1)
        made = {**self.front.get_config(), "seconds": self.seconds, "version": VERSION}
        del made["name"]
        found = cached_vectors(
            file_digests([paths[0] if paths else None for paths in column.paths]),
            lambda rows: self._blocks(column, rows),
            encoder=json.dumps({"front_end": self.front_end, **made}, sort_keys=True),
            width=lambda: shape[1] * shape[2],
            folder=cache,
            description=f"listening by {self.front_end}",
            unit="sounds",
            dtype=np.float16,
        )
        if isinstance(found, MappedRows):
            return MappedRows(found.values.reshape(shape), found.rows)
        return found.reshape(shape)

    def _blocks(
        self, column: AudioColumn, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float16]]]:
        files: Decoding[bytes] = Decoding(
            lambda path: wav_bytes(path, self.seconds + MARGIN), AudioDecodeError, "sound files"
        )
        for part, found in files.batches(column.paths, rows, BATCH):
            yield part, self.frames(tf.constant(found)).numpy().reshape(len(part), -1)

    def build(self, input_shape: Any) -> None:
        self._check_adapted()
        self.network = residual_network(1, self.widths, self.blocks, self.norm)
        self.stride = 4 * 2 ** (len(self.widths) - 1)
        places = -(-self.front.width // self.stride)
        self.dropper = tf.keras.layers.Dropout(self.dropout)
        self.projection = tf.keras.layers.Dense(self.dim, name="projection")
        self.projection.build([None, 2 * places * self.widths[-1]])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Vectors of frames `[n, frames, width + 1]`; zeros where there is no sound."""
        heard = tf.cast(inputs[..., -1:], self.compute_dtype)
        x = (tf.cast(inputs[..., :-1], self.compute_dtype) - self.mean) / self.std * heard
        if training and self.augment:
            x = self.hide(x)
        x = x[..., None]
        for layer in self.network:
            x = layer(x, training=training)
        x = tf.reshape(x, [-1, x.shape[1], x.shape[2] * x.shape[3]])
        # One where any of the frames that a place stands for has sound.
        heard = tf.nn.max_pool1d(heard, self.stride, self.stride, "SAME")
        mean = tf.math.divide_no_nan(tf.reduce_sum(x * heard, 1), tf.reduce_sum(heard, 1))
        pooled = tf.concat([mean, tf.reduce_max(x * heard, axis=1)], axis=1)
        vectors = self.projection(self.dropper(pooled, training=training))
        return vectors * tf.reduce_max(heard, axis=1)

    def hide(self, x: tf.Tensor) -> tf.Tensor:
        """Frames `[n, frames, width]` with a stretch of each axis at its mean, which is 0."""
        n = tf.shape(x)[0]
        for axis in (1, 2):
            size = x.shape[axis]
            length = tf.random.uniform([n, 1], 0.0, self.augment * size)
            start = tf.random.uniform([n, 1]) * (size - length)
            place = tf.range(size, dtype=tf.float32)
            kept = tf.cast((place < start) | (place >= start + length), x.dtype)
            x *= kept[:, :, None] if axis == 1 else kept[:, None, :]
        return x

    def embedder(self) -> tf.Module:
        """The bytes of WAV files to vectors, as a module that `tf.saved_model.save` takes.

        Returns:
            A module to call as `module(files)`, string `[n]`, which gives float32 `[n, dim]`, zeros
            for "". It is loaded with TensorFlow alone, and its ops are those of the stock
            TensorFlow Serving. See `read_wavs` for what it reads and refuses.

        Raises:
            ValueError: nothing was adapted yet.
        """
        spec = tf.TensorSpec([None], tf.string, name="audio")
        return self._embedder(lambda files: self(self.frames(files)), spec)
