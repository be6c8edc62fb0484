"""What holds for every block."""

import numpy as np
import tensorflow as tf


def moved(layer, *arguments, seed=1):
    """The layer, built by a call, with weights moved away from where they begin."""
    layer(*arguments)
    noise = np.random.default_rng(seed)
    layer.set_weights([w + noise.normal(scale=0.3, size=w.shape) for w in layer.get_weights()])
    return layer


def check_in_a_graph(layer, *arguments):
    """A graph answers as the layer does."""
    graph = tf.nest.flatten(tf.function(layer)(*arguments))
    for one, other in zip(tf.nest.flatten(layer(*arguments)), graph, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
