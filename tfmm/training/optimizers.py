"""Optimizers whose cost follows the rows a batch touches, not the size of the embedding tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfmm")
class LazyAdam(tf.keras.optimizers.Adam):
    """Adam that updates only the rows of an embedding table that the batch looked up.

    `tf.keras.optimizers.Adam` decays both moments of every row on every step, even for a sparse
    gradient, so a step's time grows with the vocabulary. Here the moments of a row stay as they are
    until the row is met again; dense gradients take the ordinary Adam step. State is two floats per
    parameter, as in Adam.

    Source: Kingma and Ba, "Adam", arXiv:1412.6980, algorithm 1, applied to the rows of the
        gradient.

    An embedding row is met rarely and wants large steps; the weights of a network are met on every
    step and want small ones. `dense_rate` gives the second kind a learning rate of its own.

    ```python
    model = tfmm.TwoTower.from_data(shop, parts.train, encoders={"title": "bag"}, dim=16)
    model.compile(optimizer=tfmm.LazyAdam(0.01, dense_rate=0.3))
    model.fit(model.batches(parts.train), epochs=2)
    ```

    Args:
        learning_rate: a float, or a `tf.keras.optimizers.schedules.LearningRateSchedule`.
        dense_rate: the learning rate of variables with a dense gradient, as a share of
            `learning_rate`.
        **kwargs: as `tf.keras.optimizers.Adam`, except `amsgrad`, which is not supported.

    Raises:
        ValueError: for `amsgrad=True`.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.001,
        *,
        dense_rate: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("amsgrad", False):
            raise ValueError("LazyAdam has no amsgrad variant; leave out amsgrad=True or use Adam.")
        kwargs.setdefault("name", "LazyAdam")
        super().__init__(learning_rate, **kwargs)
        self.dense_rate = dense_rate
        # Through __dict__: Keras would track the dictionary as a part of the checkpoint.
        self.__dict__["_own_rates"] = {}

    def give_rate(
        self, variables: Iterable[tf.Variable], learning_rate: float, warmup: int = 1
    ) -> None:
        """Gives some variables a learning rate of their own, as pretrained weights need it.

        It rises from zero over `warmup` steps and falls as the optimizer's own rate falls, by its
        schedule or by a callback. Given rates belong to the variables: they are not part of
        `get_config`, and an optimizer made from that is given them anew, as a model's `compile`
        does.

        Args:
            variables: the variables.
            learning_rate: their rate, in place of the optimizer's and of `dense_rate`.
            warmup: steps of the rise.

        Raises:
            ValueError: the optimizer's own rate begins at 0, of which nothing can be a share.
        """
        first = self._learning_rate
        if isinstance(first, tf.keras.optimizers.schedules.LearningRateSchedule):
            first = first(0)
        first = float(tf.convert_to_tensor(first))
        if not first > 0:
            raise ValueError(
                f"The learning rate of {type(self).__name__} begins at {first:g}, so that "
                "rates of other variables cannot follow it. To resolve this, begin the schedule "
                "above 0."
            )
        for variable in variables:
            self._own_rates[self._var_key(variable)] = (learning_rate, warmup, first)

    def _rates(self, variable: tf.Variable, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """The learning rates of a variable's rows and of a variable with a dense gradient."""
        rate = tf.cast(self.learning_rate, dtype)
        own = self._own_rates.get(self._var_key(variable))
        if own is None:
            return rate, self.dense_rate * rate
        fallen = rate / tf.cast(own[2], dtype)
        risen = tf.minimum(tf.cast(self.iterations + 1, dtype) / own[1], 1.0)
        return own[0] * risen * fallen, own[0] * risen * fallen

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Applies one step to `variable`; of an `IndexedSlices`, to its (distinct) rows alone."""
        position = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        correction = tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
        of_rows, of_all = (rate * correction for rate in self._rates(variable, variable.dtype))

        first, second = self._momentums[position], self._velocities[position]
        if not isinstance(gradient, tf.IndexedSlices):
            m = first.assign(beta_1 * first + (1 - beta_1) * gradient)
            v = second.assign(beta_2 * second + (1 - beta_2) * tf.square(gradient))
            variable.assign_sub(of_all * m / (tf.sqrt(v) + self.epsilon))
            return
        rows, values = gradient.indices, gradient.values
        m = beta_1 * tf.gather(first, rows) + (1 - beta_1) * values
        v = beta_2 * tf.gather(second, rows) + (1 - beta_2) * tf.square(values)
        first.scatter_update(tf.IndexedSlices(m, rows))
        second.scatter_update(tf.IndexedSlices(v, rows))
        variable.scatter_sub(tf.IndexedSlices(of_rows * m / (tf.sqrt(v) + self.epsilon), rows))

    def get_config(self) -> dict:
        """The constructor's arguments as JSON values, the learning rate as it stands now; see
        `give_rate` for what is not among them."""
        config = super().get_config()
        config.pop("amsgrad", None)
        if not isinstance(config["learning_rate"], dict):
            config["learning_rate"] = float(config["learning_rate"])
        return {**config, "dense_rate": self.dense_rate}
