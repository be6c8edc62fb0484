"""The base of tfmm's models: Keras's verbs, each of which works or says what to use instead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfmm.tasks.keras_callbacks import check_callbacks
from tfmm.tasks.weight_files import V3, check_matched, check_weights_path

#: Arguments of `compile` that would change nothing, with the reason.
_COMPILE = {
    "loss": "the model has its own loss. Leave it out; `temperature`, `hard_negatives` and so on "
    "are arguments of the model",
    "loss_weights": "the model has its own loss. Leave it out; pairs have weights of their own",
    "metrics": "there are no labels to measure by. Leave it out, and measure with tfmm.evaluate",
    "weighted_metrics": "there are no labels to measure by. Leave it out, and measure with "
    "tfmm.evaluate",
    "jit_compile": "XLA has no kernels for the model's sparse operations. Leave it out",
}
#: Arguments of `fit` and `evaluate` that would change nothing: what says nothing, and the reason.
_DATA = {
    "y": (None, "the targets are in the batches. Leave it out"),
    "sample_weight": (
        None,
        "the weights are in the batches. Leave it out; those of pairs are Pairs.weight",
    ),
    "class_weight": (
        None,
        "items are no classes. Leave it out; model.batches(…, balance=…, groups=…) evens out "
        "groups of items",
    ),
    "validation_split": (
        0.0,
        "batches cannot be split. Use tfmm.split, and give "
        "validation_data=model.batches(parts.valid)",
    ),
    "batch_size": (None, "batches come made. Give it to model.batches(pairs, batch_size=…)"),
    "validation_batch_size": (
        None,
        "batches come made. Give it to model.batches(pairs, batch_size=…)",
    ),
    "shuffle": (True, "model.batches draws a new order every epoch. Leave it out"),
    "max_queue_size": (10, "batches are made by tf.data. Leave it out"),
    "workers": (1, "batches are made by tf.data. Leave it out"),
    "use_multiprocessing": (False, "batches are made by tf.data. Leave it out"),
}
_NO_FILE = (
    "A {kind} is not saved as a Keras model: it holds the catalogue and what its encoders learned, "
    "which Keras cannot write. To resolve this, keep its weights with save_weights (and make the "
    "model anew by from_data for load_weights), or write what TensorFlow Serving serves with "
    "tfmm.export_model."
)
_NO_CONFIG = (
    "A {kind} has no configuration that makes it anew: it holds the catalogue and what its "
    "encoders learned. To resolve this, make it by from_data with the same arguments, and keep its "
    "weights with save_weights and load_weights."
)
_NO_PREDICT = (
    "A {kind} does not predict from batches, which hold pairs in a random order. To resolve this, "
    "use score(users, pairs) for the scores of all items, user_vectors(pairs) and item_vectors() "
    "for the vectors that they are made of."
)


class KerasModel(tfrs.Model):
    """A `tfrs.Model` whose `compile`, `fit`, `evaluate` and weights are Keras's, and whose other
    verbs refuse in words.

    The losses that `fit` and `evaluate` report are means over the batches. Weights are kept by
    place, so they fit a model made with the same arguments from the same catalogue; a run folder
    keeps them by the names of items and users (`tfmm.tasks.weights`).
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        names = ("loss", "regularization_loss", "total_loss")
        self._means = {name: tf.keras.metrics.Mean(name=name) for name in names}

    def compile(self, optimizer: Any = "rmsprop", loss: None = None, **options: Any) -> None:
        """As Keras's, with the arguments that have a meaning here.

        Raises:
            ValueError: for a loss, metrics, or `jit_compile`.
        """
        given = {**options, "loss": loss}
        for name, reason in _COMPILE.items():
            if given.get(name):
                raise ValueError(f"compile takes no `{name}`: {reason}.")
        super().compile(optimizer=optimizer, **options)

    def fit(
        self,
        x: Any = None,
        y: None = None,
        batch_size: None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        **options: Any,
    ) -> tf.keras.callbacks.History:
        """As Keras's, on batches that the model made.

        Args:
            x: what `batches` returned.
            y, batch_size, validation_split: of Keras's signature; refused.
            epochs: passes over the batches.
            verbose: as Keras's.
            callbacks: Keras's callbacks.
            validation_data: `batches` of another part, whose mean loss each epoch ends with
                (`val_loss`).
            **options: as Keras's; refused where they have no meaning.

        Raises:
            RuntimeError: the model is not compiled.
            ValueError: for anything but batches, arguments without meaning, or a callback that
                cannot do what it promises.
        """
        given = {"y": y, "batch_size": batch_size, "validation_split": validation_split}
        self._check_data("fit", x, given | options)
        if validation_data is not None:
            self._check_batches("fit", "validation_data", validation_data)
        check_callbacks(callbacks, self.optimizer, validation_data is not None)
        return super().fit(
            x,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            **options,
        )

    def evaluate(
        self,
        x: Any = None,
        y: None = None,
        batch_size: None = None,
        verbose: str | int = "auto",
        sample_weight: None = None,
        steps: int | None = None,
        callbacks: Any = None,
        **options: Any,
    ) -> Any:
        """The mean loss of batches that the model made; ranking is measured by `tfmm.evaluate`.

        Args:
            x: what `batches` returned.
            y, batch_size, sample_weight: of Keras's signature; refused.
            verbose, steps, callbacks: as Keras's.
            **options: as Keras's; refused where they have no meaning.

        Raises:
            RuntimeError: the model is not compiled.
            ValueError: for anything but batches, or arguments without meaning.
        """
        given = {"y": y, "batch_size": batch_size, "sample_weight": sample_weight}
        self._check_data("evaluate", x, given | options)
        return super().evaluate(x, verbose=verbose, steps=steps, callbacks=callbacks, **options)

    def train_on_batch(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch of `batches`; the arguments are Keras's, refused as by `fit`."""
        given = {"y": y, "sample_weight": sample_weight, "class_weight": class_weight}
        iterator = self._single("train_on_batch", x, given, reset_metrics)
        logs = self.make_train_function()(iterator)
        return self._reported(logs, return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """The loss of one batch of `batches`; the arguments are Keras's, refused as by `fit`."""
        given = {"y": y, "sample_weight": sample_weight}
        iterator = self._single("test_on_batch", x, given, reset_metrics)
        logs = self.make_test_function()(iterator)
        return self._reported(logs, return_dict)

    def train_step(self, inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """TFRS's step; the losses it reports are the epoch's means so far, as Keras's models do."""
        return self._averaged(super().train_step(inputs))

    def test_step(self, inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """TFRS's step; the losses it reports are the means over the batches so far."""
        return self._averaged(super().test_step(inputs))

    def save_weights(
        self,
        filepath: str | Path,
        overwrite: bool = True,
        save_format: str | None = None,
        options: Any = None,
    ) -> None:
        """As Keras's: to `*.weights.h5`, or to a TensorFlow checkpoint where there is no suffix.

        Raises:
            ValueError: for a file in Keras's old HDF5 format.
        """
        check_weights_path(str(filepath), save_format)
        super().save_weights(str(filepath), overwrite, save_format, options)

    def load_weights(
        self,
        filepath: str | Path,
        skip_mismatch: bool = False,
        by_name: bool = False,
        options: Any = None,
    ) -> Any:
        """As Keras's, of what `save_weights` wrote for a model made with the same arguments.

        Raises:
            ValueError: for a file in Keras's old HDF5 format, `by_name`, or weights of a model of
                another architecture.
        """
        path = str(filepath)
        check_weights_path(path)
        if by_name:
            raise ValueError(
                "Some of a tfmm model's weights share their names. Leave `by_name` out: weights "
                "are found by their place in the model."
            )
        found = super().load_weights(path, skip_mismatch, by_name, options)
        if not path.endswith(V3):
            check_matched(self, path)
        return found

    def predict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused; `score`, `user_vectors` and `item_vectors` answer."""
        self._refuse(_NO_PREDICT)

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused, as `predict` is."""
        self._refuse(_NO_PREDICT)

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused; `save_weights` and `tfmm.export_model` write."""
        self._refuse(_NO_FILE)

    def export(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused; `tfmm.export_model` writes what is served."""
        self._refuse(_NO_FILE)

    def save_spec(self, dynamic_batch: bool = True) -> NoReturn:
        """Refused, as `save` is: `tf.keras.models.save_model` and `tf.saved_model.save` ask it."""
        self._refuse(_NO_FILE)

    def get_config(self) -> NoReturn:
        """Refused; `from_data` makes a model anew."""
        self._refuse(_NO_CONFIG)

    def to_json(self, **kwargs: Any) -> NoReturn:
        """Refused, as `get_config` is."""
        self._refuse(_NO_CONFIG)

    def to_yaml(self, **kwargs: Any) -> NoReturn:
        """Refused, as `get_config` is."""
        self._refuse(_NO_CONFIG)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> NoReturn:
        """Refused, as `get_config` is."""
        raise NotImplementedError(_NO_CONFIG.format(kind=cls.__name__))

    def _refuse(self, words: str) -> NoReturn:
        raise NotImplementedError(words.format(kind=type(self).__name__))

    def _averaged(self, losses: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        for name, mean in self._means.items():
            mean.update_state(losses[name])
        return {**losses, **{name: mean.result() for name, mean in self._means.items()}}

    def _single(self, verb: str, batch: Any, given: Mapping[str, Any], reset_metrics: bool) -> Any:
        """An iterator over one batch, and the metrics at their start where that is asked for."""
        if not isinstance(batch, Mapping):
            raise ValueError(
                f"{verb} takes one batch, such as next(iter(model.batches(parts.train))), but got "
                f"{_told(batch)}."
            )
        batches = tf.data.Dataset.from_tensors(dict(batch))
        self._check_data(verb, batches, given)
        if reset_metrics:
            self.reset_metrics()
        return iter(batches)

    def _reported(self, logs: Mapping[str, tf.Tensor], return_dict: bool) -> Any:
        values = {name: float(value) for name, value in logs.items()}
        return values if return_dict else [values[name] for name in self.metrics_names]

    def _check_data(self, verb: str, x: Any, given: Mapping[str, Any]) -> None:
        if getattr(self, "optimizer", None) is None:
            raise RuntimeError(
                f"The model is not compiled. Before {verb}, call "
                "model.compile(optimizer=tfmm.LazyAdam(0.01)); the loss is the model's own."
            )
        self._check_batches(verb, "x", x)
        for name, (nothing, reason) in _DATA.items():
            value = given.get(name, nothing)
            if value is not nothing and not (isinstance(value, float | int) and value == nothing):
                raise ValueError(f"{verb} takes no `{name}`: {reason}.")

    def _check_batches(self, verb: str, argument: str, value: Any) -> None:
        made = isinstance(getattr(value, "element_spec", None), Mapping)
        if not made and not isinstance(value, tf.keras.utils.experimental.DatasetCreator):
            raise ValueError(
                f"{verb} takes as `{argument}` the batches that the model makes of pairs, such as "
                f"model.batches(parts.train, batch_size=2048), but got {_told(value)}."
            )


def _told(value: Any) -> str:
    spec = getattr(value, "element_spec", None)
    if spec is not None:
        return f"a dataset of {type(spec).__name__}"
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return "nothing" if value is None else f"{type(value).__name__}{shape}"
