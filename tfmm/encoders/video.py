"""Video as a few of its frames, by any picture encoder, pooled over time."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfmm.data.columns import ImageColumn
from tfmm.data.media.video import VideoDecodeError, sample_frames
from tfmm.data.progress import progress
from tfmm.data.rows import MappedRows
from tfmm.encoders.ahead import Decoding
from tfmm.encoders.base import Encoder, OwnRate, positive
from tfmm.encoders.cache import file_digests
from tfmm.encoders.embedder import Embedder
from tfmm.encoders.pooling import AttentionPooling, mean_pooling
from tfmm.encoders.registry import encoder, register

if TYPE_CHECKING:
    from tfmm.data.columns import VideoColumn

POOLINGS = ("mean", "gru", "attention")
#: Part of the name of a clip's folder of frames: raised when the same file would give others.
VERSION = 1
#: Clips that are decoded at a time.
BATCH = 16


@register("frames", kind="video")
class VideoFrames(Encoder):
    """Evenly spread frames of a clip by any picture encoder, pooled over time.

    Frames are cut out once, as JPEG files in the cache, and from there on are pictures: a network
    that is trained reads their thumbnails, and the vectors of a frozen one are kept by each frame's
    content. The frames that a short clip lacks are masked; so are frames that are black all over.

    ```python
    clip = encoder("video", "frames", frames=8, image={"name": "cnn", "size": [32, 32]})
    ```

    Args:
        dim: length of the vectors.
        frames: how many frames of a clip are seen.
        image: the picture encoder: its name, or a mapping `{name: …, …its arguments}` without
            `dim`, which is this encoder's own.
        pooling: "mean", which leaves order out; "gru", a GRU over the frames; or "attention", a
            mean weighted by what each frame shows (Yang et al., "Hierarchical attention networks",
            NAACL 2016).
        name: Keras's layer name.

    Raises:
        ValueError: for a picture encoder, argument of it or pooling that there is not.
    """

    #: What the progress bar counts.
    unit = "videos"

    def __init__(
        self,
        dim: int = 64,
        *,
        frames: int = 8,
        image: str | Mapping[str, Any] = "cnn",
        pooling: str = "mean",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dim, name=name, **kwargs)
        self.frames = positive("frames", frames)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, but got {pooling!r}.")
        self.pooling = pooling
        config = {"name": image} if isinstance(image, str) else dict(image)
        if "dim" in config:
            raise ValueError(
                f"image must leave out dim, which is the video encoder's own ({dim}), but got "
                f"{config['dim']!r}."
            )
        # Past Keras, which would wrap it in an object that is not JSON.
        object.__setattr__(self, "image", json.loads(json.dumps(config)))
        self.encoder = encoder("image", config.pop("name", None), dim=self.dim, **config)
        self.heavy = self.encoder.heavy

    image: dict[str, Any]

    @property
    def own_rate(self) -> OwnRate | None:
        return self.encoder.own_rate

    def _learn(self, column: VideoColumn, cache: Path | None) -> dict[str, Any]:
        with _Stills(column, self.frames, cache) as stills:
            self.encoder.adapt(stills, cache=cache)
        return {"image": self.encoder.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.encoder.load_state(state["image"])

    def _prepare(self, column: VideoColumn, cache: Path | None) -> np.ndarray | MappedRows:
        with _Stills(column, self.frames, cache) as stills:
            found = self.encoder.prepare(stills, cache=cache)
        if isinstance(found, MappedRows):
            return MappedRows(found.values, found.rows.reshape(-1, self.frames))
        return found.reshape(-1, self.frames, *found.shape[1:])

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape)
        self.encoder.build(tf.TensorShape([None]).concatenate(shape[2:]))
        if self.pooling != "mean":
            gru = self.pooling == "gru"
            self.pool = tf.keras.layers.GRU(self.dim) if gru else AttentionPooling(self.dim)
            self.pool.build(tf.TensorShape([None, self.frames, self.dim]))
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Vectors of clips `[n, frames, ...]`, each frame as the picture encoder reads it."""
        mask = tf.reduce_any(inputs != 0, axis=range(2, inputs.shape.rank))
        flat = tf.reshape(inputs, [-1, *inputs.shape[2:]])
        return self._pooled(self.encoder(flat, training=training), mask)

    def embedder(self) -> Embedder:
        still = self.encoder.embedder()
        spec = tf.TensorSpec([None, self.frames, *still.spec.shape[1:]], tf.uint8, name="video")

        def embed(clips: tf.Tensor) -> tf.Tensor:
            mask = tf.reduce_any(clips > 0, axis=[2, 3, 4])
            return self._pooled(still(tf.reshape(clips, [-1, *spec.shape[2:]])), mask)

        self._check_adapted()
        if not self.built:
            self.build([None, self.frames, *spec.shape[2:]])
        pool = [] if self.pooling == "mean" else self.pool.weights
        return Embedder(embed, spec, pool, [still])

    def _pooled(self, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """One vector a clip, of those `[n * frames, dim]` of its frames."""
        vectors = tf.reshape(vectors, [-1, self.frames, self.dim])
        if self.pooling == "mean":
            return mean_pooling(vectors, mask)
        seen = tf.cast(tf.reduce_any(mask, axis=1, keepdims=True), vectors.dtype)
        return self.pool(vectors, mask=mask) * seen


class _Stills:
    """The frames of a column of clips as a column of pictures, `count` rows a clip.

    Without a cache the files live as long as the context.
    """

    def __init__(self, column: VideoColumn, count: int, cache: Path | None) -> None:
        self.column, self.count, self.cache = column, count, cache
        self.folder = Path()

    def __enter__(self) -> ImageColumn:
        if self.cache is None:
            self.folder = Path(tempfile.mkdtemp(prefix="tfmm-frames-"))
        else:
            self.folder = self.cache / "frames"
        clips: Decoding[list[Path]] = Decoding(self._cut, VideoDecodeError, "videos")
        rows = np.flatnonzero(self.column.present)
        paths: list[tuple[Path, ...]] = [()] * (len(self.column) * self.count)
        batches = clips.batches(self.column.paths, rows, BATCH)
        for part, found in progress(
            batches, len(rows), "cutting out frames", unit="videos", size=lambda b: len(b[0])
        ):
            for row, files in zip(part.tolist(), found, strict=True):
                for place, file in enumerate(files):
                    paths[row * self.count + place] = (file,)
        return ImageColumn(tuple(paths))

    def __exit__(self, *_: object) -> None:
        if self.cache is None:
            shutil.rmtree(self.folder)

    def _cut(self, clip: Path) -> list[Path]:
        """The files of a clip's frames, cut out unless they are there."""
        (digest,) = file_digests([clip])
        if digest is None:
            raise VideoDecodeError(f"cannot read {clip}")
        folder = self.folder / f"{digest.hex()}-{self.count}-v{VERSION}"
        if not folder.is_dir():
            self._write(clip, folder)
        return sorted(folder.iterdir())

    def _write(self, clip: Path, folder: Path) -> None:
        frames = sample_frames(clip, self.count)
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
        try:
            for place, frame in enumerate(frames):
                frame.save(aside / f"{place:03d}.jpg", quality=95, subsampling=0)
            os.rename(aside, folder)
        except OSError:
            # Another process, or the same clip under another name, may have been first.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
