"""A tiny search model: titles as hashed bags of words, pictures by their mean colour, sound by its
loudness."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

TITLES = {
    "r1": "red shoe",
    "r2": "red hat",
    "g1": "green shoe",
    "b1": "blue coat",
    "b2": "blue hat 帽子",
}
TERMS = ["colour=red", "colour=red", "colour=green", "colour=blue", "colour=blue"]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
K, EXCLUDE, ALLOW, BUCKETS = 4, 2, 1, 4096
LOWEST = -3.4028235e38


def _strings(*shape: int | None, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.string, name=name)


_EXCLUDE = _strings(None, EXCLUDE, name="exclude")
_ALLOW = _strings(None, ALLOW, name="allow")


class Searcher(tf.Module):
    """Scores are cosines of words, and of colours; `search_mixed` adds them up."""

    def __init__(self):
        super().__init__()
        self.ids = tf.constant([*TITLES, ""])
        self.terms = tf.constant(TERMS)
        self.words = tf.Variable(self._bags(tf.constant(list(TITLES.values()))))
        colours = [COLOURS[term.partition("=")[2]] for term in TERMS]
        self.colours = tf.Variable(tf.math.l2_normalize(tf.constant(colours, tf.float32), -1))

    def _bags(self, text):
        words = tf.strings.split(tf.strings.lower(text)).to_tensor("")
        hashed = tf.strings.to_hash_bucket_fast(words, BUCKETS)
        ones = tf.one_hot(hashed, BUCKETS) * tf.cast(words != "", tf.float32)[..., None]
        return tf.math.l2_normalize(tf.reduce_sum(ones, 1), -1)

    def _colours(self, image):
        def mean(data):
            pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32), [0, 1])

        found = tf.map_fn(mean, image, fn_output_signature=tf.TensorSpec([3], tf.float32))
        return tf.math.l2_normalize(found, -1)

    def _top(self, scores, exclude, allow):
        hidden = tf.reduce_any(exclude[:, :, None] == self.ids[None, None, :-1], 1)
        wanted = tf.reduce_any(allow[:, :, None] == self.terms[None, None, :], 1)
        hidden |= ~wanted & tf.reduce_any(allow != "", 1, keepdims=True)
        best, rows = tf.math.top_k(tf.where(hidden, LOWEST, scores), K)
        return {
            "item_id": tf.gather(self.ids, tf.where(best > LOWEST, rows, len(TITLES))),
            "score": best,
        }

    @tf.function(input_signature=[_strings(None, name="text"), _EXCLUDE, _ALLOW])
    def search_text(self, text, exclude, allow):
        return self._top(tf.matmul(self._bags(text), self.words, transpose_b=True), exclude, allow)

    @tf.function(input_signature=[_strings(None, name="image"), _EXCLUDE, _ALLOW])
    def search_image(self, image, exclude, allow):
        scores = tf.matmul(self._colours(image), self.colours, transpose_b=True)
        return self._top(scores, exclude, allow)

    @tf.function(input_signature=[_strings(None, name="audio"), _EXCLUDE, _ALLOW])
    def search_audio(self, audio, exclude, allow):
        def loudness(data):
            wav, _ = tf.audio.decode_wav(data)
            return tf.reduce_max(tf.abs(wav))

        loud = tf.map_fn(loudness, audio, fn_output_signature=tf.TensorSpec([], tf.float32))
        places = tf.linspace(0.0, 1.0, len(TITLES))
        return self._top(-tf.abs(loud[:, None] - places[None, :]), exclude, allow)

    @tf.function(input_signature=[_strings(None, name="text"), _strings(None, name="image")])
    def search_mixed(self, text, image):
        blank = tf.io.encode_png(tf.zeros([1, 1, 3], tf.uint8))
        colours = self._colours(tf.where(image == "", blank, image))
        scores = tf.matmul(self._bags(text), self.words, transpose_b=True)
        scores += tf.matmul(colours, self.colours, transpose_b=True)
        none = tf.fill([tf.shape(text)[0], 1], "")
        return self._top(scores, none, none)


def save_searcher(path: Path) -> None:
    model = Searcher()
    names = ("search_text", "search_image", "search_audio", "search_mixed")
    signatures = {name: getattr(model, name) for name in names}
    tf.saved_model.save(model, str(path), signatures=signatures)
