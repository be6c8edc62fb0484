"""What a request says itself of users and items: raw values in place of a table's."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfmm.data.catalog import Catalog
from tfmm.data.names import input_name
from tfmm.encoders.raw import RawReader
from tfmm.layers.fields import Fields
from tfmm.tasks.ranking.reading.rates import Codes

_FILES = ("image", "audio")
_OWN = ("user_id", "item_id")


class WordCodes(tf.Module):
    """The codes that rates are counted under, of words.

    Args:
        codes: what the words stand for.
        tags: whether a row has several words.
    """

    def __init__(self, codes: Codes, *, tags: bool) -> None:
        super().__init__(name="word_codes")
        assert codes.table is not None
        self.width = codes.table.shape[1]
        self.spec = tf.TensorSpec([None, None] if tags else [None], tf.string)
        keys = tf.constant([str(one) for one in codes.names] or [""])
        values = tf.range(tf.size(keys), dtype=tf.int64)
        made = tf.lookup.KeyValueTensorInitializer(keys, values)
        self.table = tf.lookup.StaticHashTable(made, -1)

    def __call__(self, words: tf.Tensor) -> tf.Tensor:
        """Codes int64 `[n, W]` of words string, -1 for what is unknown or padding."""
        words = words[:, None] if words.shape.rank == 1 else words
        # What pads goes last, so that no word is cut off for it.
        blank = tf.strings.length(words) == 0
        order = tf.argsort(tf.cast(blank, tf.int32), axis=1, stable=True)
        filled = tf.fill([tf.shape(words)[0], self.width], "")
        words = tf.concat([tf.gather(words, order, batch_dims=1), filled], axis=1)
        words = words[:, : self.width]
        codes = tf.where(tf.strings.length(words) > 0, self.table.lookup(words), -1)
        return tf.ensure_shape(codes, [None, self.width])


class RawSide(tf.Module):
    """What is told of users or items by their features.

    Args:
        source: "user" or "item", which the names of inputs begin with.
        fields: of the model.
        catalog: the table.
        counted: what rates are counted under of its features.
    """

    def __init__(self, source: str, fields: Fields, catalog: Catalog, counted: list[Codes]) -> None:
        super().__init__(name=f"raw_{source}")
        self.readers = [RawReader(encoder) for encoder in fields.encoders.values()]
        self.words = [
            WordCodes(one, tags=catalog.features[one.name].kind == "tags") for one in counted
        ]
        encoded = {_input(source, name): name for name in fields.encoders}
        self._encoded = lambda: dict(zip(encoded, self.readers, strict=True))
        names = [one.name for one in counted]
        self._counted = lambda: [
            (f"{source}/{name}", _input(source, name), words)
            for name, words in zip(names, self.words, strict=True)
        ]
        self._features = lambda: encoded | {_input(source, name): name for name in names}

    @property
    def features(self) -> dict[str, str]:
        """Feature by input."""
        return self._features()

    @property
    def inputs(self) -> dict[str, tf.TensorSpec]:
        """Raw values by input, the batch first."""
        found = {name: words.spec for _, name, words in self._counted()}
        return found | {name: reader.spec for name, reader in self._encoded().items()}

    def vectors(self, given: Mapping[str, tf.Tensor], known: tf.Tensor) -> tf.Tensor:
        """Vectors float32 `[n, F, d]`: of what is said, and those of a table `known` elsewhere."""
        found = tf.unstack(known, axis=1)
        for place, (name, reader) in enumerate(self._encoded().items()):
            vectors, said = _read(reader, given[name], known.shape[2])
            found[place] = tf.where(said[:, None], vectors, found[place])
        return tf.stack(found, axis=1)

    def codes(self, given: Mapping[str, tf.Tensor]) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """By `source/name` the codes int64 `[n, W]`, and bool `[n]`, whether any word is said."""
        found = {}
        for key, name, words in self._counted():
            said = tf.reshape(tf.strings.length(given[name]) > 0, [tf.shape(given[name])[0], -1])
            found[key] = words(given[name]), tf.reduce_any(said, axis=1)
        return found


def _input(source: str, feature: str) -> str:
    name = input_name(f"{source}_{feature}")
    return f"{name}_feature" if name in _OWN else name


def _read(reader: RawReader, values: tf.Tensor, dim: int) -> tuple[tf.Tensor, tf.Tensor]:
    """As the reader; a network over files runs only where a request holds one."""
    if reader.kind not in _FILES:
        return reader(values)
    said = tf.strings.length(values) > 0
    nothing = tf.zeros([tf.shape(values)[0], dim])
    found = tf.cond(tf.reduce_any(said), lambda: reader(values)[0], lambda: nothing)
    return tf.ensure_shape(found, [None, dim]), said
