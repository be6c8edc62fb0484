"""The video encoder: poolings, masks, frames and vectors that are kept, bad settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.presets import write_resnet
from tests.media import write_clip, write_gif
from tfmm.data.columns import VideoColumn
from tfmm.encoders import Pretrained, VideoFrames, video

CNN: dict[str, Any] = {"name": "cnn", "size": [16, 16], "widths": [8, 16]}
CLASSIC: dict[str, Any] = {"name": "classic", "size": [16, 16]}
RED, GREEN = (220, 30, 30), (30, 200, 40)


def solid(*colours: tuple[int, int, int]) -> np.ndarray:
    """A frame of each colour, [T, 16, 16, 3]."""
    return np.broadcast_to(np.array(colours, np.uint8)[:, None, None], (len(colours), 16, 16, 3))


def column(folder: Path, clips: dict[str, np.ndarray]) -> VideoColumn:
    folder.mkdir(exist_ok=True)
    return VideoColumn(tuple((write_gif(folder / name, clip),) for name, clip in clips.items()))


def adapted(shown: VideoColumn, cache: Path | None = None, **config: Any) -> VideoFrames:
    tf.keras.utils.set_random_seed(0)
    encoder = VideoFrames(8, **{"frames": 4, "image": CNN, **config})
    encoder.adapt(shown, cache=cache)
    return encoder


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it, and from then on nothing may decode a clip or run a frozen network."""

    def forbid() -> None:
        def fail(*_: object) -> None:
            raise AssertionError("done again")

        monkeypatch.setattr(video, "sample_frames", fail)
        monkeypatch.setattr(Pretrained, "encode", fail)

    return forbid


def test_the_order_of_frames_tells_under_a_gru_and_not_under_a_mean(tmp_path: Path) -> None:
    clips = {"a.gif": solid(RED, RED, GREEN, GREEN), "b.gif": solid(GREEN, GREEN, RED, RED)}
    shown = column(tmp_path, clips)
    for pooling, differs in (("mean", False), ("attention", False), ("gru", True)):
        encoder = adapted(shown, pooling=pooling)
        vectors = encoder(encoder.prepare(shown)).numpy()
        assert (np.abs(vectors[0] - vectors[1]).max() > 1e-2) == differs, pooling


