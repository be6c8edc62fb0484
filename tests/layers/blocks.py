"""What holds for every block."""

import numpy as np
import tensorflow as tf


def moved(layer, *arguments, seed=1):
    """The layer, built by a call, with weights moved away from where they begin."""
    layer(*arguments)
    noise = np.random.default_rng(seed)
    layer.set_weights([w + noise.normal(scale=0.3, size=w.shape) for w in layer.get_weights()])
    return layer


def twin(layer, *arguments):
    """A layer made of another's configuration, with its weights."""
    config = tf.keras.layers.serialize(layer)
    made = tf.keras.layers.deserialize(config)
    made(*arguments)
    made.set_weights(layer.get_weights())
    return made


def check_round_trip(layer, *arguments):
    """A block's configuration makes it anew, and a graph answers as it does."""
    told = tf.nest.flatten(layer(*arguments))
    again = tf.nest.flatten(twin(layer, *arguments)(*arguments))
    graph = tf.nest.flatten(tf.function(layer)(*arguments))
    for one, two, three in zip(told, again, graph, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(one, three, rtol=1e-5, atol=1e-5)
