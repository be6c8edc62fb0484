"""The bridge: what Keras 2 sees of a Keras 3 layer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfmm.encoders.pretrained.bridge import Keras3Bridge, check_part, train_only

keras = pytest.importorskip("keras", minversion="3")


def inner(**dense: Any) -> Any:
    """A Keras 3 model with a normalisation and dropout: [n, 8] to [n, 3]."""
    inputs = keras.Input((8,))
    x = keras.layers.Dense(6, name="first", **dense)(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, seed=1)(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="last")(x))


def batch(n: int = 32) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    return x, x[:, :1] - x[:, 1:2]


def model(bridge: Keras3Bridge) -> tf.keras.Model:
    made = tf.keras.Sequential([bridge, tf.keras.layers.Dense(1)])
    made(batch()[0])
    made.compile(tf.keras.optimizers.Adam(0.02), "mse")
    return made


def test_trains_inside_a_keras_2_model() -> None:
    tf.keras.utils.set_random_seed(0)
    made = model(Keras3Bridge(inner()))
    losses = made.fit(*batch(), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_keras_2_counts_the_weights() -> None:
    made = model(Keras3Bridge(inner()))
    lines: list[str] = []
    made.summary(print_fn=lines.append)
    assert any("Trainable params: 91" in line for line in lines)
    assert len(made.layers[0].weights) == len({id(w) for w in made.layers[0].weights}) == 9


def test_only_the_last_layers_are_trained() -> None:
    network = inner()
    train_only(network, 1)
    bridge = Keras3Bridge(network)
    weights = bridge.weights
    before = [w.numpy() for w in weights]
    assert [tuple(w.shape) for w in bridge.trainable_weights] == [(6, 3), (3,)]
    model(bridge).fit(*batch(), verbose=0)
    changed = [np.any(old != new) for old, new in zip(before, weights, strict=True)]
    assert changed[:2] == [True, True]
    # The frozen normalisation keeps its averages too; the seed of the dropout moves on.
    frozen = [c for c, w in zip(changed, weights, strict=True) if "seed" not in w.name][2:]
    assert not any(frozen)


def test_a_frozen_bridge_runs_in_inference_mode() -> None:
    bridge = Keras3Bridge(inner(), trainable=False)
    x, _ = batch()
    np.testing.assert_array_equal(bridge(x, training=True), bridge(x))
    assert not bridge.trainable_weights
    assert len(bridge.non_trainable_weights) == 9


def test_training_turns_dropout_on() -> None:
    bridge = Keras3Bridge(inner())
    x, _ = batch()
    np.testing.assert_array_equal(bridge(x), bridge(x))
    assert np.abs(bridge(x, training=True) - bridge(x, training=True)).max() > 0


def test_losses_of_the_inner_layer_count() -> None:
    made = model(Keras3Bridge(inner(kernel_regularizer=keras.regularizers.L2(1.0))))
    expected = np.square(made.layers[0].weights[0].numpy()).sum()
    made(batch()[0])
    assert float(sum(made.losses)) == pytest.approx(float(expected), rel=1e-5)


def test_mixed_precision_computes_in_half_and_keeps_whole_weights() -> None:
    network = keras.Sequential([keras.layers.Dense(3, dtype="mixed_bfloat16")])
    network.build([None, 8])
    bridge = Keras3Bridge(network, dtype=tf.keras.mixed_precision.Policy("mixed_bfloat16"))
    assert bridge(batch()[0]).dtype == tf.bfloat16
    assert bridge.trainable_weights[0].dtype == tf.float32
    assert Keras3Bridge(network)(batch()[0]).dtype == tf.float32


def test_checkpoint_brings_weights_and_optimizer_back(tmp_path: Path) -> None:
    made, other = model(Keras3Bridge(inner())), model(Keras3Bridge(inner()))
    made.fit(*batch(), verbose=0)
    tf.train.Checkpoint(model=made, optimizer=made.optimizer).write(str(tmp_path / "ckpt"))
    other.optimizer.build(other.trainable_variables)
    reader = tf.train.Checkpoint(model=other, optimizer=other.optimizer)
    reader.read(str(tmp_path / "ckpt")).assert_existing_objects_matched()
    x, y = batch()
    np.testing.assert_allclose(made(x), other(x), rtol=1e-5)
    results = [m.fit(x, y, verbose=0, shuffle=False).history["loss"] for m in (made, other)]
    np.testing.assert_allclose(*results, rtol=1e-4)


def test_config_makes_the_same_layer() -> None:
    bridge = Keras3Bridge(inner(), name="one")
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(bridge))
    copy.set_weights(bridge.get_weights())
    assert copy.name == "one"
    np.testing.assert_allclose(copy(batch()[0]), bridge(batch()[0]), rtol=1e-6)


def test_saved_model_loads_with_tensorflow_alone(tmp_path: Path) -> None:
    made = model(Keras3Bridge(inner()))
    x, _ = batch(4)
    tf.saved_model.save(made, str(tmp_path / "saved"))
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, numpy as np, tensorflow as tf\n"
        "answer = tf.saved_model.load('saved').signatures['serving_default']\n"
        "(y,) = answer(tf.constant(np.load('x.npy'))).values()\n"
        "assert not {'tfmm', 'keras_hub'} & set(sys.modules)\n"
        "np.save('y.npy', y)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), made(x), rtol=1e-4, atol=1e-5)


def test_trains_on_two_devices() -> None:
    script = """
import tfmm, keras, numpy as np, tensorflow as tf
from tfmm.encoders.pretrained.bridge import Keras3Bridge
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    inner = keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dropout(0.1)])
    inner.build([None, 8])
    model = tf.keras.Sequential([Keras3Bridge(inner), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.05), "mse")
x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
losses = model.fit(x, x[:, :1], batch_size=16, epochs=8, verbose=0).history["loss"]
assert losses[-1] < 0.5 * losses[0], losses
kernel = model.layers[0].weights[0]
assert len(kernel.values) == 2
np.testing.assert_array_equal(*[value.numpy() for value in kernel.values])
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a layer of Keras 3.*Layers of tf\.keras need no"):
        Keras3Bridge(tf.keras.layers.Dense(3))
    with pytest.raises(ValueError, match="is not built"):
        Keras3Bridge(keras.layers.Dense(3))
    with pytest.raises(ValueError, match=r"train=9 asks for more layers than .* has: 3"):
        train_only(inner(), 9)
    for wrong in (0, -1, True, "some", 1.5):
        with pytest.raises(ValueError, match="train must be 'frozen', 'all', or how many"):
            check_part(wrong)


def test_weights_are_kept_in_kerass_weight_files(tmp_path: Path) -> None:
    first = model(Keras3Bridge(inner()))
    first.fit(*batch(), verbose=0)
    first.save_weights(tmp_path / "w.weights.h5")
    second = model(Keras3Bridge(inner()))
    second.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(second(batch()[0]), first(batch()[0]))
    small = keras.layers.Dense(3)
    small.build([None, 8])
    with pytest.raises(ValueError, match="written by another model"):
        model(Keras3Bridge(small)).load_weights(tmp_path / "w.weights.h5")