def test_it_learns_which_way_colours_change(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(16) % 2
    clips = {}
    for i, label in enumerate(labels):
        start, end = (RED, GREEN) if label else (GREEN, RED)
        noise = rng.integers(-25, 26, (4, 16, 16, 3))
        frames = solid(start, start, end, end).astype(int) + noise
        clips[f"{i}.gif"] = frames.clip(0, 255).astype(np.uint8)
    shown = column(tmp_path, clips)
    encoder = adapted(shown, pooling="gru")
    inputs = encoder.prepare(shown)
    model = tf.keras.Sequential([encoder, tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.BinaryCrossentropy(True))
    model.fit(inputs[:8], labels[:8].astype(np.float32), epochs=40, verbose=0)
    assert ((model.predict(inputs[8:], verbose=0)[:, 0] > 0) == labels[8:]).all()


@pytest.mark.parametrize("pooling", ["mean", "gru", "attention"])
def test_frames_that_a_short_clip_lacks_play_no_part(tmp_path: Path, pooling: str) -> None:
    clips = {"short.gif": solid(RED, GREEN), "none.gif": solid(RED)}
    shown = VideoColumn((*column(tmp_path, clips).paths[:1], ()))
    encoder = adapted(shown, pooling=pooling)
    inputs = np.asarray(encoder.prepare(shown))
    assert inputs.shape == (2, 4, 16, 16, 3)
    assert inputs.any(axis=(2, 3, 4)).tolist() == [[True, True, False, False], [False] * 4]
    vectors = encoder(inputs).numpy()
    assert vectors[0].any()
    assert not vectors[1].any()
    if pooling == "mean":
        frames = encoder.encoder(inputs[0, :2]).numpy()
        np.testing.assert_allclose(vectors[0], frames.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_frames_are_cut_out_once_and_kept_by_content(tmp_path: Path, refuse: Any) -> None:
    cache = tmp_path / "cache"
    clips = {"a.gif": solid(RED, GREEN), "again.gif": solid(RED, GREEN), "b.gif": solid(RED)}
    shown = column(tmp_path / "one", clips)
    first = np.asarray(adapted(shown, cache).prepare(shown, cache=cache))
    assert sorted(len(list(folder.iterdir())) for folder in (cache / "frames").iterdir()) == [1, 2]
    refuse()
    moved = column(tmp_path / "two", clips)
    second = adapted(moved, cache)
    np.testing.assert_array_equal(second.prepare(moved, cache=cache), first)


def test_a_frozen_networks_vectors_are_kept_by_frame(
    tmp_path: Path, refuse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    clips = {"a.gif": solid(RED, GREEN), "b.gif": solid(GREEN)}
    shown = column(tmp_path / "one", clips)
    encoder = adapted(shown, cache, image=CLASSIC)
    first = encoder.prepare(shown, cache=cache)
    assert not encoder.heavy
    assert first.shape == (2, 4, 230)
    assert first.any(axis=2).tolist() == [[True, True, False, False], [True, False, False, False]]
    refuse()
    # Where they are too many for memory, they stay on disk.
    monkeypatch.setattr("tfmm.encoders.cache.IN_MEMORY", 0)
    moved = column(tmp_path / "two", clips)
    mapped = adapted(moved, cache, image=CLASSIC).prepare(moved, cache=cache)
    assert mapped.shape == first.shape
    np.testing.assert_array_equal(mapped[:], first)
    np.testing.assert_array_equal(mapped[[1]], first[1:])


def test_without_a_cache_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = column(tmp_path / "clips", {"a.gif": solid(RED, GREEN)})
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    adapted(shown, image=CLASSIC).prepare(shown)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_clips_that_do_not_decode_count_as_missing(tmp_path: Path) -> None:
    shown = column(tmp_path, {"a.gif": solid(RED, GREEN), "b.gif": solid(RED)})
    shown.paths[1][0].write_bytes(b"GIF89a")
    encoder = VideoFrames(8, frames=4, image=CNN)
    message = r"1 videos do not decode .*cannot decode .*b\.gif as a video"
    with pytest.warns(UserWarning, match=message):
        encoder.adapt(shown)
    with pytest.warns(UserWarning, match=message):
        inputs = encoder.prepare(shown)
    assert np.asarray(inputs).any(axis=(1, 2, 3, 4)).tolist() == [True, False]


def test_clips_of_pyav_are_read(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs tfmm[video]")
    clip = np.repeat(solid(RED, GREEN), 10, axis=0)
    shown = VideoColumn(((write_clip(tmp_path / "a.mp4", clip),),))
    inputs = np.asarray(adapted(shown, frames=2).prepare(shown))
    assert np.abs(inputs[0, 0].astype(int) - RED).max() < 40
    assert np.abs(inputs[0, 1].astype(int) - GREEN).max() < 40


def test_a_pretrained_network_trains_at_its_own_rate(tmp_path: Path) -> None:
    shown = column(tmp_path, {"a.gif": solid(RED, GREEN), "b.gif": solid(GREEN)})
    preset = write_resnet(tmp_path / "resnet")
    image = {"name": "keras_hub", "preset": preset, "size": [16, 16], "train": "all"}
    encoder = adapted(shown, image=image)
    assert encoder.heavy
    assert encoder.own_rate is None
    encoder(encoder.prepare(shown))
    assert encoder.own_rate is not None
    assert encoder.own_rate.learning_rate == 3e-5
    assert encoder.own_rate.variables


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"pooling": "max"}, "pooling must be one of mean, gru, attention, but got 'max'"),
        ({"frames": 0}, "frames must be an integer of 1 or more, but got 0"),
        ({"image": "cnm"}, r"Unknown encoder for kind 'image': 'cnm'. Did you mean 'cnn'"),
        ({"image": {"name": "cnn", "sizes": 3}}, r"Unknown argument of encoder 'cnn' \(image\)"),
        ({"image": {"dim": 3}}, r"image must leave out dim, .* own \(64\), but got 3"),
    ],
)
def test_bad_config_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoFrames(**config)
