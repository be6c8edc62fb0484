"""Optimizers whose cost follows the rows a batch touches, not the size of the embedding tables."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


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

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Applies one step to `variable`; of an `IndexedSlices`, to its (distinct) rows alone."""
        position = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        correction = tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
        rate = tf.cast(self.learning_rate, variable.dtype) * correction

        first, second = self._momentums[position], self._velocities[position]
        if not isinstance(gradient, tf.IndexedSlices):
            m = first.assign(beta_1 * first + (1 - beta_1) * gradient)
            v = second.assign(beta_2 * second + (1 - beta_2) * tf.square(gradient))
            variable.assign_sub(self.dense_rate * rate * m / (tf.sqrt(v) + self.epsilon))
            return
        rows, values = gradient.indices, gradient.values
        m = beta_1 * tf.gather(first, rows) + (1 - beta_1) * values
        v = beta_2 * tf.gather(second, rows) + (1 - beta_2) * tf.square(values)
        first.scatter_update(tf.IndexedSlices(m, rows))
        second.scatter_update(tf.IndexedSlices(v, rows))
        variable.scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + self.epsilon), rows))

    def get_config(self) -> dict:
        config = super().get_config()
        config.pop("amsgrad", None)
        return {**config, "dense_rate": self.dense_rate}
