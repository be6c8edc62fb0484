"""Entire space: what follows a click, learned from all that was shown."""

from __future__ import annotations

import tensorflow as tf


def click_and_conversion(click: tf.Tensor, conversion: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The log odds of a click and of a click with what follows it, over all that was shown.

    A conversion is seen after a click alone, so a model of it that is trained on clicks meets
    another crowd than the one it is asked about. Trained as the product p(click) p(conversion |
    click) on everything shown, both are learned where both are asked. The product is made of
    logarithms, so that neither small nor certain chances lose their gradients.

    Source: Ma et al., "Entire space multi-task model", arXiv:1804.07931, equation 1.

    ```python
    click, conversion = tf.constant([0.0, -2.0]), tf.constant([1.0, 0.5])
    of_click, of_both = click_and_conversion(click, conversion)
    tf.nn.sigmoid(of_both)  # sigmoid(click) * sigmoid(conversion), about [0.366, 0.074]
    ```

    Args:
        click: log odds of a click, float `[...]`.
        conversion: log odds of a conversion once there was a click, of the same shape.

    Returns:
        The log odds of a click, and of a click with a conversion, of that shape; each is to be
        trained by a binary cross-entropy over all examples.
    """
    log_both = tf.math.log_sigmoid(click) + tf.math.log_sigmoid(conversion)
    # log(p / (1 - p)) of p = exp(log_both); 1 - p by expm1, which keeps what p = 1 - tiny leaves.
    highest = tf.constant(-1e-7, log_both.dtype)
    left = tf.math.log(-tf.math.expm1(tf.minimum(log_both, highest)))
    return click, log_both - left
