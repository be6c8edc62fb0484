"""A Keras 3 layer inside `tf.keras` models: how keras-hub's backbones train in a TFRS model."""

from __future__ import annotations

import inspect
from typing import Any

import tensorflow as tf

FROZEN, ALL = "frozen", "all"


@tf.keras.utils.register_keras_serializable(package="tfmm")
class Keras3Bridge(tf.keras.layers.Layer):
    """Makes a Keras 3 layer or model a `tf.keras` (Keras 2) layer.

    The variables of a Keras 3 layer hold plain `tf.Variable`s; the bridge gives these to Keras 2 as
    its own weights, so that optimizers, checkpoints, `summary()`, distribution strategies and
    SavedModels see what they know. Without it, a Keras 3 layer in a Keras 2 model fails with
    `'Variable' object has no attribute '_unique_id'`.

    - Trainable and frozen weights are those of the inner layer as it stands when the bridge is
      made: freeze parts of it before (`train_only`). A bridge with `trainable=False` is frozen
      whole and always runs in inference mode.
    - Losses that the inner layer adds, those of its regularisers included, are losses of the
      bridge.
    - Mixed precision is the inner layer's own: make it under the same policy (its `dtype`).
      Outputs are cast to the bridge's compute type.
    - Make the inner layer within the scope of a `tf.distribute` strategy to have it mirrored.

    ```python
    inner = keras.layers.Dense(4)  # of the package keras, version 3
    inner.build([None, 8])
    layer = Keras3Bridge(inner)
    layer(tf.zeros([2, 8]))  # [2, 4]
    ```

    Args:
        inner: a Keras 3 layer or model, built: its variables exist.
        name: Keras's layer name.
        **kwargs: as `tf.keras.layers.Layer`.

    Raises:
        TypeError: `inner` is no Keras 3 layer.
        ValueError: `inner` is not built.
    """

    def __init__(self, inner: Any, *, name: str | None = None, **kwargs: Any) -> None:
        # The inner layer casts its inputs itself, and leaves integers and masks as they are.
        super().__init__(name=name, autocast=False, **kwargs)
        import keras

        if not isinstance(inner, keras.Layer):
            raise TypeError(
                f"inner must be a layer of Keras 3 (the package keras), but got {type(inner)!r}. "
                "Layers of tf.keras need no bridge: use them as they are."
            )
        if not inner.built:
            raise ValueError(
                f"The Keras 3 layer {inner.name!r} is not built, so its variables do not exist "
                "yet. Call it once, or its build(input_shape), before it goes into the bridge."
            )
        # Past Keras 2's __setattr__, which would look for layers and variables of its own kind.
        object.__setattr__(self, "inner", inner)
        object.__setattr__(self, "_takes_training", "training" in _parameters(inner))
        # By number: layers' names count up within a process and would not be found again.
        self.tracked = {
            f"{place:04d}.{variable.name}": variable.value
            for place, variable in enumerate(inner.variables)
        }
        # What Keras 2 made of the dictionary, by the flag each variable was born with.
        self._trainable_weights: list[tf.Variable] = []
        self._non_trainable_weights: list[tf.Variable] = []
        self.built = True

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        if not self.trainable:
            return []
        return [variable.value for variable in self.inner.trainable_variables]

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        trained = {id(variable) for variable in self.trainable_weights}
        return [v.value for v in self.inner.variables if id(v.value) not in trained]

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The inner layer's outputs for `inputs`, any structure of tensors that it takes."""
        if self._takes_training:
            outputs = self.inner(inputs, training=bool(training) and self.trainable)
        else:
            outputs = self.inner(inputs)
        if self.trainable:
            for loss in self.inner.losses:
                self.add_loss(tf.convert_to_tensor(loss))
        return tf.nest.map_structure(self._cast, outputs)

    def _cast(self, value: Any) -> tf.Tensor:
        value = tf.convert_to_tensor(value)
        return tf.cast(value, self.compute_dtype) if value.dtype.is_floating else value

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tf.nest.map_structure(
            tf.TensorShape, self.inner.compute_output_shape(tuple(input_shape))
        )

    def save_own_variables(self, store: Any) -> None:
        """Puts the weights into a group of a Keras `.weights.h5` file, by place."""
        for place, variable in enumerate(self.tracked.values()):
            store[str(place)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes the weights from where `save_own_variables` put them.

        Raises:
            ValueError: there are not as many.
        """
        if len(store.keys()) != len(self.tracked):
            raise ValueError(
                f"The bridge {self.name!r} has {len(self.tracked)} weights, but the file "
                f"{len(store.keys())}: it was written by another model. Load it into a model with "
                "the preset of the one that was saved."
            )
        for place, variable in enumerate(self.tracked.values()):
            variable.assign(store[str(place)][()])

    def get_config(self) -> dict[str, Any]:
        import keras

        config = super().get_config()
        config.pop("autocast", None)
        return {**config, "inner": keras.saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Keras3Bridge:
        import keras

        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        if not inner.built and inner.get_build_config():
            inner.build_from_config(inner.get_build_config())
        return cls(inner, **config)


def train_only(model: Any, part: str | int) -> None:
    """Says which layers of a model, of Keras 2 or 3, are trained.

    Args:
        model: a model with `layers` in the order in which data passes them.
        part: "frozen" for none, "all", or a number: the last so many layers that have weights.

    Raises:
        ValueError: for another `part`, or more layers than there are.
    """
    layers = [layer for layer in model.layers if layer.weights]
    if part in (FROZEN, ALL):
        for layer in layers:
            layer.trainable = part == ALL
        return
    count = check_part(part)
    if not isinstance(count, int) or count > len(layers):
        raise ValueError(
            f"train={part!r} asks for more layers than {model.name!r} has: {len(layers)} with "
            "weights. Ask for fewer, or for train='all'."
        )
    for place, layer in enumerate(layers):
        layer.trainable = place >= len(layers) - count


def check_part(part: str | int) -> str | int:
    """`part`, if it is "frozen", "all" or an integer of 1 or more; else a ValueError."""
    whole = isinstance(part, int) and not isinstance(part, bool)
    if part in (FROZEN, ALL) or (whole and int(part) >= 1):
        return part
    raise ValueError(
        "train must be 'frozen', 'all', or how many of the last layers are trained (1 or more), "
        f"but got {part!r}."
    )


def _parameters(layer: Any) -> set[str]:
    """The names of the arguments that a Keras 3 layer's `call` takes."""
    return set(inspect.signature(layer.call).parameters)
