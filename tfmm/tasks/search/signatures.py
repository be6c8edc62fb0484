"""What a servable searches by: raw queries to vectors in the space of the items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders import Encoder
from tfmm.encoders.raw import RawReader, check_embedder
from tfmm.layers.content import Content
from tfmm.layers.towers import unit

#: Raw queries string `[B]` to vectors float32 `[B, D]` and bool `[B]`, whether they say anything.
Reader = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
#: Signature -> what it is asked by.
SIGNATURES = {
    "search_text": ("text",),
    "search_image": ("image",),
    "search_audio": ("audio",),
    "search_mixed": ("text", "image"),
}


#: Kinds that the item tower reads of a query where there is no query tower for them.
_ALONE = ("image", "audio")


class Search(tf.Module):
    """Query towers that take strings: a text, or the bytes of a picture or a WAV file.

    A text may be anything: bytes that are not UTF-8 count as spaces, characters past
    `LONGEST_TEXT` are left out, and one without a letter or digit says nothing, as does "". What
    says nothing gets padding for an answer. Bytes that are no picture (or no WAV file) fail the
    request, so "" is how to leave a part out.

    Args:
        readers: by kind, "text", "image" or "audio".
        examples: by kind, some queries for warm-up requests.
        tracked: the variables and tables that the readers need, for a SavedModel to hold.

    Raises:
        ValueError: no reader, a kind that there is not, or a reader without an example.
    """

    def __init__(
        self,
        readers: Mapping[str, Reader],
        examples: Mapping[str, Sequence[str | bytes]],
        tracked: Sequence[Any] = (),
    ) -> None:
        super().__init__(name="search")
        kinds = ("text", "image", "audio")
        if not readers or set(readers) - set(kinds):
            raise ValueError(
                f"`readers` must read some of {', '.join(kinds)}, but they read "
                f"{', '.join(readers) or 'nothing'}."
            )
        if missing := [kind for kind in readers if not examples.get(kind)]:
            raise ValueError(f"`examples` must have a query of each kind; {missing} have none.")
        # Through functions: TensorFlow would track a dictionary, and wrap what is in it.
        self._reader = dict(readers).__getitem__
        self._kinds = tuple(kind for kind in kinds if kind in readers)
        self._examples = lambda kind: list(examples[kind])
        self._tracked = list(tracked)

    def arguments(self) -> dict[str, tuple[str, ...]]:
        """What each of its signatures is asked by."""
        return {n: kinds for n, kinds in SIGNATURES.items() if set(kinds) <= set(self._kinds)}

    def examples(self, count: int) -> dict[str, NDArray[np.object_]]:
        """Some queries of each kind, among them one that says nothing where there is room."""
        found = {}
        for kind in self._kinds:
            known = [*self._examples(kind), ""]
            found[kind] = np.array([known[place % len(known)] for place in range(count)], object)
        return found

    def vectors(self, **queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The vectors of queries of one or several kinds, each string `[B]`.

        Returns:
            float32 `[B, D]`, several kinds having equal shares, and bool `[B]`, whether the query
            says anything.
        """
        vectors, known = zip(*(self._reader(k)(v) for k, v in queries.items()), strict=True)
        if len(vectors) == 1:
            return vectors[0], known[0]
        parts = [
            tf.where(said[:, None], vector, 0.0)
            for vector, said in zip(vectors, known, strict=True)
        ]
        joined = tf.math.l2_normalize(tf.add_n(parts), axis=1)
        return joined, tf.reduce_any(tf.stack(known, 1), axis=1)


def check_asked(items: Mapping[str, Encoder], queries: Sequence[tuple[str, Encoder]]) -> None:
    """Refuses encoders by which nothing could be asked of a server; see `search_of`.

    Args:
        items: of the item tower, by feature.
        queries: of the query towers.

    Raises:
        ValueError: one cannot read raw values.
    """
    kinds = {encoder.kind for _, encoder in queries}
    for _, encoder in queries:
        check_embedder(encoder)
    for encoder in items.values() if kinds else ():
        if encoder.kind in _ALONE and encoder.kind not in kinds:
            check_embedder(encoder)


def search_of(model: Any, texts: Sequence[str] = (), dim: int | None = None) -> Search | None:
    """What a model searches by; None for one without query towers.

    Words (and sounds) are read by their query tower. A picture without a query tower of its own is
    read by the item tower, as an item of which only the picture is known.

    Args:
        model: the model.
        texts: examples of texts.
        dim: length of the vectors that are searched, where a linear part that no query has anything
            to say of makes them longer than the model's own; zeros fill the queries up.
    """
    if model.alignment is None:
        return None
    towers = {tower.kind: tower for tower in model.alignment.queries.values()}
    longer = 0 if dim is None else dim - model.item_tower.dim
    readers: dict[str, Reader] = {}
    tracked: list[Any] = []

    def reader(kind: str, encoders: Sequence[Encoder], finish: Any) -> Reader:
        parts = [RawReader(one) for one in encoders]
        tracked.extend(parts)

        def read(raw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            read_by = [part(raw) for part in parts]
            vectors = finish(tf.add_n([vectors for vectors, _ in read_by]))
            known = read_by[0][1]
            return tf.pad(vectors, [[0, 0], [0, longer]]), known

        return read

    for kind, tower in towers.items():
        readers[kind] = reader(
            kind, tower.encoders, lambda vectors, heads=tower.heads: unit(vectors, heads)
        )
    content = model.item_tower.content
    for name, encoder in (content.encoders if content else {}).items():
        if encoder.kind in _ALONE and encoder.kind not in readers:
            assert content is not None
            tracked.append(content.fusion.weights)
            readers[encoder.kind] = reader(
                encoder.kind, [encoder], _alone(content, name, model.item_tower.heads)
            )
    examples: dict[str, Sequence[str | bytes]] = {
        "text": [text for text in texts if text][:8] or ["a"],
        "image": [_picture()],
        "audio": [_sound()],
    }
    return Search(readers, examples, tracked)


def _alone(content: Content, name: str, heads: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The vector of an item of which only one feature is known, from that feature's vector."""
    names = list(content.encoders)

    def finish(token: tf.Tensor) -> tf.Tensor:
        tokens = tf.stack([token if n == name else tf.zeros_like(token) for n in names], axis=1)
        mask = tf.tile([[n == name for n in names]], [tf.shape(token)[0], 1])
        return unit(content.fusion(tokens, mask)[0], heads)

    return finish


def _picture() -> bytes:
    ramp = np.linspace(0, 255, 32 * 24).reshape(32, 24, 1).astype(np.uint8)
    return tf.io.encode_jpeg(np.repeat(ramp, 3, axis=2)).numpy()


def _sound() -> bytes:
    tone = 0.5 * np.sin(np.linspace(0, 440 * 2 * np.pi, 16_000)).astype(np.float32)
    return tf.audio.encode_wav(tone[:, None], 16_000).numpy()
