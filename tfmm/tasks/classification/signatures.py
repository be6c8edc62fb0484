"""What a classifier answers: labels of items that nobody has seen, from raw values."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import ImageColumn
from tfmm.data.names import input_name, scope_name
from tfmm.encoders.image.every_picture import has_several
from tfmm.encoders.raw import RawReader, raw_samples
from tfmm.tasks.base import Export, Signature
from tfmm.tasks.classification.model import Classifier
from tfmm.tasks.items.tf_example import parse_tf_examples, tf_example


class Served(tf.Module):
    """A classifier over raw values.

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `serving_default` | a value [B] of each feature | `label` [B, K], `probability` [B, K] |
    | `classify_item`, or `tag_item` where an item may have several | the same | the same |
    | `classify_item_pictures`, `tag_item_pictures` | pictures [B, P], padded by "" | the same |
    | `classify` (Classify) | tf.Example | `classes` [B, K], `scores` [B, K] |

    Of a path of classes there are `label_x` and `probability_x` [B, K] too, for each coarser level
    x: its classes, each as probable as its labels together.

    The third is there where the catalogue has items with several pictures; P is the most that the
    shop file lets be read. A tf.Example has a picture, or a list of them.

    Labels come with the most probable first, K of them; tags below the threshold are "". A value
    that says nothing (see `RawReader`) is a missing modality; of a row that says nothing at all,
    every label is "". Inputs are named for the features, in ASCII (`tfmm.data.names.input_name`).

    Args:
        model: the classifier.
        k: labels in an answer.
        threshold: the least probability of a tag, where an item may have several labels.
        pictures: the features of which an item may have several pictures.
    """

    def __init__(
        self, model: Classifier, k: int, threshold: float, pictures: Collection[str] = ()
    ) -> None:
        super().__init__(name="classifier")
        several = model.labels.several
        self.several, self.k = several, min(k, len(model.labels.names))
        encoders = model.content.encoders
        self.readers = [RawReader(one, several=name in pictures) for name, one in encoders.items()]
        self.inputs = lambda: dict(zip(map(input_name, encoders), self.readers, strict=True))
        # Hidden behind a function, and its variables listed: a Keras layer that is tracked brings
        # its own functions into the SavedModel.
        fusion = model.content.fusion
        self._fuse = lambda tokens, mask: fusion(tokens, mask)[0]
        self._fusion_variables = list(fusion.weights)
        self.kernel, self.bias = model.head.weights
        self.temperature = model.temperature
        self.threshold = threshold
        self.names = _strings([*model.labels.names, ""], "labels")
        levels = model.labels.levels
        self.class_names = [
            _strings([*one.names, ""], f"classes_{at}") for at, one in enumerate(levels)
        ]
        self.class_of = [tf.one_hot(one.of, len(one.names)) for one in levels]
        self._level_names = lambda: [scope_name(one.feature) for one in levels]

    def answer(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """The most probable labels of items, and their probabilities."""
        read = [reader(values[name]) for name, reader in self.inputs().items()]
        mask = tf.stack([present for _, present in read], axis=1)
        logits = self._fuse(tf.stack([vectors for vectors, _ in read], axis=1), mask)
        logits = (tf.matmul(logits, self.kernel) + self.bias) / self.temperature
        found = tf.sigmoid(logits) if self.several else tf.nn.softmax(logits)
        known = tf.reduce_any(mask, axis=1, keepdims=True)
        label, probability = self._best(found, self.names, known)
        answer = {"label": label, "probability": probability}
        levels = zip(self._level_names(), self.class_of, self.class_names, strict=True)
        for name, of, names in levels:
            label, probability = self._best(tf.matmul(found, of), names, known)
            answer |= {f"label_{name}": label, f"probability_{name}": probability}
        return answer

    def _best(
        self, found: tf.Tensor, names: tf.Variable, known: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The most probable of some classes `[B, C]`, and their probabilities, `[B, K]`."""
        best, at = tf.math.top_k(found, min(self.k, found.shape[1]))
        shown = known & tf.ones_like(best, tf.bool)
        if self.several:
            shown &= best >= self.threshold
        label = tf.gather(names, tf.where(shown, at, tf.size(names) - 1))
        return label, tf.where(shown, best, 0.0)

    def classify(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same of serialised tf.Examples whose features are the inputs."""
        readers = self.inputs()
        specs = {name: reader.spec for name, reader in readers.items()}
        several = [name for name, reader in readers.items() if reader.several]
        values = parse_tf_examples(examples, specs, several)
        found = self.answer(**values)
        return {"classes": found["label"], "scores": found["probability"]}


def _strings(values: list[str], name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)


def export_of(task: Any, model: Classifier, k: int) -> Export:
    """The export of a finished classifier."""
    items: Catalog = task.data.items
    most = {
        name: task.data.shop.items.features[name].pictures
        for name in model.content.encoders
        if isinstance(column := items.features[name], ImageColumn) and has_several(column)
    }
    served = Served(model, k, task.config.label.threshold, most)
    inputs = {name: reader.spec for name, reader in served.inputs().items()}
    features = dict(zip(inputs, model.content.encoders, strict=True))

    def samples(count: int) -> dict[str, NDArray[Any]]:
        return {
            name: raw_samples(reader.kind, reader.spec, items.features[features[name]], count)
            for name, reader in served.inputs().items()
        }

    def albums(count: int) -> dict[str, NDArray[Any]]:
        return samples(count) | {
            name: _albums(items, features[name], count, most[features[name]]) for name in wide
        }

    def examples(count: int) -> dict[str, NDArray[np.object_]]:
        columns = albums(count)
        rows = [{name: values[row] for name, values in columns.items()} for row in range(count)]
        return {"inputs": np.array([tf_example(row) for row in rows], object)}

    what = "tag_item" if model.labels.several else "classify_item"
    said = "The most probable labels of items from raw values."
    signatures = [
        Signature(name, served.answer, inputs, samples, said) for name in ("serving_default", what)
    ]
    wide = {n: tf.TensorSpec([None, most[f]], tf.string) for n, f in features.items() if f in most}
    if wide:
        each = "The same of items with several pictures each; an empty one fills up."
        signatures.append(Signature(f"{what}_pictures", served.answer, inputs | wide, albums, each))
    signatures.append(
        Signature(
            "classify",
            lambda inputs: served.classify(inputs),
            {"inputs": tf.TensorSpec([None], tf.string)},
            examples,
            "The same of tf.Examples, by TensorFlow Serving's Classify.",
            method="classify",
        )
    )
    metrics = {"labels": len(model.labels.names), "items": int(model.labels.labelled.sum())}
    use = (
        "Telling what an item is, for people to check or to fill what a catalogue lacks. A "
        "probability is what a share of the items that get it turned out to be in validation."
    )
    limits = [
        "It knows the labels of its training alone, and gives one of them to whatever it is shown.",
        "The metrics were measured in training, on the split named in the configuration.",
    ]
    card = {"intended_use": use, "limits": limits, "labels": list(model.labels.names)}
    return Export(signatures, holder=served, sizes=metrics, card=card)


def _albums(items: Catalog, feature: str, count: int, width: int) -> NDArray[np.object_]:
    """All pictures of some items, of which `raw_samples` has the first, `[count, width]`."""
    column: Any = items.features[feature]
    rows = np.flatnonzero(column.present)[:4].tolist()
    cycle = [[path.read_bytes() for path in column.paths[row]] for row in rows] + [[]]
    found = np.full((count, width), "", object)
    for place in range(count):
        files = cycle[place % len(cycle)]
        found[place, : len(files)] = files
    return found
