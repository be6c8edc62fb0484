"""Text and pictures by modules of TensorFlow Hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.util import tf_inspect

from tfmm.encoders.cache import folder_digest, text_digests
from tfmm.encoders.configured import no_config
from tfmm.encoders.image.pretrained_image import ImageNetwork, PretrainedImage
from tfmm.encoders.pretrained.base import Pretrained
from tfmm.encoders.pretrained.bridge import ALL, FROZEN
from tfmm.encoders.registry import register

if TYPE_CHECKING:
    from tfmm.data.columns import TextColumn


@register("hub", kind="text")
class HubText(Pretrained):
    """A text module of TensorFlow Hub: one that takes strings `[n]` and gives vectors.

    Such are the Universal Sentence Encoder and NNLM. Modules that read token ids have a tokenizer
    of their own beside them and are used as `bert`.

    Args:
        dim: length of the vectors.
        handle: the module's handle, or a folder with its SavedModel.
        **common: the arguments of `Pretrained`; `train` is "frozen" or "all".

    Raises:
        ValueError: a module that cannot be loaded, or does not give vectors for strings.
    """

    unit = "texts"

    def __init__(
        self, dim: int = 64, *, handle: str = "", name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.handle = handle
        _check_train(self)

    def _identity(self) -> dict[str, Any]:
        return {"weights": _identify(self.handle)}

    def _open(self) -> tf.keras.layers.Layer:
        return _open(self.handle, self.train != FROZEN, lambda: tf.constant(["a text"]))

    def _width(self) -> int:
        return int(self.network()(tf.constant(["a text"])).shape[-1])

    def _digests(self, column: TextColumn) -> list[bytes | None]:
        return text_digests([str(text) for text in column.values])

    def _inputs(self, column: TextColumn, cache: Path | None) -> np.ndarray:
        return np.array([str(text).encode() for text in column.values], object)

    def _blocks(
        self, column: TextColumn, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], np.ndarray]]:
        for start in range(0, len(rows), self.encode_batch):
            part = rows[start : start + self.encode_batch]
            yield part, tf.constant([str(text) for text in column.values[part]])

    def _raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string, name="text")

    def _resources(self) -> list[Any]:
        return [self.network().module]


@register("hub", kind="image")
class HubImage(PretrainedImage):
    """A picture module of TensorFlow Hub: float `[n, h, w, 3]` of 0 to 1 to vectors or a map.

    Args:
        dim: length of the vectors.
        handle: the module's handle, or a folder with its SavedModel.
        **common: the arguments of `PretrainedImage`; `train` is "frozen" or "all".

    Raises:
        ValueError: a module that cannot be loaded, or does not read pictures of `size`.
    """

    def __init__(
        self, dim: int = 64, *, handle: str = "", name: str | None = None, **common: Any
    ) -> None:
        super().__init__(dim, name=name, **common)
        self.handle = handle
        _check_train(self)

    def _identity(self) -> dict[str, Any]:
        return {"weights": _identify(self.handle), "size": list(self.size)}

    def _open(self) -> tf.keras.layers.Layer:
        layer = _open(self.handle, self.train != FROZEN, lambda: tf.zeros([1, *self.size, 3]))
        return ImageNetwork(layer, lambda pixels: pixels / 255.0, self.size)

    def _resources(self) -> list[Any]:
        return [self.network().model.module]


def _check_train(encoder: Pretrained) -> None:
    if encoder.train not in (FROZEN, ALL):
        raise ValueError(
            f"train must be 'frozen' or 'all' for a module of TensorFlow Hub, whose layers cannot "
            f"be told apart, but got {encoder.train!r}."
        )


def _identify(handle: str) -> str:
    if not handle:
        raise ValueError(
            "handle must name a module of TensorFlow Hub: its handle or a folder with its "
            f"SavedModel, but got {handle!r}."
        )
    return folder_digest(Path(handle)) if Path(handle).is_dir() else handle


class HubModule(tf.keras.layers.Layer):
    """A loaded SavedModel as a layer; it runs in inference mode unless it is trained.

    In place of `hub.KerasLayer`, whose loading imports `tensorflow.keras` by name: where TensorFlow
    was imported before tfmm, that turns `tf.keras` into Keras 3 under everything built on Keras 2.

    Args:
        module: what `tf.saved_model.load` gave; callable.
        trained: whether its trainable variables are trained.
    """

    def __init__(self, module: Any, trained: bool) -> None:
        super().__init__(name="module", autocast=False)
        self.module = module
        arguments = tf_inspect.getfullargspec(module.__call__)
        self.takes_training = "training" in (*arguments.args, *arguments.kwonlyargs)
        trainable = list(getattr(module, "trainable_variables", []) if trained else [])
        known = {id(variable) for variable in trainable}
        rest = [v for v in getattr(module, "variables", []) if id(v) not in known]
        # As lists, which Keras 2 would otherwise fill by the flags that the variables came with.
        self._trainable_weights: list[tf.Variable] = trainable
        self._non_trainable_weights: list[tf.Variable] = rest

    def get_config(self) -> NoReturn:
        """Refused; the encoder around it has a configuration."""
        no_config(self, "it wraps a loaded model. Use that of the encoder that holds it.")

    def call(self, inputs: tf.Tensor, training: bool = False) -> Any:
        if self.takes_training:
            return self.module(inputs, training=bool(training))
        return self.module(inputs)


def _open(handle: str, trainable: bool, sample: Callable[[], tf.Tensor]) -> HubModule:
    import tensorflow_hub

    # Sentence encoders need the ops of TensorFlow Text.
    import tensorflow_text  # noqa: F401

    try:
        layer = HubModule(tensorflow_hub.load(handle), trainable)
        answer = layer(sample())
    # A handle, a download, a file and a signature can each be at fault, in as many ways.
    except Exception as error:
        raise ValueError(
            f"Cannot use {handle!r} as a module of TensorFlow Hub: {error}. Expected a handle that "
            "this machine reaches, or a folder with a SavedModel that can be called on "
            f"{sample().dtype.name} of shape {sample().shape.as_list()}."
        ) from error
    if not isinstance(answer, tf.Tensor):
        raise ValueError(
            f"The module {handle!r} answers with {type(answer).__name__}, expected one tensor of "
            "vectors. Modules that answer with several are used through keras-hub (`bert`)."
        )
    return layer
